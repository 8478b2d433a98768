"""Every kernel in eager PyTorch: the shortest correct form, never optimised. Start reading here.

A sample with features x and label y in [0, 1] has the logit z = w.x + b and is of class 1 with probability
p = sigmoid(z). The loss is the mean binary cross-entropy, -(y log p + (1 - y) log(1 - p)). The functions below evaluate
it with its derivatives over a grid of parameters, and train by it.

Arguments are tensors on one device, already checked. Surfaces are evaluated in float64 and rounded once to the dtype
of the data; training computes in the dtype that its arguments share.
"""

import math

import numpy as np
import torch
from torch.nn.functional import logsigmoid

from kernels.results import Ensemble, LogitPlane, LossGrad, Run

# With 1 - p = sigmoid(-z) small values keep their digits; log(1 - p), p - y and softplus(z) - y z would cancel.


def cross_entropy(z, y, pos_weight=1.0):
    """-(pos_weight y log p + (1 - y) log(1 - p)) per sample, from the logit z."""
    return -(pos_weight * y * logsigmoid(z) + (1 - y) * logsigmoid(-z))


def residual(z, y, pos_weight=1.0):
    """The derivative of the cross-entropy with respect to z: p - y without a weight of the positive class."""
    return (1 - y) * torch.sigmoid(z) - pos_weight * y * torch.sigmoid(-z)


def curvature(z):
    """p (1 - p), the derivative of p and the second derivative of the cross-entropy."""
    return torch.sigmoid(z) * torch.sigmoid(-z)


def squared_error(z, y):
    """(p - y)^2 per sample."""
    return residual(z, y) ** 2


def squared_error_slope(z, y):
    """2 (p - y) p (1 - p), the derivative of the squared error with respect to z."""
    return 2 * residual(z, y) * curvature(z)


COSTS = {"bce": (cross_entropy, residual), "mse": (squared_error, squared_error_slope)}


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


def loss_surface(x, y, w, b):
    """Loss of the one-feature model z = w x + b over the grid, (nb, nw); x, y (n,), axes w (nw,), b (nb,) float64.

    Takes a row of the grid at a time: nw * n logits.
    """
    wx, labels = w[:, None] * x.double(), y.double()
    return torch.stack([mean(cross_entropy(wx + b_j, labels)) for b_j in b]).to(x.dtype)


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


def surface_on_plane(plane, y, s, t, *, quantities=("loss",), sample_weight=None, pos_weight=1.0):
    """{quantity: (nt, ns)}; of the loss, gradient (2, nt, ns) in s, t and hessian (3, nt, ns) in ss, st, tt.

    Fields of plane and y (n,), axes s (ns,), t (nt,) float64. The predicted class is z > 0, the true one y > 0.5.
    Takes a row of the grid at a time: ns * n logits.
    """
    offset, q, r = (column.double() for column in plane)
    labels = y.double()
    weight = torch.ones_like(labels) if sample_weight is None else sample_weight.double()
    share = weight / weight.sum()  # a sum of values that it makes small doesn't overflow

    def total(values, *slopes):
        return math.prod(slopes, start=share * values).sum(-1)

    evaluate = {
        "loss": lambda z: total(cross_entropy(z, labels, pos_weight)),
        "mse": lambda z: total(squared_error(z, labels)),
        "accuracy": lambda z: mean(((z > 0) == (labels > 0.5)).double(), weight),
        "gradient": lambda z: torch.stack([total(residual(z, labels, pos_weight), v) for v in (q, r)]),
        "hessian": lambda z: torch.stack(
            [total((1 - labels + pos_weight * labels) * curvature(z), *slopes) for slopes in ((q, q), (q, r), (r, r))]
        ),
    }
    along_s = offset + s[:, None] * q
    rows = {name: [evaluate[name](along_s + t_j * r) for t_j in t] for name in quantities}
    return {name: torch.stack(row, dim=-2).to(plane.offset.dtype) for name, row in rows.items()}


