"""Training over processes, one of which this is: `torchrun -m tests.distributed FOLDER WAY...` trains modules in
these ways of torch, on the cards if there are any, and saves what it finds."""

import itertools
import os
import sys

import numpy as np
import torch
import torch.distributed as dist
from torch import nn

import kernels
from tests import problems

BATCH, LR, MOMENTUM, POS_WEIGHT = 30, 0.5, 0.9, 2.5
EPOCHS = 3
EAGER, COMPILED = ("DDP", "FSDP2"), ("DDP, compiled", "FSDP2, compiled")
SHARES = {"equal": (15, 15), "unequal": (22, 8)}  # of the samples of each batch


def cases(ways):
    """(way, dtype, shares, weighted): the arguments of `train`."""
    return itertools.product(ways, problems.DTYPES, SHARES, (False, True))


def problem(dtype):
    """Two batches."""
    return problems.sgd_problem(2 * BATCH, 5, dtype)


def weights(weighted):
    """Of samples and of the positive class, uneven over the processes."""
    if not weighted:
        return None, None
    return np.linspace(0, 3, 2 * BATCH)[np.random.default_rng(0).permutation(2 * BATCH)], POS_WEIGHT


class Classifier(nn.Module):
    def __init__(self, w, b):
        super().__init__()
        self.linear = nn.Linear(len(w), 1, dtype=w.dtype)
        with torch.no_grad():
            self.linear.weight[0], self.linear.bias[:] = w, b

    def forward(self, X, y, sample_weight, pos_weight):
        weights = {"sample_weight": sample_weight, "pos_weight": pos_weight}
        return kernels.linear_bce(X, self.linear.weight, self.linear.bias, y, **weights)


def wrapped(model, way):
    from torch.distributed.fsdp import fully_shard

    model = fully_shard(model) if "FSDP2" in way else nn.parallel.DistributedDataParallel(model)
    return torch.compile(model, backend="aot_eager") if "compiled" in way else model


def theta_of(values):
    """Weights and bias (d + 1,), whole, on the CPU."""
    whole = [value.full_tensor() if hasattr(value, "full_tensor") else value for value in values]
    return torch.cat([value.detach().cpu().flatten() for value in whole])


def train(device, way, dtype, shares, weighted):
    """The gradient of the first batch (d + 1,); losses (steps,) and parameters (steps, d + 1) of each step."""
    if "compiled" in way:
        torch.compiler.reset()
    rank, counts = dist.get_rank(), SHARES[shares]
    X, y, w, b = (torch.from_numpy(values).to(device) for values in problem(dtype))
    sample_weight, pos_weight = weights(weighted)
    sample_weight = None if sample_weight is None else torch.from_numpy(sample_weight).to(device)
    model = wrapped(Classifier(w, b).to(device), way)
    optimizer = torch.optim.SGD(model.parameters(), lr=LR, momentum=MOMENTUM)
    gradient, losses, path = None, [], []
    for start in [0, BATCH] * EPOCHS:
        first = start + sum(counts[:rank])
        own = slice(first, first + counts[rank])
        share = counts[rank] * len(counts) / BATCH
        optimizer.zero_grad()
        loss = share * model(X[own], y[own], None if sample_weight is None else sample_weight[own], pos_weight)
        loss.backward()
        gradient = theta_of(p.grad for p in model.parameters()) if gradient is None else gradient
        optimizer.step()
        path.append(theta_of(model.parameters()))
        losses.append(loss.detach() / len(counts))
    losses = torch.stack(losses)
    dist.all_reduce(losses)
    return gradient, losses.cpu(), torch.stack(path)


def refusals(device):
    """What is said of parameters of a module under FSDP2 out of its forward, and of data in parts."""
    from torch.distributed.fsdp import fully_shard

    X, y, w, b = (torch.from_numpy(values).to(device) for values in problem(np.float32))
    layer = fully_shard(Classifier(w, b).to(device)).linear
    said = []
    for arguments in ((X, layer.weight, b, y), (X, w, layer.bias, y), (layer.weight, w, b, y[:1])):
        try:
            kernels.linear_bce(*arguments)
        except TypeError as error:
            said.append(str(error))
    return said


def main(folder, *ways):
    cards, device = torch.cuda.is_available(), torch.device("cpu")
    if cards:
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if cards else "gloo")
    found = {case: train(device, *case) for case in cases(ways)}
    found["refused"] = refusals(device)
    torch.save([(str(case), result) for case, result in found.items()], f"{folder}/{dist.get_rank()}")
    dist.destroy_process_group()


if __name__ == "__main__":
    main(*sys.argv[1:])
