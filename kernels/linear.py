"""The fused loss of a linear layer: the public function."""

from kernels.kinds import Tensor


def linear_bce(
    X: Tensor,
    weight: Tensor,
    bias: Tensor,
    y: Tensor,
    *,
    sample_weight: Tensor | None = None,
    pos_weight: Tensor | float | None = None,
) -> Tensor:
    """Mean cross-entropy of the logits X weight + bias: a torch scalar, differentiable by weight and bias.

    The same as binary_cross_entropy_with_logits after a linear layer, but forward and backward together read X once and
    allocate nothing of size n, without pos_weight. So does a derivative in forward mode; each further derivative is
    a pass of eager PyTorch, and so is all of torch.func.vmap. Works in torch.compile(fullgraph=True), and in the
    forward of a module under DistributedDataParallel or fully_shard.

    Parameters
    ----------
    X : tensor (n, d), float32 or float64
        Features, on the CPU or one CUDA device.
    weight : tensor (d,) or (1, d)
        Of the dtype of X.
    bias : tensor () or (1,)
        Of the dtype of X.
    y : tensor (n,) or (n, 1)
        Labels in [0, 1]: float32, float64, integers or booleans.
    sample_weight : tensor (n,) or (n, 1), optional
        At least 0: the mean is sum(weight * loss) / n, as torch has it, where `bce_loss_grad` divides by sum(weight):
        the same for weights whose mean is 1.
    pos_weight : float or tensor of one, optional
        At least 0: that of torch.nn.BCEWithLogitsLoss.

    Returns
    -------
    tensor ()
        The loss, in the dtype of X.

    Raises
    ------
    ValueError, TypeError
        They name a wrong argument; within torch.func.vmap labels out of range make NaN. There are no derivatives by
        anything but weight and bias: what requires a gradient, or has a tangent, is refused. So is a DTensor: what
        fully_shard splits is whole in the forward of its module.

    See Also
    --------
    bce_loss_grad : loss and gradient of arrays, without autograd

    Examples
    --------
    >>> import torch
    >>> from kernels import linear_bce
    >>> X, y = torch.tensor([[0.0, 1.0], [1.0, 0.0], [-1.0, 0.5]]), torch.tensor([1, 1, 0])
    >>> layer = torch.nn.Linear(2, 1)
    >>> with torch.no_grad():
    ...     _ = layer.weight.copy_(torch.tensor([[1.0, 2.0]])), layer.bias.zero_()
    >>> loss = linear_bce(X, layer.weight, layer.bias, y)
    >>> loss.backward()
    >>> round(loss.item(), 4), [round(slope, 4) for slope in layer.weight.grad.flatten().tolist()]
    (0.3778, [-0.2563, 0.0436])
    """
    import torch

    from kernels import autograd

    arguments = autograd.checked(X, weight, bias, y, sample_weight, pos_weight)
    if torch.compiler.is_dynamo_compiling():
        from kernels import in_graph

        return in_graph.mean_loss(*arguments)
    return autograd.mean_loss(*arguments)
