"""Contenders for a whole training run with its history. Each takes a `Training` and returns the call that is timed,
whose result is w (steps, d), b (steps,) after each step and the minibatch's loss (steps,) before it."""

import math

import numpy as np
import torch
from numba import njit
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.utils.data import DataLoader, Dataset

import kernels
from bench.options import with_optimizer
from bench.timing import Contender


def ours(training):
    """The call as users write it."""
    return lambda: train(training)


def reference(training):
    """The same with `backend="reference"`: the gradient written out, on tensors, without a DataLoader."""
    return lambda: train(training, backend="reference")


def train(training, **options):
    X, y, w, b, settings = training
    return kernels.sgd_run_(X, y, w.copy(), b.copy(), **settings, **options)


class Samples(Dataset):
    def __init__(self, x, y):
        self.x, self.y = x, y

    def __len__(self):
        return len(self.y)

    def __getitem__(self, index):
        return self.x[index], self.y[index]


class Model(torch.nn.Module):
    def __init__(self, training):
        super().__init__()
        self.linear = torch.nn.Linear(len(training.w), 1, dtype=torch.from_numpy(training.w).dtype)
        self.linear.weight.data[0] = torch.from_numpy(training.w)
        self.linear.bias.data[:] = torch.from_numpy(training.b)

    def forward(self, x):
        return torch.sigmoid(self.linear(x))


def lab_loop(training):
    """As the lab's notebook does it: Dataset, DataLoader, nn.Module, nn.BCELoss, torch.optim.SGD."""
    return notebook_loop(training)


def fused_lab_loop(training):
    """The same with torch.optim.SGD(fused=True)."""
    return notebook_loop(training, fused=True)


def notebook_loop(training, **options):
    data = Samples(torch.from_numpy(training.X), torch.from_numpy(training.y)[:, None])

    def run():
        model, cost = Model(training), torch.nn.BCELoss()
        optimizer = torch.optim.SGD(model.parameters(), lr=training.settings["lr"], **options)
        loader = DataLoader(data, training.settings["batch_size"])
        history = []
        for _ in range(training.settings["epochs"]):
            for x, y in loader:
                loss = cost(model(x), y)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                weight, bias = model.linear.weight.detach(), model.linear.bias.detach()
                history.append((weight[0].numpy().copy(), bias.item(), loss.item()))
        return [np.array(column, training.X.dtype) for column in zip(*history, strict=True)]

    return run


def autograd(training):
    """Slices of tensors, the loss from logits, torch.autograd, updates in place."""
    X, y, steps, batch_size, lr = pieces(training)

    def run():
        w, b = (torch.tensor(start, requires_grad=True) for start in (training.w, training.b))
        ws, bs, losses = X.new_empty(steps, len(w)), X.new_empty(steps), X.new_empty(steps)
        step = 0
        for _ in range(training.settings["epochs"]):
            for x, labels in zip(X.split(batch_size), y.split(batch_size), strict=True):
                loss = binary_cross_entropy_with_logits(x @ w + b, labels)
                grad_w, grad_b = torch.autograd.grad(loss, (w, b))
                with torch.no_grad():
                    w -= lr * grad_w
                    b -= lr * grad_b
                    ws[step], bs[step], losses[step] = w, b[0], loss
                step += 1
        return ws.numpy(), bs.numpy(), losses.numpy()

    return run


def fused_sgd(training):
    """The same with backward and torch.optim.SGD(fused=True)."""
    run = with_optimizer(training, fused=True)
    return lambda: run()[2:]


def by_hand(training):
    """The strongest eager form found: the gradient written out, three operations and no allocation but one a step, and
    all losses at the end from the logits kept."""
    X, y, steps, batch_size, lr = pieces(training)
    epochs = training.settings["epochs"]

    def run():
        X1 = torch.cat([X, X.new_ones(len(X), 1)], dim=1)
        batches = list(zip(X1.split(batch_size), X1.T.split(batch_size, dim=1), y.split(batch_size), strict=True))
        theta = start_of(training)
        path, z = X.new_empty(steps, len(theta)), X.new_empty(epochs, len(y))
        after = iter(path)
        for logits_of_epoch in z:
            logits_of_batch = logits_of_epoch.split(batch_size)
            for (x, x_transposed, labels), logits in zip(batches, logits_of_batch, strict=True):
                residual = torch.mv(x, theta, out=logits).sigmoid().sub_(labels)
                theta = torch.addmv(theta, x_transposed, residual, alpha=-lr / len(labels), out=next(after))
        cost = binary_cross_entropy_with_logits(z, y.expand_as(z), reduction="none")
        losses = torch.stack([batch.mean(1) for batch in cost.split(batch_size, dim=1)], dim=1).flatten()
        return path[:, :-1].numpy(), path[:, -1].numpy(), losses.numpy()

    return run


