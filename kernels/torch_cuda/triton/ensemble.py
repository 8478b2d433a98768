"""Training from many starts at once by Triton: members in the threads of a warp, parameters in registers, many steps in
a launch.

With signed rows r = class_sign (x, 1) and theta = (w, b) a sample has the margin m = r.theta, by which, and by the
smoothing of its label, the losses are written.

Members compute in the dtype of the data, their parameters carried with what rounding takes from them at each step
(Kahan). Losses are float64, and so is the margin that says whether a sample is classified correctly, every operation
rounded: nothing here may be contracted to a fused multiply-add but what says so.
"""

import numpy as np
import torch
import triton
import triton.language as tl
from torch.library import triton_op, wrap_triton

from kernels.losses import CODES
from kernels.mathematics.divergence import losses_may_overflow
from kernels.progress import counted
from kernels.results import Ensemble, Run
from kernels.torch_cuda.triton.losses import parts_of, slope, value

OPERATIONS = 2**35  # multiply-adds of one launch, about 0.1 s: in between Ctrl-C is answered
OPERATIONS_PER_SAMPLE = 25  # what a sigmoid costs, in multiply-adds
OPERATIONS_PER_LOSS = 200  # what a loss in float64 does
LEAST_MEMBERS = 2**16  # fewer don't keep a card busy, and take as long
# Of a program: two members to a thread, whose chains overlap, where their parameters leave room for that.
MEMBERS, MEMBERS_OF_MANY_PARAMETERS = 64, 32
FEW_PARAMETERS = 8
MOST_REGISTERS = 255  # of a thread, as many as there are
WARPS = 1


# One member to a lane: `theta` and what else has a value for each parameter are tuples of `D` vectors


@triton.jit
def loaded(values, at, live, stride, D: tl.constexpr):
    """Of each member, `D` values, `stride` apart."""
    found = ()
    for j in tl.static_range(D):
        found = found + (tl.load(values + j * stride + at, live, 0.0),)
    return found


@triton.jit
def zeros_like(theta, D: tl.constexpr):
    found = ()
    for j in tl.static_range(D):
        found = found + (tl.zeros_like(theta[j]),)
    return found


@triton.jit
def store(values, at, live, stride, new, D: tl.constexpr):
    for j in tl.static_range(D):
        tl.store(values + j * stride + at, new[j], live)


@triton.jit
def loaded_row(rows, i, D: tl.constexpr):
    """Row `i`, one for all members or one for each."""
    found = ()
    for j in tl.static_range(D):
        found = found + (tl.load(rows + i * D + j),)
    return found


@triton.jit
def margin(theta, row, D: tl.constexpr):
    """With the bias first, so that of one feature only the result is rounded."""
    m = theta[D - 1] * row[D - 1]
    for j in tl.static_range(D - 1):
        m = tl.fma(theta[j], row[j], m)
    return m


@triton.jit
def wide_margin(theta, row, D: tl.constexpr):
    """In float64, every operation rounded."""
    m = theta[0].to(tl.float64) * row[0].to(tl.float64)
    for j in tl.static_range(1, D):
        m = m + theta[j].to(tl.float64) * row[j].to(tl.float64)
    return m


@triton.jit
def is_correct(theta, row, D: tl.constexpr):
    """Whether class 1 has z > 0 and class 0 has z <= 0."""
    if D == 2 and theta[0].dtype == tl.float32:
        m = margin(theta, row, D)  # has the sign that it has in float64
    else:
        m = wide_margin(theta, row, D)
    return tl.where(row[D - 1] > 0, m > 0, m >= 0)


@triton.jit
def record_first_correct(steps, suspect, theta, extremes, n_extremes, number, D: tl.constexpr):
    """Writes step `number` to `steps` of the members that are right in every extreme sample for the first time.

    The sample that ruled a member out, its `suspect`, is likely to do so after the next step too, and is tried first.
    """
    if tl.min(steps, 0) == -1:
        right = (steps == -1) & is_correct(theta, loaded_row(extremes, suspect, D), D)
        i = 0
        while (i < n_extremes) & (tl.max(right.to(tl.int32), 0) > 0):
            right_here = is_correct(theta, loaded_row(extremes, i, D), D)
            suspect = tl.where(right & (right_here == 0), i, suspect)
            right = right & right_here
            i += 1
        steps = tl.where(right, number, steps)
    return steps, suspect


