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
    a pass of eager PyTorch, and so is all of torch.func.vmap. Works in torch.compile(fullgraph=True).

    X              features (n, d), float32 or float64, tensor on the CPU or one CUDA device
    weight, bias   (d,) or (1, d) and () or (1,), of the dtype of X
    y              labels in [0, 1], (n,) or (n, 1): float32, float64, integers or booleans
    sample_weight  tensor (n,) or (n, 1), >= 0: the mean is sum(weight * loss) / n, as torch has it, where
                   `bce_loss_grad` divides by sum(weight): the same for weights whose mean is 1
    pos_weight     a number >= 0, or a tensor of one: of torch.nn.BCEWithLogitsLoss

    Raises ValueError or TypeError that name a wrong argument; within torch.func.vmap labels out of range make NaN.
    There are no derivatives by anything but weight and bias: what requires a gradient, or has a tangent, is refused.
    """
    import torch

    from kernels import autograd

    arguments = autograd.checked(X, weight, bias, y, sample_weight, pos_weight)
    if torch.compiler.is_dynamo_compiling():
        from kernels import in_graph

        return in_graph.mean_loss(*arguments)
    return autograd.mean_loss(*arguments)