def compiled_epoch(training):
    """torch.compile of a whole epoch, its steps unrolled: one call per epoch. Compiled step by step it is 4 times
    slower."""
    X, y, _, batch_size, lr = pieces(training)

    def step(theta, x, labels):
        z = (x * theta).sum(1)
        loss = (torch.relu(z) - labels * z + torch.log1p(torch.exp(-z.abs()))).mean()
        return theta - lr / len(labels) * ((torch.sigmoid(z) - labels)[:, None] * x).sum(0), loss

    def epoch(theta, X1, y):
        path, losses = [], []
        for x, labels in zip(X1.split(batch_size), y.split(batch_size), strict=True):
            theta, loss = step(theta, x, labels)
            path.append(theta)
            losses.append(loss)
        return torch.stack(path), torch.stack(losses)

    torch._dynamo.reset()
    compiled = torch.compile(epoch, fullgraph=True, dynamic=False)

    def run():
        X1 = torch.cat([X, X.new_ones(len(X), 1)], dim=1)
        theta, history = start_of(training), []
        for _ in range(training.settings["epochs"]):
            history.append(compiled(theta, X1, y))
            theta = history[-1][0][-1]
        path, losses = (torch.cat(epochs).numpy() for epochs in zip(*history, strict=True))
        return path[:, :-1], path[:, -1], losses

    return run


def start_of(training):
    return torch.from_numpy(np.append(training.w, training.b))


def pieces(training):
    X, y = torch.from_numpy(training.X), torch.from_numpy(training.y)
    return X, y, training.steps, training.settings["batch_size"], training.settings["lr"]


def plain_numba(training):
    """A loop over samples as one would write it for Numba, with math.exp and math.log1p, in float64."""
    X, y, w, b, settings = training
    numbers = settings["batch_size"], settings["lr"], settings["epochs"]
    loop = njit(plain_loop)

    def run():
        history = np.empty((training.steps, len(w)), X.dtype), *np.empty((2, training.steps), X.dtype)
        loop(X, y, w.astype(np.float64), float(b[0]), *numbers, *history)
        return history

    return run


def plain_loop(X, y, w, b, batch_size, lr, epochs, ws, bs, losses):
    n, d = X.shape
    grad_w = np.empty(d)
    step = 0
    for _ in range(epochs):
        for start in range(0, n, batch_size):
            stop = min(start + batch_size, n)
            grad_w[:] = 0.0
            grad_b = loss = 0.0
            for i in range(start, stop):
                z = b
                for j in range(d):
                    z += X[i, j] * w[j]
                loss += max(z, 0.0) - y[i] * z + math.log1p(math.exp(-abs(z)))
                residual = 1.0 / (1.0 + math.exp(-z)) - y[i]
                for j in range(d):
                    grad_w[j] += residual * X[i, j]
                grad_b += residual
            for j in range(d):
                w[j] -= lr / (stop - start) * grad_w[j]
            b -= lr / (stop - start) * grad_b
            ws[step], bs[step], losses[step] = w, b, loss / (stop - start)
            step += 1


CONTENDERS = (
    Contender("kernels.sgd_run_", ours, 1e-12, 6e-8, compiles="disk"),
    Contender("eager PyTorch, reference", reference, 1e-12, 1e-5),
    Contender("eager PyTorch, autograd", autograd, 1e-12, 1e-5),
    Contender("eager PyTorch, fused SGD", fused_sgd, 1e-12, 1e-5),
    Contender("eager PyTorch, strongest", by_hand, 1e-12, 1e-4),
    Contender("torch.compile", compiled_epoch, 1e-12, 1e-5, compiles="process"),
    Contender("the lab's loop", lab_loop, 1e-10, 1e-5),
    Contender("the lab's loop, fused SGD", fused_lab_loop, 1e-10, 1e-5),
    Contender("plain Numba", plain_numba, 1e-12, 1e-7, compiles="process"),
)
