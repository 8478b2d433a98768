"""What arguments and results are, for signatures: at run time torch isn't imported for them."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np

if TYPE_CHECKING:
    import concurrent.futures
    import os

    import numpy.typing as npt
    import torch

    Tensor: TypeAlias = torch.Tensor
    Device: TypeAlias = torch.device
    Array: TypeAlias = np.ndarray | torch.Tensor
    DTypeLike: TypeAlias = npt.DTypeLike
    Path: TypeAlias = str | bytes | os.PathLike[str] | os.PathLike[bytes]
    Executor: TypeAlias = concurrent.futures.Executor
    ArrayLike: TypeAlias = npt.ArrayLike | torch.Tensor  # what arguments may be
else:
    Tensor = Device = Array = ArrayLike = DTypeLike = Path = Executor = Any

Progress: TypeAlias = bool | Callable[[int, int], None] | None  # as users give it
Report: TypeAlias = Callable[[int, int], None]  # done, total
Advance: TypeAlias = Callable[[int], None]  # what was done since the last call


class Sparse(Protocol):
    """What matrices and arrays of scipy.sparse have in common."""

    @property
    def dtype(self) -> np.dtype: ...

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def ndim(self) -> int: ...

    def tocsr(self) -> Any: ...