@triton.jit
def wide_value(theta, row, smoothing, LOSS: tl.constexpr, D: tl.constexpr):
    """The loss of a sample, float64."""
    return value(parts_of(wide_margin(theta, row, D), smoothing.to(tl.float64)), LOSS)


@triton.jit
def weighted(loss, weight, WEIGHTED: tl.constexpr):
    """A sample's loss times its weight, 0 if that is."""
    if WEIGHTED:
        own = tl.load(weight).to(tl.float64)
        loss = tl.where(own > 0, loss * own, 0.0)
    return loss


@triton.jit
def nothing_or_nan(theta, D: tl.constexpr):
    """0, or NaN where the parameters aren't finite."""
    total = theta[0] * 0.0
    for j in tl.static_range(1, D):
        total += theta[j] * 0.0
    return total


@triton.jit
def nan_where(diverged, theta, D: tl.constexpr):
    after = ()
    for j in tl.static_range(D):
        after = after + (tl.where(diverged, float("nan"), theta[j]),)
    return after


@triton.jit
def with_gradient(gradient, by_margin, row, D: tl.constexpr):
    total = ()
    for j in tl.static_range(D):
        total = total + (tl.fma(by_margin, row[j], gradient[j]),)
    return total


@triton.jit
def kahan_step(theta, compensation, gradient, rate, D: tl.constexpr):
    """theta + rate gradient, and the new compensation: what rounding took from it, now or before."""
    after = ()
    rest = ()
    for j in tl.static_range(D):
        step = tl.fma(gradient[j], rate, compensation[j])
        total = theta[j] + step
        after = after + (total,)
        rest = rest + (step - (total - theta[j]),)
    return after, rest


@triton.jit
def drifted(theta, compensation, gradient, step, rates, D: tl.constexpr):
    """The next step of each parameter, of which the last one is `step`, and the compensation with the drift, which is
    what a step has beside the gradient. `rates` are the learning rate, momentum - 1, and the square root of learning
    rate times weight decay, as the product may be beyond the range."""
    rate, less, root = rates
    after = ()
    total = ()
    for j in tl.static_range(D):
        drift = tl.fma(-(theta[j] * root), root, tl.fma(less, step[j], step[j]))
        after = after + (tl.fma(gradient[j], rate, drift),)
        total = total + (compensation[j] + drift,)
    return after, total


@triton.jit
def rate_of(rates, row, at, live, stride, OWN: tl.constexpr):
    """A row of rates, one for all members or one for each."""
    return tl.load(rates + row * stride + at, live, 0.0) if OWN else tl.load(rates + row)


SIZES = ["n", "n_extremes", "batch_size", "k", "first", "last"]  # compiled once for all


