"""Contenders for a run with the options of the optimiser. Each takes a `Training` and returns the call that is timed,
whose result is the trained w (d,) and b (1,), and of the steps kept w (k, d), b (k,) after each and the minibatch's
loss (k,) before it."""

import numpy as np
import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits, mse_loss

import kernels
from bench.timing import Contender


def ours(training):
    """The call as users write it."""
    return lambda: train(training)


def reference(training):
    """The same with `backend="reference"`: the gradient written out, on tensors."""
    return lambda: train(training, backend="reference")


def train(training, **options):
    X, y, w, b, settings = training
    w, b = w.copy(), b.copy()
    return w, b, *kernels.sgd_run_(X, y, w, b, **settings, **options)


def sgd(training):
    """Slices of tensors, the cost of torch.nn.functional, backward, torch.optim.SGD."""
    return with_optimizer(training)


def fused_sgd(training):
    """The same with torch.optim.SGD(fused=True)."""
    return with_optimizer(training, fused=True)


def with_optimizer(training, **options):
    rates, every, cost = rates_of(training), training.settings.get("history", 1), cost_of(training)

    def run():
        w, b = (torch.tensor(start, requires_grad=True) for start in (training.w, training.b))
        optimizer = torch.optim.SGD((w, b), **rates, **options)
        kept = training.steps // every if every else 0
        history = torch.empty(kept, len(w), dtype=w.dtype), *torch.empty(2, kept, dtype=w.dtype)
        for step, (x, labels) in enumerate(batches(training, torch.from_numpy(training.X)), 1):
            loss = cost(x @ w + b, labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if every and step % every == 0:
                for column, value in zip(history, (w.detach(), b.detach()[0], loss.detach()), strict=True):
                    column[step // every - 1] = value
        return w.detach().numpy(), b.detach().numpy(), *(column.numpy() for column in history)

    return run


def by_hand(training):
    """The strongest eager form found: the gradient written out, in place, and all losses at the end from the logits
    kept."""
    lr, momentum, decay = rates_of(training).values()
    every, squared = training.settings.get("history", 1), training.settings.get("loss") == "mse"
    cost = cost_of(training)

    def run():
        X = torch.from_numpy(training.X)
        X1 = torch.cat([X, X.new_ones(len(X), 1)], dim=1)
        theta = torch.from_numpy(np.append(training.w, training.b))
        velocity, kept = torch.zeros_like(theta), []
        for step, (x, labels) in enumerate(batches(training, X1), 1):
            z = torch.mv(x, theta)
            p = z.sigmoid()
            slope = p - labels
            if squared:
                slope.mul_(p).mul_(p.neg_().add_(1)).mul_(2)
            if momentum or decay:
                velocity.addmv_(x.T, slope, beta=momentum, alpha=1 / len(labels))
                theta.add_(velocity.add_(theta, alpha=decay) if decay else velocity, alpha=-lr)
            else:
                theta.addmv_(x.T, slope, alpha=-lr / len(labels))
            if every and step % every == 0:
                kept.append((theta.clone(), z, labels))
        return theta[:-1].numpy(), theta[-1:].numpy(), *history_of(kept, theta, cost)

    return run


def history_of(kept, theta, cost):
    """w (k, d), b (k,) and losses (k,) of the steps kept: theta after each, the batch's logits and labels."""
    if not kept:
        return [part.numpy() for part in (theta.new_empty(0, len(theta) - 1), *theta.new_empty(2, 0))]
    path, logits, labels = zip(*kept, strict=True)
    lengths = torch.tensor([len(z) for z in logits])
    step = torch.arange(len(kept)).repeat_interleave(lengths)
    terms = cost(torch.cat(logits), torch.cat(labels), reduction="none")
    losses = theta.new_zeros(len(kept)).index_add_(0, step, terms) / lengths
    path = torch.stack(path)
    return path[:, :-1].numpy(), path[:, -1].numpy(), losses.numpy()


def compiled(training):
    """torch.compile of a step with its loss, one call a step: unrolled, hundreds of steps take Inductor minutes."""
    lr, momentum, decay = rates_of(training).values()
    every, squared = training.settings.get("history", 1), training.settings.get("loss") == "mse"
    cost = cost_of(training)

    def step_of(theta, velocity, x, labels):
        z = (x * theta).sum(1)
        p = torch.sigmoid(z)
        slope = 2 * (p - labels) * p * (1 - p) if squared else p - labels
        velocity = momentum * velocity + (slope[:, None] * x).mean(0) + decay * theta
        return theta - lr * velocity, velocity, cost(z, labels)

    torch._dynamo.reset()
    take_step = torch.compile(step_of, fullgraph=True, dynamic=False)

    def run():
        X = torch.from_numpy(training.X)
        X1 = torch.cat([X, X.new_ones(len(X), 1)], dim=1)
        theta = torch.from_numpy(np.append(training.w, training.b))
        velocity, kept = torch.zeros_like(theta), []
        for step, (x, labels) in enumerate(batches(training, X1), 1):
            theta, velocity, loss = take_step(theta, velocity, x, labels)
            if every and step % every == 0:
                kept.append((theta, loss))
        path, losses = map(torch.stack, zip(*kept, strict=True)) if kept else (X1[:0], X1[:0, 0])
        parts = theta[:-1], theta[-1:], path[:, :-1], path[:, -1], losses
        return [part.numpy() for part in parts]

    return run


def scikit_learn(training):
    """SGDClassifier.fit with a constant learning rate and no penalty: compiled steps of one sample, without history."""
    X, y, w, b, settings = training
    if set(settings) != {"lr", "batch_size", "epochs", "history"} or settings["batch_size"] > 1 or settings["history"]:
        pytest.skip("SGDClassifier takes steps of one sample, without momentum, and keeps no history")
    from sklearn.linear_model import SGDClassifier

    rates = {"learning_rate": "constant", "eta0": settings["lr"], "penalty": None, "alpha": 0.0}
    passes = {"max_iter": settings["epochs"], "tol": None, "shuffle": False}
    model = SGDClassifier(loss="log_loss", **rates, **passes)

    def run():
        model.fit(X, y, coef_init=w[None].copy(), intercept_init=b.copy())  # it trains in place
        return model.coef_[0], model.intercept_.astype(X.dtype), X[:0], y[:0], y[:0]

    return run


def rates_of(training):
    return {name: training.settings.get(name, 0.0) for name in ("lr", "momentum", "weight_decay")}


def cost_of(training):
    if training.settings.get("loss") == "mse":
        return lambda z, y, **options: mse_loss(torch.sigmoid(z), y, **options)
    return binary_cross_entropy_with_logits


def batches(training, X):
    """(features, labels) of every step, X being the features."""
    y, settings = torch.from_numpy(training.y), training.settings
    for epoch in range(settings["epochs"]):
        some = X, y
        if "shuffle_seed" in settings:
            order = np.random.default_rng([settings["shuffle_seed"], epoch]).permutation(len(y))
            some = [values[torch.from_numpy(order)] for values in some]
        yield from zip(*(values.split(settings["batch_size"]) for values in some), strict=True)


CONTENDERS = (
    Contender("kernels.sgd_run_", ours, 1e-12, 6e-8, compiles="disk"),
    Contender("eager PyTorch, reference", reference, 1e-12, 1e-4),
    Contender("eager PyTorch, torch.optim.SGD", sgd, 1e-12, 1e-4),
    Contender("eager PyTorch, fused SGD", fused_sgd, 1e-12, 1e-4),
    Contender("eager PyTorch, strongest", by_hand, 1e-12, 1e-4),
    Contender("torch.compile", compiled, 1e-12, 1e-4, compiles="process"),
    Contender("scikit-learn's SGDClassifier", scikit_learn, 1e-12, 1e-4),
)
