"""Training by the reference."""

from typing import Unpack

from kernels import reference
from kernels.arguments import dataset, weighting
from kernels.arguments.arrays import dtype_of, tensor_of
from kernels.bodies import EnsembleSettings, RunSettings
from kernels.kinds import Report, Tensor
from kernels.results import Ensemble


def loss_and_gradient(
    X: Tensor, y: Tensor, weight: Tensor | None, w: Tensor, b: Tensor, total: Tensor | float
) -> tuple[Tensor, Tensor, Tensor]:
    """Sums over the samples, divided by `total`: loss, gradient by w (d,) and by b."""
    dataset.check_values(X.numpy(), y.numpy())
    return reference.loss_grad(X, y, w, b, "bce", weight, total)


def sgd_run_(
    X: Tensor, y: Tensor, weight: Tensor | None, state: Tensor, *, progress: Report, **settings: Unpack[RunSettings]
) -> tuple[Tensor, Tensor, Tensor]:
    """The path of `kernels.sgd_run_`; `state` is the velocity and the parameters (2, d + 1), float64, in place."""
    velocity, start = state.to(X.dtype)
    w, b = start[:-1].clone(), start[-1:].clone()
    labels, own = weighting.in_dtype(y.numpy(), None if weight is None else weight.numpy(), dtype_of(X))
    options = {"sample_weight": tensor_of(own), "velocity": velocity}
    try:
        run = reference.sgd_run_(X, tensor_of(labels), w, b, **options, **settings)
    finally:
        state[1, :-1], state[1, -1:] = w, b
    state[0] = run.velocity
    steps = settings["epochs"] * -(-len(X) // settings["batch_size"])
    progress(steps, steps)
    return tuple(run)


def sgd_ensemble(
    X: Tensor,
    y: Tensor,
    weight: Tensor | None,
    rates: Tensor,
    w0: Tensor,
    b0: Tensor,
    *,
    progress: Report,
    **settings: Unpack[EnsembleSettings],
) -> Ensemble:
    """`kernels.sgd_ensemble`."""
    # Products of matrices are rounded differently where they lie differently in memory.
    tensors = [tensor.contiguous() for tensor in (X, y, w0, b0)]
    named = dict(zip(("lr", "momentum", "weight_decay"), rates, strict=False))
    ends = reference.sgd_ensemble(*tensors, **named, sample_weight=weight, **settings)
    steps = (len(b0) + len(ends.history.b)) * ends.history.b.shape[1]
    if steps:
        progress(steps, steps)
    return ends