@triton.jit(do_not_specialize=SIZES)
def run_members(
    rows,
    smoothing,
    weight,
    extremes,
    rates,
    largest,
    state,
    first_correct_step,
    path,
    losses,
    n,
    n_extremes,
    batch_size,
    k,
    first,
    last,
    D: tl.constexpr,
    LOSS: tl.constexpr,
    WEIGHTED: tl.constexpr,
    OWN: tl.constexpr,
    MOVING: tl.constexpr,
    WATCHED: tl.constexpr,
    KEEP: tl.constexpr,
    MEMBERS: tl.constexpr,
):
    """Steps [first, last) of the members `state` (2, D, k), parameters and their compensation, or, if MOVING, (3, D, k)
    with their last step.

    `rows` (n, D) are signed, and `extremes` (n_extremes, D) are right only if all are; `first_correct_step` (k,) is the
    step at which every sample was right first, or -1. `rates` are those of `rates_of_steps`, of each member if OWN.
    `largest` is the largest loss allowed, which is looked at if WATCHED, as it is if KEEP: then every step goes to
    `path` (last - first, D, k) and its loss to `losses` (last - first, k), float64. Losses, by the code of the LOSS,
    are times `weight` (n,) if WEIGHTED.
    """
    at = tl.program_id(0).to(tl.int64) * MEMBERS + tl.arange(0, MEMBERS)
    live, stride = at < k, k.to(tl.int64)
    theta, compensation = loaded(state, at, live, stride, D), loaded(state + D * stride, at, live, stride, D)
    steps, suspect = tl.load(first_correct_step + at, live, 0), tl.zeros([MEMBERS], tl.int32)
    rate, rate_at_end = rate_of(rates, 0, at, live, stride, OWN), rate_of(rates, 1, at, live, stride, OWN)
    if MOVING:
        less, root = rate_of(rates, 2, at, live, stride, OWN), rate_of(rates, 3, at, live, stride, OWN)
        moving = loaded(state + 2 * D * stride, at, live, stride, D)
    most = tl.load(largest)
    begin = first % tl.cdiv(n, batch_size) * batch_size
    for step in range(first, last):
        steps, suspect = record_first_correct(steps, suspect, theta, extremes, n_extremes, step, D)
        end = tl.minimum(begin + batch_size, n)
        gradient = zeros_like(theta, D)
        if WATCHED:
            loss = nothing_or_nan(theta, D).to(tl.float64)
        for i in range(begin, end):
            row, own_smoothing = loaded_row(rows, i, D), tl.load(smoothing + i)
            by_margin = slope(parts_of(margin(theta, row, D), own_smoothing), LOSS)
            if WEIGHTED:
                by_margin *= tl.load(weight + i)
            gradient = with_gradient(gradient, by_margin, row, D)
            if WATCHED:
                loss += weighted(wide_value(theta, row, own_smoothing, LOSS, D), weight + i, WEIGHTED)
        own_rate = tl.where(end < n, rate, rate_at_end)
        if MOVING:
            moving, compensation = drifted(theta, compensation, gradient, moving, (own_rate, less, root), D)
        theta, compensation = kahan_step(theta, compensation, gradient, own_rate, D)
        if WATCHED:
            loss /= end - begin
            loss = tl.where(loss <= most, loss, float("nan"))
            theta = nan_where(loss != loss, theta, D)
        if KEEP:
            kept = (step - first) * stride
            store(path + kept * D, at, live, stride, theta, D)
            tl.store(losses + kept + at, loss, live)
        begin = tl.where(end < n, end, 0)
    steps, suspect = record_first_correct(steps, suspect, theta, extremes, n_extremes, last, D)
    store(state, at, live, stride, theta, D)
    store(state + D * stride, at, live, stride, compensation, D)
    if MOVING:
        store(state + 2 * D * stride, at, live, stride, moving, D)
    tl.store(first_correct_step + at, steps, live)


@triton.jit(do_not_specialize=SIZES)
def add_losses(
    rows,
    smoothing,
    weight,
    theta,
    sums,
    k,
    first,
    last,
    D: tl.constexpr,
    LOSS: tl.constexpr,
    WEIGHTED: tl.constexpr,
    MEMBERS: tl.constexpr,
):
    """Adds the losses of the samples [first, last) at `theta` (D, k), times `weight` (n,) if WEIGHTED, and the number
    that is right, to `sums` (2, k)."""
    at = tl.program_id(0).to(tl.int64) * MEMBERS + tl.arange(0, MEMBERS)
    live, stride = at < k, k.to(tl.int64)
    theta = loaded(theta, at, live, stride, D)
    total, right = tl.load(sums + at, live, 0.0), tl.load(sums + stride + at, live, 0.0)
    for i in range(first, last):
        row = loaded_row(rows, i, D)
        total += weighted(wide_value(theta, row, tl.load(smoothing + i), LOSS, D), weight + i, WEIGHTED)
        right += is_correct(theta, row, D).to(tl.float64)
    tl.store(sums + at, total, live)
    tl.store(sums + stride + at, right, live)


# Operators


