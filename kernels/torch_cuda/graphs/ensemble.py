"""Training from many starts at once: on a card, with few features, many steps in one launch, by Triton; else a step of
all members is one graph of torch.compile.

In a graph members are computed in float64; after every step they are classified by their parameters in the dtype of the
data.
"""

from typing import Unpack

import numpy as np
import torch

from kernels.arguments.devices import has_triton
from kernels.bodies import EnsembleSettings
from kernels.kinds import Report
from kernels.losses import LOSSES
from kernels.progress import counted
from kernels.results import Ensemble, Run
from kernels.torch_cuda.graphs.compiled import compile_dynamic, padded
from kernels.torch_cuda.graphs.losses import weighted_value_and_slope
from kernels.torch_cuda.graphs.update import batches

LOGITS = {"cpu": 2**20, "cuda": 2**26}  # of members and samples, at once
# Members, samples in a batch and in all, features by which a graph's blocks on a card are chosen; not measured.
LIKELY = 2**14, 2**5, 2**10, 2**5
FEW_FEATURES = 16  # the parameters of more don't fit the registers of a card


def logits(theta, X):
    """(k, n) of members (k, d + 1) and samples (n, d)."""
    return product(theta[:, :-1], X.T) + theta[:, -1:]


def product(A, B):
    """A @ B; Inductor would make several graphs, by sizes, of matrices of one column or row."""
    if A.shape[1] == 1:
        return A * B
    return (A * B[:, 0]).sum(1, keepdim=True) if B.shape[1] == 1 else A @ B


def take_step(batch, limits, looked_at, steps, rates, state, *, loss):
    """Takes a step of every member on a batch X (m, d), y (m,), weight (m,) whose loss is sum(weight * L); NaN where it
    leaves the range.

    `state` is theta (k, d + 1), or with momentum and weight decay theta and velocity, in place; so many `rates` (1,) or
    (k, d + 1) there are: learning rates, or these two after them. `limits` are the largest loss or parameter allowed
    and the number of the step. Notes it in `steps` (k,) for who is right for the first time on the samples and classes
    that are `looked_at`. Returns the losses before the step (k,).
    """
    (X, y, weight), (theta, *velocity), (largest, number) = batch, state, limits.unbind()
    lr, *others = (rate if rate.ndim == 2 else rate[:, None] for rate in rates)
    losses, slopes = weighted_value_and_slope(logits(theta, X), y, weight, loss)
    batch_losses = losses.sum(1)
    moving = torch.cat([product(slopes, X), slopes.sum(1, keepdim=True)], dim=1)
    if velocity:
        momentum, decay = others
        moving = momentum * velocity[0] + moving + decay * theta
        velocity[0].copy_(moving)
    new_theta = theta - lr * moving
    inside = (new_theta.abs() <= largest).all(1, keepdim=True) & (batch_losses <= largest)[:, None]
    theta.copy_(torch.where(inside, new_theta, torch.nan))
    steps.copy_(torch.where((steps < 0) & all_correct(theta, *looked_at), number.to(steps.dtype), steps))
    return torch.where(batch_losses <= largest, batch_losses, torch.nan)


def all_correct(theta, X, classes):
    return ((logits(theta, X) > 0) == classes).all(1)


def compile_step(loss, rates=1, states=1):
    """A kernel that is `take_step` by a loss, of X, y, weight, limits, what is looked at, steps, so many rates and
    states."""
    k, m, n, d = LIKELY

    def take(*tensors):
        X, y, weight, limits, extremes, classes, steps, *others = tensors
        of_members = others[:rates], others[rates:]
        return take_step((X, y, weight), limits, (extremes, classes), steps, *of_members, loss=loss)

    likely = (m, d), (m,), (m,), (None,), (n, d), (n,), (k,), *[(None,)] * rates, *[(k, d + 1)] * states
    return compile_dynamic(take, likely=likely)


def add_losses(total, theta, X, y, weight, counted, *, loss):
    """Adds losses, times their `weight` (n,), and right classifications of samples X (n, d), y (n,), where `counted`
    (n,) is 1 and not 0, to `total` (2, k)."""
    z = logits(theta, X)
    losses, _ = weighted_value_and_slope(z, y, weight, loss)
    correct = (z > 0) == (y > 0.5)
    total.add_(torch.stack([losses.sum(1), torch.where(correct, counted, 0.0).sum(1)]))


def compile_losses(loss):
    """A kernel that is `add_losses` of a loss."""
    k, _, n, d = LIKELY

    def add(*tensors):
        add_losses(*tensors, loss=loss)

    return compile_dynamic(add, likely=((None, k), (k, d + 1), (n, d), (n,), (n,), (n,)))


TAKE = {loss: compile_step(loss) for loss in LOSSES}
TAKE_BY_VELOCITY = {loss: compile_step(loss, rates=3, states=2) for loss in LOSSES}
ADD = {loss: compile_losses(loss) for loss in LOSSES}


def extreme_samples(X, y):
    """Samples that are all right only if all samples are: of one feature, the extremes of each class."""
    if X.shape[1] > 1:
        return X, y
    parts = [(X[of], y[of]) for of in (y > 0.5, y <= 0.5) if of.any()]
    rows = [(some[k], labels[k]) for some, labels in parts for k in (some.argmin(), some.argmax())]
    return tuple(torch.stack(column) for column in zip(*rows, strict=True))


