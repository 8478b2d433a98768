"""A module in PyTorch's own ways of training over processes:

torchrun --nproc-per-node 2 module_over_processes.py
"""

import os

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from kernels import linear_bce


class Classifier(nn.Module):
    """Gives the loss: parameters are whole in its forward alone."""

    def __init__(self, d):
        super().__init__()
        self.linear = nn.Linear(d, 1)

    def forward(self, X, y):
        return linear_bce(X, self.linear.weight, self.linear.bias, y)


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
    world = dist.get_world_size()

    X, y = part(dist.get_rank(), device)
    n = torch.tensor(len(y), device=device)
    dist.all_reduce(n)
    share = (
        len(y) * world / n.item()
    )  # as gradients are averaged over processes

    torch.manual_seed(0)
    model = DistributedDataParallel(Classifier(20).to(device))
    optimizer = torch.optim.SGD(model.parameters(), lr=1, momentum=0.5)
    for _ in range(50):
        optimizer.zero_grad()
        loss = share * model(X, y)
        loss.backward()
        optimizer.step()

    loss = loss.detach() / world
    dist.all_reduce(loss)
    if dist.get_rank() == 0:
        print(f"{world} processes, loss {loss.item():.9f}")
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