@triton_op("logreg_kernels::run_members", mutates_args=("state", "first_correct_step", "path", "losses"))
def launch_run(
    rows: torch.Tensor,
    smoothing: torch.Tensor,
    weight: torch.Tensor,
    extremes: torch.Tensor,
    rates: torch.Tensor,
    largest: torch.Tensor,
    state: torch.Tensor,
    first_correct_step: torch.Tensor,
    path: torch.Tensor,
    losses: torch.Tensor,
    batch_size: int,
    first: int,
    last: int,
    loss: int,
    watched: bool,
    keep: bool,
) -> None:
    """`run_members`, its sizes from the shapes; an empty `weight` is 1 for each, `loss` a code."""
    (n, size), k = rows.shape, len(first_correct_step)
    wide, moving, many = rows.dtype == torch.float64, len(state) > 2, size > FEW_PARAMETERS
    members = members_of_program(size * len(state) // 2)
    with torch.cuda.device_of(rows):
        wrap_triton(run_members)[(triton.cdiv(k, members),)](
            rows=rows,
            smoothing=smoothing,
            weight=weight,
            extremes=extremes,
            rates=rates,
            largest=largest,
            state=state,
            first_correct_step=first_correct_step,
            path=path,
            losses=losses,
            n=n,
            n_extremes=len(extremes),
            batch_size=batch_size,
            k=k,
            first=first,
            last=last,
            D=size,
            LOSS=loss,
            WEIGHTED=weight.numel() > 0,
            OWN=rates.shape[1] > 1,
            MOVING=moving,
            WATCHED=watched or keep,
            KEEP=keep,
            MEMBERS=members,
            **options(spills=(moving and (wide or many)) or (wide and keep and many)),
        )


@triton_op("logreg_kernels::add_losses", mutates_args=("sums",))
def launch_losses(
    rows: torch.Tensor,
    smoothing: torch.Tensor,
    weight: torch.Tensor,
    theta: torch.Tensor,
    sums: torch.Tensor,
    first: int,
    last: int,
    loss: int,
) -> None:
    """`add_losses`, its sizes from the shapes; an empty `weight` is 1 for each, `loss` a code."""
    size, k = theta.shape
    members = members_of_program(size)
    with torch.cuda.device_of(rows):
        wrap_triton(add_losses)[(triton.cdiv(k, members),)](
            rows=rows,
            smoothing=smoothing,
            weight=weight,
            theta=theta,
            sums=sums,
            k=k,
            first=first,
            last=last,
            D=size,
            LOSS=loss,
            WEIGHTED=weight.numel() > 0,
            MEMBERS=members,
            **options(),
        )


def members_of_program(size):
    """By the number of parameters, or of as many values with compensations alone."""
    return MEMBERS if size <= FEW_PARAMETERS else MEMBERS_OF_MANY_PARAMETERS


def options(spills=False):
    """How the kernels are compiled: every operation rounded.

    One that `spills` is told of all registers. Those with momentum do, and unasked Triton 3.6 gives 168 to 8 features
    with focal loss, weights and history, to have 12 programs on a multiprocessor and not 11 (capability 9.0), and
    spills 32 bytes of float64, 24 of float32.
    """
    fixed = {"num_warps": WARPS, "enable_fp_fusion": False}
    return fixed | {"maxnreg": MOST_REGISTERS} if spills else fixed


# Launches


def rates_of_steps(rates, batch_size, n, dtype):
    """Minus the learning rate over the number of samples in a batch, and in the last of an epoch, and, of rates (3, 1
    or k), what `drifted` takes of the others: (2 or 4, 1 or k)."""
    lr, *others = rates
    rows = [-lr / batch_size, -lr / ((n - 1) % batch_size + 1)]
    if others:
        momentum, decay = others
        rows += [momentum - 1, lr.sqrt() * decay.sqrt()]
    return torch.stack(rows).to(dtype)


def train(samples, start, rates, settings, history, advance):
    """Trains members from `start` (D, k), by their rates (1 or 3, 1 or k); returns them, and their steps (k,). Fills
    `history`, a Run of them, unless it is None."""
    (*data, extremes), (batch_size, epochs, loss, watched) = samples, settings
    (n, size), k = data[0].shape, start.shape[1]
    state = torch.stack([start, *[torch.zeros_like(start)] * (1 if len(rates) == 1 else 2)])
    first_correct_step = torch.full((k,), -1, device=start.device)
    largest = torch.tensor([torch.finfo(start.dtype).max], dtype=torch.float64, device=start.device)
    of_steps = rates_of_steps(rates, batch_size, n, start.dtype), largest
    steps = epochs * -(-n // batch_size)
    at_once = max(1, samples_at_once(k, 2 * size + OPERATIONS_PER_SAMPLE) // batch_size)
    for first in range(0, max(1, steps), at_once):
        last = min(first + at_once, steps)
        kept = 0 if history is None else last - first
        path, losses = state.new_empty(kept, size, k), state.new_empty(kept, k, dtype=torch.float64)
        written = state, first_correct_step, path, losses
        how = batch_size, first, last, CODES[loss], watched, history is not None
        launch_run(*data, extremes, *of_steps, *written, *how)
        if history is not None:
            keep(path, losses, slice(first, last), history)
        finish(start.device, last < steps)
        advance(k * (last - first))
    return state[0], first_correct_step


def keep(path, losses, steps, history):
    """Writes the steps of a launch to `history`; nothing but NaN follows a step that isn't finite."""
    path = path.permute(2, 0, 1)
    path = path.masked_fill(~path.isfinite().all(-1, keepdim=True), torch.nan)
    history.w[:, steps], history.b[:, steps], history.loss[:, steps] = path[..., :-1], path[..., -1], losses.T


def mean_loss_and_accuracy(samples, theta, loss):
    """Mean loss and share right of all samples at `theta` (D, k): (2, k) float64."""
    (*data, _), k = samples, theta.shape[1]
    n, size = data[0].shape
    sums = theta.new_zeros(2, k, dtype=torch.float64)
    at_once = samples_at_once(k, 2 * size + OPERATIONS_PER_LOSS)
    for first in range(0, n, at_once):
        launch_losses(*data, theta, sums, first, min(first + at_once, n), CODES[loss])
        finish(theta.device, first + at_once < n)
    return sums / n


def samples_at_once(k, operations):
    return max(1, OPERATIONS // (max(k, LEAST_MEMBERS) * operations))


def finish(device, more):
    """Waits for a launch before the next one, so that what is reported is done and Ctrl-C is answered."""
    if more and device.type == "cuda":
        torch.cuda.current_stream(device).synchronize()


def signed_samples(X, y, weight):
    """Signed rows (n, d + 1), smoothings of the labels (n,), weights (n,) or (0,), and the rows that are right only if
    all are: of one feature, the extremes of each class."""
    class_sign = torch.where(y > 0.5, 1.0, -1.0).to(X.dtype)[:, None]
    rows = torch.cat([class_sign * X, class_sign], dim=1)
    weight = y[:0] if weight is None else weight.contiguous()
    return rows, torch.minimum(y, 1 - y), weight, extreme_samples(rows) if X.shape[1] == 1 else rows


def extreme_samples(rows):
    """Of each class the signed rows (4, 2) of lowest and highest x; of a class without samples any."""
    x, class_sign = rows[:, 0] * rows[:, 1], rows[:, 1]
    lowest = [torch.where(class_sign == of, x, torch.inf).argmin() for of in (1, -1)]
    highest = [torch.where(class_sign == of, x, -torch.inf).argmax() for of in (1, -1)]
    return rows[torch.stack(lowest + highest)]


def sgd_ensemble(X, y, weight, rates, w0, b0, *, batch_size, epochs, loss, history_of, progress):
    """`kernels.sgd_ensemble` on checked tensors of few features."""
    (n, d), k, m, dtype = X.shape, len(b0), len(history_of), X.dtype
    steps = epochs * -(-n // batch_size)
    watched = losses_may_overflow(X, weight, (w0, b0), steps, rates, loss)
    samples, settings, rates = signed_samples(X, y, weight), (batch_size, epochs, loss, watched), rates.to(X.device)
    start = torch.cat([w0.T, b0[None]])
    advance = counted(progress, (k + m) * steps)
    theta, first_correct_step = train(samples, start, rates, settings, None, advance)
    mean_loss, accuracy = mean_loss_and_accuracy(samples, theta, loss).to(dtype)
    history = Run(X.new_empty(m, steps, d), *X.new_empty(2, m, steps))
    if m:
        chosen = torch.from_numpy(np.asarray(history_of)).to(X.device)
        own = rates if rates.shape[1] == 1 else rates[:, chosen]
        train(samples, start[:, chosen], own, settings, history, advance)
    diverged = ~theta.isfinite().all(0)
    *w, b, mean_loss, accuracy = (field.masked_fill(diverged, torch.nan) for field in (*theta, mean_loss, accuracy))
    return Ensemble(
        torch.stack(w, dim=1), b, mean_loss, accuracy, first_correct_step.masked_fill(diverged, -1), history
    )
