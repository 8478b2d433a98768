"""Every kernel in eager PyTorch: the shortest correct form, never optimised. Start reading here.

A sample with features x and label y in [0, 1] has the logit z = w.x + b and is of class 1 with probability
p = sigmoid(z). A loss is a mean over the samples, of the row of `kernels.losses` that has its name: "bce", "mse" or
"focal". The functions below evaluate it with its derivatives over a grid of parameters, and train by it.

Arguments are tensors on one device, already checked. Surfaces are evaluated in float64 and rounded once to the dtype
of the data; training computes in the dtype that its arguments share.
"""

import math

import numpy as np
import torch
from torch.nn.functional import logsigmoid

from kernels.losses import LOSSES, Parts
from kernels.results import Ensemble, LogitPlane, LossGrad, Run


def parts_of(z, y):
    """What losses are made of. With 1 - p = sigmoid(-z) small values keep their digits; 1 - p itself would cancel."""
    m, smoothing = torch.where(y > 0.5, z, -z), torch.minimum(y, 1 - y)
    tilt = torch.where(smoothing > 0, smoothing * m, 0.0)
    return Parts(m, -logsigmoid(m), torch.sigmoid(-m), torch.sigmoid(m), smoothing, tilt)


def class_sign(y):
    """dm/dz: 1 for class 1, -1 for class 0."""
    return torch.where(y > 0.5, 1.0, -1.0).to(y.dtype)


def value(z, y, loss="bce", pos_weight=None):
    """The loss L of each sample, from logits and labels."""
    return weigh_positive(lambda y: LOSSES[loss].value(parts_of(z, y)), y, pos_weight)


def slope(z, y, loss="bce", pos_weight=None):
    """dL/dz"""
    return weigh_positive(lambda y: class_sign(y) * LOSSES[loss].slope(parts_of(z, y)), y, pos_weight)


def curvature(z, y, loss="bce", pos_weight=None):
    """d^2 L/dz^2"""
    return weigh_positive(lambda y: LOSSES[loss].curvature(parts_of(z, y)), y, pos_weight)


def weigh_positive(of_labels, y, pos_weight):
    """of_labels(y); with a weight of the positive class (1 - y) of_labels(0) + pos_weight y of_labels(1)."""
    if pos_weight is None:
        return of_labels(y)
    return weighed(of_labels(torch.zeros_like(y)), 1 - y) + weighed(of_labels(torch.ones_like(y)), pos_weight * y)


def mean(values, weight=None, total=None):
    """Mean over the samples, the last axis; with weights (n,), sum(weight * values) / total, by default sum(weight)."""
    if weight is None:
        return values.mean(-1)
    return weighed(values, weight).sum(-1) / (weight.sum() if total is None else total)


def parts_of_mean(values, weight=None, total=None):
    """What each sample adds to the same, which may be in range where a sum of values isn't."""
    if weight is None:
        return values / values.shape[-1]
    return weighed(values, weight) / (weight.sum() if total is None else total)


def weighed(values, weight):
    """weight * values; a weight of 0 makes 0 of an infinity too."""
    return torch.where(weight == 0, 0.0, weight * values)


def loss_surface(x, y, w, b, loss="bce"):
    """Loss of the one-feature model z = w x + b over the grid, (nb, nw); x, y (n,), axes w (nw,), b (nb,) float64.

    Takes a row of the grid at a time: nw * n logits.
    """
    wx, labels = w[:, None] * x.double(), y.double()
    return torch.stack([mean(value(wx + b_j, labels, loss)) for b_j in b]).to(x.dtype)


def lab_loss_surface(x, y, w, b):
    """`loss_surface` by the lab's own formula, for parity; log(p + 1e-16) saturates beyond |z| = 36."""
    wx, labels = w[:, None] * x.double(), y.double()

    def row(b_j):
        p = torch.sigmoid(wx + b_j)
        return -mean(labels * torch.log(p + 1e-16) + (1 - labels) * torch.log(1 - p + 1e-16))

    return torch.stack([row(b_j) for b_j in b]).to(x.dtype)


def logit_plane(X, center, s_direction, t_direction):
    """Logits of X (n, d) at theta = center + s * s_direction + t * t_direction, where theta = (w, b) is (d + 1,).

    They are linear in s and t: LogitPlane(offset, s_slope, t_slope), each (n,). From here on d costs nothing.
    """

    def logits(theta):
        return (X.double() @ theta[:-1].double() + theta[-1].double()).to(X.dtype)

    return LogitPlane(logits(center), logits(s_direction), logits(t_direction))


