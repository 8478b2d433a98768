"""The lab's data set, and what other data sets give."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from torch.utils.data import Dataset

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import ArrayLike


VALUES_AT_ONCE = 2**19  # of features in float64: 4 MB, of which a few are small beside any memory


class Data(Protocol):
    """A data set or a tuple, of which data[:] is (x, y)."""

    def __getitem__(self, rows: slice, /) -> Iterable[ArrayLike]: ...


class LabData(Dataset):
    """Twenty points x = -1, -0.9, ..., 0.9 with y = 1 where x > 0.2: the lab's data set.

    Attributes
    ----------
    x : tensor (20, 1), float32
        The feature.
    y : tensor (20, 1), float32
        The labels, 0 or 1.
    len : int
        20.

    See Also
    --------
    lab_data : for those who prefer a function

    Notes
    -----
    `data[i]` is `(x[i], y[i])` for an index or a slice. `data[i, 0]` and `data[i, 1]` are x and y alone, as some copies
    of the notebook write it.

    Examples
    --------
    >>> from logreg import LabData
    >>> data = LabData()
    >>> len(data), int(data.y.sum())
    (20, 7)
    >>> x, y = data[:]
    >>> x.shape, [round(value, 1) for value in data[12:14, 0].flatten().tolist()]
    (torch.Size([20, 1]), [0.2, 0.3])
    """

    def __init__(self) -> None:
        self.x = torch.arange(-1, 1, 0.1).view(-1, 1)
        self.y = (self.x > 0.2).float()
        self.len = len(self.x)

    def __getitem__(self, index: int | slice | tuple) -> Any:
        if isinstance(index, tuple):
            rows, columns = index
            parts = (self.x, self.y)[columns]
            return tuple(part[rows] for part in parts) if isinstance(columns, slice) else parts[rows]
        return self.x[index], self.y[index]

    def __len__(self) -> int:
        return self.len


def lab_data() -> LabData:
    """The lab's data set, for those who prefer a function.

    Returns
    -------
    LabData
        Twenty points, x from -1 to 0.9, of which those right of 0.2 are of class 1.

    Examples
    --------
    >>> from logreg import lab_data
    >>> len(lab_data())
    20
    """
    return LabData()


def blocks(x: np.ndarray, most: int | None = None) -> Iterator[tuple[slice, np.ndarray]]:
    """Pairs of some rows of x (n, d), at most so many, and x there (rows, d) in float64: all of it would take twice the
    memory of float32."""
    n, d = x.shape
    at_once = max(1, min(most or n, VALUES_AT_ONCE // d))
    for start in range(0, n, at_once):
        rows = slice(start, start + at_once)
        yield rows, x[rows].astype(np.float64, copy=False)
