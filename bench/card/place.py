"""The card, or CPU tensors in its place: they take the path of CUDA tensors, Triton's interpreter runs its kernels and
Inductor compiles graphs to C++."""

from importlib.util import find_spec
from typing import NamedTuple

import torch

from tests import interpreter


class Place(NamedTuple):
    """Where tensors are: "cuda" or "cpu"."""

    device: str

    @property
    def is_card(self):
        return self.device == "cuda"

    def tensor(self, values, dtype=None):
        return torch.as_tensor(values, dtype=dtype).to(self.device)

    def random(self, *shape, seed=0, dtype=torch.float32):
        """Normal numbers, the same in every process."""
        generator = torch.Generator(self.device).manual_seed(seed)
        return torch.randn(*shape, device=self.device, dtype=dtype, generator=generator)

    def synchronize(self):
        if self.is_card:
            torch.cuda.synchronize(self.device)


def stand_in():
    """From here on, in this process, CPU tensors take the path of CUDA tensors. To be called before the kernels are
    imported."""
    interpreter.use()
    from kernels.arguments import arrays
    from kernels.torch_cuda.graphs import ensemble, gradient, interpolate, surface, update

    arrays.is_cuda = arrays.is_tensor
    if find_spec("triton") is not None:
        for module in (ensemble, gradient, interpolate, surface, update):
            module.has_triton = lambda tensor: True