def surface_on_plane(
    plane, y, s, t, *, quantities=("loss",), loss="bce", sample_weight=None, pos_weight=None, total=None
):
    """{quantity: (nt, ns)}; of the loss, gradient (2, nt, ns) in s, t and hessian (3, nt, ns) in ss, st, tt.

    Fields of plane and y (n,), axes s (ns,), t (nt,) float64. The predicted class is z > 0, the true one y > 0.5.
    Weighted sums are divided by `total`, unless it is None by the sum of the weights; with a total the weights are
    balanced already if they are to be. Takes a row of the grid at a time: ns * n logits.
    """
    offset, q, r = (column.double() for column in plane)
    labels = y.double()
    weight = torch.ones_like(labels) if sample_weight is None else sample_weight.double()
    # a sum of values that it makes small doesn't overflow
    share = weight / (weight.sum() if total is None else total)
    balanced_weight = balanced(weight, labels > 0.5) if total is None else weight
    of_loss = {"loss": loss, "pos_weight": pos_weight}

    def weighted_mean(values, *slopes):
        return math.prod(slopes, start=share * values).sum(-1)

    def correct(z):
        return ((z > 0) == (labels > 0.5)).double()

    def gradient(z):
        slopes = slope(z, labels, **of_loss)
        return torch.stack([weighted_mean(slopes, v) for v in (q, r)])

    def hessian(z):
        curvatures = curvature(z, labels, **of_loss)
        return torch.stack([weighted_mean(curvatures, *v) for v in ((q, q), (q, r), (r, r))])

    evaluate = {
        "loss": lambda z: weighted_mean(value(z, labels, **of_loss)),
        "mse": lambda z: weighted_mean(value(z, labels, "mse")),
        "accuracy": lambda z: mean(correct(z), weight, total),
        "balanced_accuracy": lambda z: mean(correct(z), balanced_weight, total),
        "gradient": gradient,
        "hessian": hessian,
    }
    along_s = offset + s[:, None] * q
    rows = {name: [evaluate[name](along_s + t_j * r) for t_j in t] for name in quantities}
    return {name: torch.stack(row, dim=-2).to(plane.offset.dtype) for name, row in rows.items()}


def balanced(weight, in_class_1):
    """Weights (n,) whose sum over each class is 1, or 0 where that of `weight` is."""
    of_class = torch.where(in_class_1, weight[in_class_1].sum(), weight[~in_class_1].sum())
    return torch.where(weight > 0, weight / of_class, 0.0)


def loss_grad(X, y, w, b, loss="bce", sample_weight=None, total=None):
    """Mean loss and its gradient by the chain rule, dz/dw = x and dz/db = 1; X (n, d), y (n,), w (d,), b (1,)."""
    z = X @ w + b
    losses, dz = (parts_of_mean(of(z, y, loss), sample_weight, total) for of in (value, slope))
    return LossGrad(losses.sum(), (dz * X.T).sum(-1), dz.sum())


def bce_loss_grad(X, y, w, b, *, sample_weight=None):
    """Loss of the d-feature model and its gradient, LossGrad(loss (), grad_w (d,), grad_b ())."""
    return loss_grad(X, y, w, b, "bce", sample_weight)


def sgd_step_(X, y, w, b, *, lr, sample_weight=None):
    """One step of gradient descent on w (d,) and b (1,), in place; returns the loss before it."""
    loss, grad_w, grad_b = loss_grad(X, y, w, b, "bce", sample_weight)
    w -= lr * grad_w
    b -= lr * grad_b
    return loss


def minibatches(n, batch_size, epochs, shuffle_seed=None, first_epoch=0):
    """Row numbers of each minibatch in turn; the last one of an epoch may be shorter.

    Without a seed rows stay in order. With one, epoch e = first_epoch, first_epoch + 1, ... takes the order
    numpy.random.default_rng([shuffle_seed, e]).permutation(n), so that any epoch can be reproduced by itself.
    """
    for epoch in range(first_epoch, first_epoch + epochs):
        order = np.arange(n) if shuffle_seed is None else np.random.default_rng([shuffle_seed, epoch]).permutation(n)
        yield from torch.from_numpy(order).split(batch_size)


