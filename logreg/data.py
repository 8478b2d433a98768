"""The lab's data set."""

import torch
from torch.utils.data import Dataset


class LabData(Dataset):
    """Twenty points x = -1, -0.9, ..., 0.9 with y = 1 where x > 0.2; `x` and `y` are (20, 1) float32, `len` is 20.

    `data[i]` is `(x[i], y[i])` for an index or a slice. `data[i, 0]` and `data[i, 1]` are x and y alone, as some copies
    of the notebook write it.
    """

    def __init__(self):
        self.x = torch.arange(-1, 1, 0.1).view(-1, 1)
        self.y = (self.x > 0.2).float()
        self.len = len(self.x)

    def __getitem__(self, index):
        if isinstance(index, tuple):
            rows, column = index
            return (self.x, self.y)[column][rows]
        return self.x[index], self.y[index]

    def __len__(self):
        return self.len


def lab_data():
    """The lab's data set, for those who prefer a function."""
    return LabData()


def samples(data):
    """x (n, d) and y (n,) of a data set, which is anything whose `data[:]` gives both, a tuple `(x, y)` included."""
    try:
        x, y = data[:]
    except (TypeError, ValueError):
        raise TypeError(
            f"data is a {type(data).__name__}; accepted: a data set or tuple whose data[:] is (x, y)"
        ) from None
    x, y = torch.as_tensor(x), torch.as_tensor(y)
    return (x[:, None] if x.ndim == 1 else x), y.flatten()
