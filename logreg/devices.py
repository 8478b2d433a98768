"""Where things are computed: on the CPU or on a CUDA device, with NumPy arrays before and after."""

from typing import TypeAlias, overload

import numpy as np
import torch

Device: TypeAlias = str | torch.device | None


def moved(card: torch.device | None, *arrays: np.ndarray) -> tuple[np.ndarray, ...] | tuple[torch.Tensor, ...]:
    """The arrays as tensors on a CUDA device; as they are if it is None."""
    return (
        arrays if card is None else tuple(torch.tensor(np.ascontiguousarray(values), device=card) for values in arrays)
    )


@overload
def host(values: np.ndarray | torch.Tensor) -> np.ndarray: ...


@overload
def host(values: None) -> None: ...


def host(values: np.ndarray | torch.Tensor | None) -> np.ndarray | None:
    """The NumPy array of an array, or of a tensor on any device that kernels made or took; or None."""
    return values if values is None or isinstance(values, np.ndarray) else values.cpu().numpy()


def card_of(device: Device) -> torch.device | None:
    """The CUDA device that is meant, None for the CPU."""
    if device is None:
        return None
    try:
        found = torch.device(device)
    except (RuntimeError, TypeError):
        found = None
    if found is None or found.type not in ("cpu", "cuda"):
        raise ValueError(f"device is {device!r}; accepted: None, 'cpu' or a CUDA device")
    if found.type == "cuda" and not (found.index or 0) < torch.cuda.device_count():
        raise ValueError(f"device is {device!r}; accepted: None or 'cpu', as PyTorch finds no such CUDA device here")
    return found if found.type == "cuda" else None
