"""Gradient descent on samples that lie in parts, each with its process:

torchrun --nproc-per-node 2 gradient_over_processes.py
"""

import os

import torch
import torch.distributed as dist

from kernels import bce_loss_grad


def whole_loss_grad(X, y, w, b, sample_weight=None):
    """The mean loss over all samples, (1,), and its gradient, (d,), (1,)."""
    total = len(y) if sample_weight is None else sample_weight.double().sum()
    means = bce_loss_grad(X, y, w, b, sample_weight=sample_weight)
    sums = total * torch.hstack([X.new_ones(()), *means]).double()
    dist.all_reduce(sums)
    return torch.split(sums[1:] / sums[0], [1, len(w), 1])


def part(rank, device):
    """The samples of a process: as a rule, a part of a file."""
    generator = torch.Generator().manual_seed(rank)
    X = torch.randn(1000 + 500 * rank, 20, generator=generator)
    return X.to(device), (X[:, 0] > X[:, 1]).to(device)


def main():
    cards = torch.cuda.is_available()  # one for each process
    device = torch.device("cpu")
    if cards:
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if cards else "gloo")

    X, y = part(dist.get_rank(), device)
    w, b = X.new_zeros(20), X.new_zeros(1)
    for _ in range(50):
        loss, grad_w, grad_b = whole_loss_grad(X, y, w, b)
        w -= grad_w
        b -= grad_b
    if dist.get_rank() == 0:
        print(f"{dist.get_world_size()} processes, loss {loss.item():.9f}")
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
