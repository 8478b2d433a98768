"""A whole run of minibatch gradient descent by Triton: one program takes many steps in a launch, by tiles of rows.

Parameters and sums are float64 whatever the dtype of the data, as elsewhere on a device.
"""

import numpy as np
import torch
import triton
import triton.language as tl
from torch.library import triton_op, wrap_triton

from kernels.losses import CODES
from kernels.mathematics.divergence import left_range
from kernels.torch_cuda.triton.looks import Look, one_behind
from kernels.torch_cuda.triton.losses import value_and_slope

# Values of X at once: of twice as many, 568 bytes of a thread's registers are spilled, of these at most 40 (Triton 3.6
# and 3.9, compute capability 9.0).
TILE = 2**11
# Of one launch, so that it takes well under 0.1 s (an estimate, from no card): in between Ctrl-C is answered.
VALUES = 2**22  # of X
STEPS = 2**15


SIZES = ["n", "d", "batch_size", "first", "last", "every"]  # compiled once for all
# And wherever they begin: rows of any length and batches of any size leave nothing of it to rely on.
ARRAYS = ["X", "y", "weight", "order", "rates", "theta", "velocity", "status", "path"]


@triton.jit(do_not_specialize=SIZES, do_not_specialize_on_alignment=ARRAYS)
def run_steps(
    X,
    y,
    weight,
    order,
    rates,
    theta,
    velocity,
    status,
    path,
    n,
    d,
    batch_size,
    first,
    last,
    every,
    LOSS: tl.constexpr,
    WEIGHTED: tl.constexpr,
    SHUFFLED: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """Steps [first, last) of a run from `theta` (d + 1,), the bias last, in place, as is `velocity`, both float64.

    X (n, d) and y (n,) are taken in the `order` (epochs, n) of the epochs from that of `first` on, if SHUFFLED, and
    their losses, by the code of the LOSS, times `weight` (n,), if WEIGHTED. `rates` are the learning rate, momentum,
    weight decay, the largest loss or parameter allowed, and whether the weights and the bias are trained, 1 or 0;
    `status` becomes the number of the first step that failed: neither it nor those after it are taken. Every so many
    steps parameters and loss go to `path` (kept, d + 2), from the first kept on, unless `every` is 0.
    """
    column = tl.arange(0, COLUMNS)
    real = column < d
    lr, momentum, decay, largest = tl.load(rates), tl.load(rates + 1), tl.load(rates + 2), tl.load(rates + 3)
    trained_w, trained_b = tl.load(rates + 4), tl.load(rates + 5)
    w, b = tl.load(theta + column, real, 0.0), tl.load(theta + d)
    moving_w, moving_b = tl.load(velocity + column, real, 0.0), tl.load(velocity + d)
    failed = tl.load(status)
    n = n.to(tl.int64)  # the end of a batch may be beyond 32 bits
    begin, place = first % tl.cdiv(n, batch_size) * batch_size, order
    wait = tl.where(every > 0, every - first % tl.maximum(every, 1), 0)
    for step in range(first, last):
        end = tl.minimum(begin + batch_size, n)
        by_w, by_b = tl.zeros([COLUMNS], tl.float64), tl.zeros([], tl.float64)
        loss = tl.zeros([], tl.float64)
        for start in range(begin, end, ROWS):
            at = start + tl.arange(0, ROWS)
            live = at < end
            row = tl.load(place + at, live, 0) if SHUFFLED else at
            label = tl.load(y + row, live, 0.0).to(tl.float64)
            inside = live[:, None] & real[None, :]
            x = tl.load(X + row[:, None] * d + column[None, :], inside, 0.0).to(tl.float64)
            value, slope = value_and_slope(tl.sum(x * w[None, :], 1) + b, label, LOSS)
            if WEIGHTED:
                own = tl.load(weight + row, live, 0.0)
                live = own > 0  # a sample of no weight counts for nothing, whatever its logit
                value, slope = value * own, slope * own
            slope = tl.where(live, slope, 0.0)
            loss += tl.sum(tl.where(live, value, 0.0), 0)
            by_w += tl.sum(x * slope[:, None], 0)
            by_b += tl.sum(slope, 0)
        part = 1.0 / (end - begin).to(tl.float64)
        moving_w = trained_w * (momentum * moving_w + by_w * part + decay * w)
        moving_b = trained_b * (momentum * moving_b + by_b * part + decay * b)
        new_w, new_b = w - lr * moving_w, b - lr * moving_b
        within = (tl.sum((tl.abs(new_w) <= largest).to(tl.int32), 0) == COLUMNS) & (tl.abs(new_b) <= largest)
        fails = (failed == 0) & ((loss * part <= largest) & within == 0)
        failed = tl.where(fails, step + 1, failed)
        w, b = tl.where(failed == 0, new_w, w), tl.where(failed == 0, new_b, b)
        wait -= 1
        if wait == 0:
            tl.store(path + column, w, real)
            tl.store(path + d, b)
            tl.store(path + d + 1, loss * part)
            path += d + 2
            wait = wait + every
        if end == n:
            place += n
        begin = tl.where(end < n, end, 0)
    tl.store(theta + column, w, real)
    tl.store(theta + d, b)
    tl.store(velocity + column, moving_w, real)
    tl.store(velocity + d, moving_b)
    tl.store(status, failed)


@triton_op("logreg_kernels::run_steps", mutates_args=("theta", "velocity", "status", "path"))
def launch(
    X: torch.Tensor,
    y: torch.Tensor,
    weight: torch.Tensor,
    order: torch.Tensor,
    rates: torch.Tensor,
    theta: torch.Tensor,
    velocity: torch.Tensor,
    status: torch.Tensor,
    path: torch.Tensor,
    batch_size: int,
    first: int,
    last: int,
    every: int,
    loss: int,
) -> None:
    """`run_steps`, its sizes from the shapes; an empty `order` is that of the data, an empty `weight` 1 for each.
    `loss` is a code."""
    n, d = X.shape
    columns = triton.next_power_of_2(d)
    rows = max(1, min(triton.next_power_of_2(batch_size), TILE // columns))
    warps = max(1, min(8, rows * columns // 128))
    with torch.cuda.device_of(X):
        wrap_triton(run_steps)[(1,)](
            X=X,
            y=y,
            weight=weight,
            order=order,
            rates=rates,
            theta=theta,
            velocity=velocity,
            status=status,
            path=path,
            n=n,
            d=d,
            batch_size=batch_size,
            first=first,
            last=last,
            every=every,
            LOSS=loss,
            WEIGHTED=weight.numel() > 0,
            SHUFFLED=order.numel() > 0,
            ROWS=rows,
            COLUMNS=columns,
            num_warps=warps,
        )


def sgd_run_(
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
    """As `graphs.update.sgd_run_`, with few columns in a batch of X, and values."""
    n, d = X.shape
    steps = epochs * -(-n // batch_size)
    path = X.new_empty(steps // history if history else 0, d + 2)
    velocity, theta = (values.clone() for values in state)
    status = torch.zeros(1, dtype=torch.int64, device=X.device)
    moving = (1.0, 1.0) if trained is None else (trained[0], trained[d])
    rates = theta.new_tensor([lr, momentum, weight_decay, torch.finfo(X.dtype).max, *moving])
    data = X.contiguous(), y.contiguous(), theta.new_empty(0) if weight is None else weight.contiguous()

    def queued():
        for order, first, last in launches(X, batch_size, epochs, shuffle_seed, first_epoch):
            kept = path[first // history :] if history else path
            launch(*data, order, rates, theta, velocity, status, kept, batch_size, first, last, history, CODES[loss])
            yield Look(status), last

    try:
        for look, last in one_behind(queued()):
            (failed,) = look.tolist()
            if failed:
                raise left_range(failed, steps, X.dtype, lr)
            progress(last, steps)
    finally:
        state.copy_(torch.stack([velocity, theta]))
    return path[:, :d].contiguous(), path[:, d].contiguous(), path[:, d + 1].contiguous()


def launches(X, batch_size, epochs, shuffle_seed, first_epoch=0):
    """(order, first, last): the steps of each launch, and the orders (epochs, n) of the samples from the epoch of the
    first on; empty where samples are in order. Of shuffled epochs a launch takes whole ones, or a part of one; the
    number of the first one says how they are."""
    n, d = X.shape
    per_epoch = -(-n // batch_size)
    at_once = max(1, min(STEPS, VALUES // (batch_size * d)))
    together = epochs if shuffle_seed is None else max(1, at_once // per_epoch)
    for epoch in range(0, epochs, max(1, together)):
        some = range(epoch, min(epoch + together, epochs))
        numbers = [] if shuffle_seed is None else [first_epoch + number for number in some]
        order = orders(X, numbers, shuffle_seed)
        end = some.stop * per_epoch
        for first in range(some.start * per_epoch, end, at_once):
            yield order, first, min(first + at_once, end)


def orders(X, epochs, shuffle_seed):
    """Those of the samples in these epochs (epochs, n), where X is, without waiting for its device."""
    pinned = X.is_cuda and len(epochs) > 0
    order = torch.empty(len(epochs), len(X), dtype=torch.int64, device="cpu", pin_memory=pinned)
    for row, epoch in zip(order.numpy(), epochs, strict=True):
        row[:] = np.random.default_rng([shuffle_seed, epoch]).permutation(len(X))
    return order.to(X.device, non_blocking=True)