def sgd_run_(
    X,
    y,
    w,
    b,
    *,
    lr,
    batch_size,
    epochs,
    loss="bce",
    sample_weight=None,
    shuffle_seed=None,
    first_epoch=0,
    momentum=0.0,
    weight_decay=0.0,
    velocity=None,
    trained=None,
    history=1,
):
    """A run of minibatch SGD on w (d,), b (1,), in place; momentum and weight decay as torch.optim.SGD, on b too.

    Returns Run(w (k, d), b (k,), loss (k,), velocity (d + 1,), epoch) of every `history`-th step, of none for 0:
    parameters after the step and the minibatch's loss, without the decay, before it. It starts with `velocity` or 0;
    where `trained` (d + 1,) is 0, parameters stay. A step whose loss isn't finite, or that leads to parameters that
    aren't, is not taken but raises.
    """
    steps = epochs * -(-len(y) // batch_size)
    kept = steps // history if history else 0
    path = w.new_empty(kept, len(w)), w.new_empty(kept), w.new_empty(kept)
    theta = torch.cat([w, b])
    velocity = torch.zeros_like(theta) if velocity is None else velocity
    moving = 1.0 if trained is None else torch.as_tensor(trained, dtype=theta.dtype)
    for step, rows in enumerate(minibatches(len(y), batch_size, epochs, shuffle_seed, first_epoch), start=1):
        weight = None if sample_weight is None else sample_weight[rows]
        batch_loss, grad_w, grad_b = loss_grad(X[rows], y[rows], w, b, loss, weight, len(rows))
        gradient = torch.cat([grad_w, grad_b[None]])
        velocity = (momentum * velocity + gradient + weight_decay * theta) * moving
        new_theta = theta - lr * velocity
        if not (batch_loss.isfinite() and new_theta.isfinite().all()):
            raise FloatingPointError(f"the loss, w or b is no longer finite at step {step} of {steps} with lr={lr}")
        theta = new_theta
        w.copy_(theta[:-1])
        b.copy_(theta[-1:])
        if history and step % history == 0:
            i = step // history - 1
            path[0][i], path[1][i], path[2][i] = w, b[0], batch_loss
    return Run(*path, velocity, epoch=first_epoch + epochs)


def sgd_ensemble(
    X,
    y,
    w0,
    b0,
    *,
    lr,
    batch_size,
    epochs,
    loss="bce",
    sample_weight=None,
    momentum=0.0,
    weight_decay=0.0,
    history_of=(),
):
    """k runs of SGD at once, from w0 (k, d) and b0 (k,), one matrix product for all; rates are numbers or (k,).

    Returns Ensemble(w (k, d), b, loss, accuracy, steps (k,), history), `steps` being the first step after which every
    sample was classified correctly. A run that diverges goes on as NaN. Classes, and the final loss, come from logits
    in float64: k * n of them after every step. Weights are those of the losses alone.
    """
    w, b, members = w0.clone(), b0.clone(), list(history_of)
    total = epochs * -(-len(y) // batch_size)
    history = Run(w.new_empty(len(members), total, w.shape[1]), *w.new_empty(2, len(members), total))
    weight = torch.ones_like(y) if sample_weight is None else sample_weight
    lr, momentum, decay = (torch.as_tensor(rate, dtype=w.dtype).reshape(-1, 1) for rate in (lr, momentum, weight_decay))
    velocity = w.new_zeros(len(w), w.shape[1] + 1)

    def logits():
        return w.double() @ X.double().T + b.double()[:, None]

    def correct():
        return (logits() > 0) == (y > 0.5)

    steps = torch.where(correct().all(-1), 0, -1)
    for step, rows in enumerate(minibatches(len(y), batch_size, epochs), start=1):
        z = w @ X[rows].T + b[:, None]
        dz = weighed(slope(z, y[rows], loss), weight[rows])
        losses = mean(weighed(value(z, y[rows], loss), weight[rows]))
        gradient = torch.cat([dz @ X[rows] / len(rows), mean(dz)[:, None]], dim=1)
        velocity = momentum * velocity + gradient + decay * torch.cat([w, b[:, None]], dim=1)
        w -= lr * velocity[:, :-1]
        b -= (lr * velocity)[:, -1]
        diverged = ~(w.isfinite().all(-1) & b.isfinite() & losses.isfinite())
        w[diverged], b[diverged], losses[~losses.isfinite()] = torch.nan, torch.nan, torch.nan
        steps[correct().all(-1) & (steps < 0)] = step
        history.w[:, step - 1], history.b[:, step - 1] = w[members], b[members]
        history.loss[:, step - 1] = losses[members]

    final_loss, accuracy = mean(weighed(value(logits(), y.double(), loss), weight.double())), mean(correct().double())
    accuracy[b.isnan()], steps[b.isnan()] = torch.nan, -1
    return Ensemble(w, b, final_loss.to(w.dtype), accuracy.to(w.dtype), steps, history)


def linear_bce(X, weight, bias, y, *, sample_weight=None, pos_weight=None):
    """Differentiable loss of z = X weight + bias; weight (d,) or (1, d), bias () or (1,), y and sample_weight (n,) or
    (n, 1). The sum of the weighted losses is divided by n; pos_weight is the weight of their positive part."""
    z, y = X @ weight.reshape(-1) + bias, y.reshape(-1)
    losses = value(z, y, "bce", pos_weight)
    return mean(losses, None if sample_weight is None else sample_weight.reshape(-1), len(y))
