"""Training on the device of the data: on a card many steps of small batches in one launch, by Triton; else a step is
one graph of torch.compile, and nothing waits for the device.

Parameters and sums are float64 whatever the dtype of the data. A step that would leave the range of the dtype isn't
taken, nor are those after it; its number is looked at from time to time.
"""

from typing import Unpack

import numpy as np
import torch

from kernels.arguments.devices import has_triton
from kernels.bodies import RunSettings
from kernels.kinds import Report
from kernels.losses import LOSSES
from kernels.mathematics.divergence import left_range
from kernels.torch_cuda.graphs.compiled import compile_dynamic, padded
from kernels.torch_cuda.graphs.losses import weighted_value_and_slope

# From one look at the device to the next, of which Ctrl-C waits: well under 0.1 s (an estimate, from no card).
STEPS = 64
VALUES = 2**32  # of X
# Of X: values in a batch, and columns, that one processor of a card is quicker with than a launch for each step.
SMALL_BATCH = 2**15
FEW_COLUMNS = 2**10
LIKELY_BATCH = 2**16, 2**6  # the shape of one by which a graph's blocks on a card are chosen; not measured


def take_step(X, y, weight, theta, velocity, trained, rates, status, *, loss):
    """Takes a step on a batch X (m, d), y (m,), whose loss is sum(weight * L): theta and velocity (d + 1,) in place.

    `trained` (d + 1,) is 1 for what is, else 0. `rates` are the learning rate, momentum, weight decay and the largest
    loss or parameter allowed; `status` is how many steps were tried and the number of the first that failed, or 0.
    Returns theta and the loss before the step (d + 2,).
    """
    lr, momentum, decay, largest = rates.unbind()
    X = X.double()
    z = (X * theta[:-1]).sum(1) + theta[-1]
    losses, slopes = weighted_value_and_slope(z, y.double(), weight, loss)
    batch_loss = losses.sum()
    gradient = torch.cat([(slopes[:, None] * X).sum(0), slopes.sum()[None]])
    new_velocity = trained * (momentum * velocity + gradient + decay * theta)
    new_theta = theta - lr * new_velocity
    inside = (batch_loss <= largest) & (new_theta.abs() <= largest).all()
    step, failed = status[0] + 1, status[1]
    failed = torch.where((failed == 0) & ~inside, step, failed)
    after = torch.where(failed == 0, new_theta, theta)
    velocity.copy_(new_velocity)
    theta.copy_(after)
    status.copy_(torch.stack([step, failed]))
    return torch.cat([after, batch_loss[None]])


def compile_step(loss):
    """A kernel that is `take_step` by a loss."""
    m, d = LIKELY_BATCH

    def take(*tensors):
        return take_step(*tensors, loss=loss)

    return compile_dynamic(take, likely=((m, d), (m,), (m,), (d + 1,), (d + 1,), (d + 1,)))


TAKE = {loss: compile_step(loss) for loss in LOSSES}


def batches(X, y, weight, order, size):
    """(X, y, weight) of each batch in turn, the last filled up with rows of weight 0: weights, or 1, are divided by the
    number of samples. `order` (n,) or None: as is."""
    length = max(2, size)
    for start in range(0, len(y), size):
        rows = slice(start, start + size) if order is None else order[start : start + size]
        labels = y[rows]
        if weight is None:
            own = X.new_full((len(labels),), 1 / len(labels), dtype=torch.float64)
        else:
            own = weight[rows] / len(labels)
        yield tuple(padded(values, length) for values in (X[rows], labels, own))


def batches_of_epochs(samples, size, epochs, shuffle_seed):
    """The batches of X, y, weights or None, in all epochs in turn, these a range."""
    X, y, weight = samples
    in_order = list(batches(X, y, weight, None, size)) if shuffle_seed is None else None
    for epoch in epochs:
        if in_order is not None:
            yield from in_order
        else:
            order = np.random.default_rng([shuffle_seed, epoch]).permutation(len(X))
            yield from batches(X, y, weight, torch.from_numpy(order).to(X.device), size)


def sgd_run_(
    X: torch.Tensor,
    y: torch.Tensor,
    weight: torch.Tensor | None,
    state: torch.Tensor,
    *,
    progress: Report,
    **settings: Unpack[RunSettings],
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The path of `kernels.sgd_run_` on checked tensors: X (n, d), y (n,), weights (n,) or None; batch_size <= n.

    `state` (2, d + 1) is the velocity and the parameters, float64, both in place; `trained` (d + 1,), NumPy, is 1 for
    those that are, else 0, or None."""
    d = X.shape[1]
    if has_triton(X) and d <= FEW_COLUMNS and settings["batch_size"] * d <= SMALL_BATCH:
        from kernels.torch_cuda.triton import update as triton_update

        return triton_update.sgd_run_(X, y, weight, state, progress=progress, **settings)
    return run_by_graphs_(X, y, weight, state, progress=progress, **settings)


def run_by_graphs_(
    X,
    y,
    weight,
    state,
    *,
    lr,
    batch_size,
    epochs,
    loss,
    shuffle_seed,
    first_epoch,
    momentum,
    weight_decay,
    trained,
    history,
    progress,
):
    n, d = X.shape
    steps = epochs * -(-n // batch_size)
    path = X.new_empty(steps // history if history else 0, d + 2)
    velocity, theta = (values.clone() for values in state)
    moving, status = torch.ones_like(theta) if trained is None else theta.new_tensor(trained), theta.new_zeros(2)
    rates = theta.new_tensor([lr, momentum, weight_decay, torch.finfo(X.dtype).max])
    at_once = max(1, min(STEPS, VALUES // (batch_size * d)))
    numbers = range(first_epoch, first_epoch + epochs)
    try:
        for step, batch in enumerate(batches_of_epochs((X, y, weight), batch_size, numbers, shuffle_seed), start=1):
            record = TAKE[loss](*batch, theta, velocity, moving, rates, status)
            if history and step % history == 0:
                path[step // history - 1] = record
            if step % at_once == 0 or step == steps:
                if failed := int(status[1]):
                    raise left_range(failed, steps, X.dtype, lr)
                progress(step, steps)
    finally:
        state.copy_(torch.stack([velocity, theta]))
    return path[:, :d].contiguous(), path[:, d].contiguous(), path[:, d + 1].contiguous()