def loss_grad(X, y, w, b, cost="bce", sample_weight=None, total=None):
    """Mean cost and its gradient by the chain rule, dz/dw = x and dz/db = 1; X (n, d), y (n,), w (d,), b (1,)."""
    value, slope = COSTS[cost]
    z = X @ w + b
    costs, dz = (parts_of_mean(values, sample_weight, total) for values in (value(z, y), slope(z, y)))
    return LossGrad(costs.sum(), (dz * X.T).sum(-1), dz.sum())


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

    Returns Run(w (k, d), b (k,), loss (k,), velocity (d + 1,)) of every `history`-th step, of none for 0: parameters
    after the step and the minibatch's loss, without the decay, before it. It starts with `velocity` or 0; where
    `trained` (d + 1,) is 0, parameters stay. A step whose loss isn't finite, or that leads to
    parameters that aren't, is not taken but raises.
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
        moved = theta - lr * velocity
        if not (batch_loss.isfinite() and moved.isfinite().all()):
            raise FloatingPointError(f"the loss, w or b is no longer finite at step {step} of {steps} with lr={lr}")
        theta = moved
        w.copy_(theta[:-1])
        b.copy_(theta[-1:])
        if history and step % history == 0:
            i = step // history - 1
            path[0][i], path[1][i], path[2][i] = w, b[0], batch_loss
    return Run(*path, velocity)


def sgd_ensemble(X, y, w0, b0, *, lr, batch_size, epochs, loss="bce", sample_weight=None, history_of=()):
    """k runs of plain SGD at once, from w0 (k, d) and b0 (k,), one matrix product for all.

    Returns Ensemble(w (k, d), b, loss, accuracy, steps (k,), history), `steps` being the first step after which every
    sample was classified correctly. A run that diverges goes on as NaN. Classes, and the final loss, come from logits
    in float64: k * n of them after every step. Weights are those of the losses alone.
    """
    value, slope = COSTS[loss]
    w, b, members = w0.clone(), b0.clone(), list(history_of)
    total = epochs * -(-len(y) // batch_size)
    history = Run(w.new_empty(len(members), total, w.shape[1]), *w.new_empty(2, len(members), total))
    weight = torch.ones_like(y) if sample_weight is None else sample_weight

    def logits():
        return w.double() @ X.double().T + b.double()[:, None]

    def correct():
        return (logits() > 0) == (y > 0.5)

    steps = torch.where(correct().all(-1), 0, -1)
    for step, rows in enumerate(minibatches(len(y), batch_size, epochs), start=1):
        z = w @ X[rows].T + b[:, None]
        dz = weighed(slope(z, y[rows]), weight[rows])
        losses = mean(weighed(value(z, y[rows]), weight[rows]))
        w -= lr * (dz @ X[rows] / len(rows))
        b -= lr * mean(dz)
        diverged = ~(w.isfinite().all(-1) & b.isfinite() & losses.isfinite())
        w[diverged], b[diverged], losses[~losses.isfinite()] = torch.nan, torch.nan, torch.nan
        steps[correct().all(-1) & (steps < 0)] = step
        history.w[:, step - 1], history.b[:, step - 1] = w[members], b[members]
        history.loss[:, step - 1] = losses[members]

    final_loss, accuracy = mean(weighed(value(logits(), y.double()), weight.double())), mean(correct().double())
    accuracy[b.isnan()], steps[b.isnan()] = torch.nan, -1
    return Ensemble(w, b, final_loss.to(w.dtype), accuracy.to(w.dtype), steps, history)


def linear_bce(X, weight, bias, y, *, sample_weight=None, pos_weight=None):
    """Differentiable loss of z = X weight + bias; weight (d,) or (1, d), bias () or (1,), y and sample_weight (n,) or
    (n, 1). The sum of the weighted losses is divided by n; pos_weight is the weight of their positive part."""
    z, y = X @ weight.reshape(-1) + bias, y.reshape(-1)
    losses = cross_entropy(z, y, 1.0 if pos_weight is None else pos_weight)
    return mean(losses, None if sample_weight is None else sample_weight.reshape(-1), len(y))