def train(samples, theta, rates, settings, dtype, history, advance):
    """Trains members theta (k, d + 1), in place, on float64 X, y and weights, which may be None; returns their steps.
    Fills `history`, a Run of all of them, unless it is None."""
    X, y, weight = samples
    batch_size, epochs, loss = settings
    if rates.shape[1] > 1:  # of one number a member Inductor's C++ (torch 2.11) takes others to be right
        rates = rates[..., None].expand(-1, -1, theta.shape[1]).contiguous()
    extremes, labels = (padded_by_copies(values) for values in extreme_samples(X, y))
    classes = labels > 0.5
    limits = theta.new_tensor([torch.finfo(dtype).max, 0.0])
    take, state = (TAKE, [theta]) if len(rates) == 1 else (TAKE_BY_VELOCITY, [theta, torch.zeros_like(theta)])
    steps = torch.where(all_correct(theta, extremes, classes), 0, -1)
    of_epoch = list(batches(X, y, weight, None, batch_size))
    for step in range(epochs * len(of_epoch)):
        limits[-1] += 1
        losses = take[loss](*of_epoch[step % len(of_epoch)], limits, extremes, classes, steps, *rates, *state)
        if history is not None:
            k = len(history.b)
            history.w[:, step], history.b[:, step], history.loss[:, step] = theta[:k, :-1], theta[:k, -1], losses[:k]
            advance(k)
        else:
            advance(len(theta))
    return steps


def padded_by_copies(values):
    """At least two rows, the last one again if there is but one."""
    return values if len(values) > 1 else torch.cat([values, values])


def mean_loss_and_accuracy(samples, theta, loss):
    """Mean loss and share right of all samples, (2, k)."""
    X, y, weight = samples
    n = len(y)
    total = theta.new_zeros(2, len(theta))
    rows = max(2, min(n, LOGITS[X.device.type] // len(theta)))
    ones = theta.new_ones(rows)
    for start in range(0, n, rows):
        some = slice(start, min(start + rows, n))
        counted = ones[: some.stop - start]
        block = (X[some], y[some], counted if weight is None else weight[some], counted)
        ADD[loss](total, theta, *(padded(values, rows) for values in block))
    return total / n


def sgd_ensemble(
    X: torch.Tensor,
    y: torch.Tensor,
    weight: torch.Tensor | None,
    rates: torch.Tensor,
    w0: torch.Tensor,
    b0: torch.Tensor,
    *,
    progress: Report,
    **settings: Unpack[EnsembleSettings],
) -> Ensemble:
    """`kernels.sgd_ensemble` on checked tensors: X (n, d), y and weights or None (n,), w0 (k, d) and b0 (k,) of one
    dtype, rates (1 or 3, 1 or k), history_of (m,) NumPy; at most n samples a batch. Members with a history are trained
    again: the others needn't keep theirs."""
    if has_triton(X) and X.shape[1] <= FEW_FEATURES and X.numel() < 2**30:
        from kernels.torch_cuda.triton import ensemble as triton_ensemble

        return triton_ensemble.sgd_ensemble(X, y, weight, rates, w0, b0, progress=progress, **settings)
    return ensemble_by_graphs(X, y, weight, rates, w0, b0, progress=progress, **settings)


def ensemble_by_graphs(X, y, weight, rates, w0, b0, *, batch_size, epochs, loss, history_of, progress):
    n, d = X.shape
    k, m, dtype = len(b0), len(history_of), X.dtype
    total = epochs * -(-n // batch_size)
    settings, start = (batch_size, epochs, loss), torch.cat([w0, b0[:, None]], dim=1).double()
    rates = rates.to(X.device)
    samples = tuple(values if values is None else values.double() for values in (X, y, weight))
    advance = counted(progress, (k + m) * total)
    at_once = max(2, LOGITS[X.device.type] // max(batch_size, n if d > 1 else 4))
    parts = [slice(first, first + at_once) for first in range(0, k, at_once)]
    ends = [train_part(samples, start[part], part_of(rates, part), settings, dtype, advance) for part in parts]
    w, b, value, accuracy, steps = (torch.cat(fields) for fields in zip(*ends, strict=True))
    kept = X.new_empty(m, total, dtype=dtype)
    history = Run(X.new_empty(m, total, d, dtype=dtype), kept, torch.empty_like(kept))
    chosen = torch.from_numpy(np.asarray(history_of)).to(X.device)
    for first in range(0, m, at_once):
        some = slice(first, first + at_once)
        own = Run(*(field[some] for field in history))
        theta, own_rates = padded_by_copies(start[chosen[some]]), part_of(rates, chosen[some])
        train(samples, theta, own_rates, settings, dtype, own, advance)
    return Ensemble(w, b, value, accuracy, steps, history)


def part_of(rates, some):
    """Rates of some members, (r, 1) if they are those of all."""
    return rates if rates.shape[1] == 1 else rates[:, some].contiguous()


def train_part(samples, start, rates, settings, dtype, advance):
    """The fields of an Ensemble without its history, of some of the members."""
    k, theta = len(start), padded_by_copies(start).clone()
    steps = train(samples, theta, rates, settings, dtype, None, advance)
    theta = theta.to(dtype)
    value, accuracy = mean_loss_and_accuracy(samples, theta.double(), settings[-1]).to(dtype)
    diverged = ~theta.isfinite().all(1)
    fields = theta[:, :-1], theta[:, -1], value, accuracy
    ended = [field.masked_fill(diverged[:, None] if field.ndim == 2 else diverged, torch.nan) for field in fields]
    return *(field[:k].contiguous() for field in ended), steps.masked_fill(diverged, -1)[:k]
