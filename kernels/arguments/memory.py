"""Whether arrays fit into the memory that is free."""

import math
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from kernels.arguments import arrays
from kernels.kinds import Device, DTypeLike

SURELY_FREE = 2**24  # bytes for which the system isn't asked
ADDRESSED = 2**64  # bytes, by any processor


def check_fits(shape: tuple[int, ...], dtype: DTypeLike, sources: Iterable[object] = ()) -> None:
    """Fails before anything is allocated where an array doesn't fit into the memory that is free: the card's if sources
    are on one, else the system's."""
    wanted = math.prod(shape) * np.dtype(dtype).itemsize
    if wanted <= SURELY_FREE:
        return
    card = arrays.cuda_tensor_of(sources)
    free, where = (free_memory(), "") if card is None else (free_on_card(card.device), f" on {card.device}")
    if wanted > free:
        size = f"takes {wanted / 1e9:.1f} GB" if wanted < ADDRESSED else "is larger than any memory"
        raise MemoryError(f"an array {shape} of {np.dtype(dtype)} {size}; free{where}: {free / 1e9:.1f} GB")


def free_on_card(device: Device) -> int:
    """Bytes that torch can allocate on a CUDA device: what is free there, and what torch has and doesn't use."""
    cuda = sys.modules["torch"].cuda
    return cuda.mem_get_info(device)[0] + cuda.memory_reserved(device) - cuda.memory_allocated(device)


def free_memory() -> float:
    """Bytes that can be allocated without swapping; infinite where the system doesn't say."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return math.inf
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), math.inf)
