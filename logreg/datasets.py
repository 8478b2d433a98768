"""Data of two classes for the surface command: the lab's, or real data with standardised features."""

import numpy as np

from kernels.arguments import numbers
from logreg.choices import DATA_SETS
from logreg.data import LabData


def load(name: str) -> tuple[np.ndarray, np.ndarray]:
    """(x (n, d), y (n,)) float64: tumours, malignant 0 or benign 1; digits 0 and 1; or the lab's 20 points as they are.

    Columns of real data get mean 0 and standard deviation 1, constant ones 0. ValueError without scikit-learn, which
    has the real data, or for another name.
    """
    numbers.one_of("name", name, DATA_SETS)
    if name == "lab":
        x, y = LabData()[:]
        return x.numpy().astype(np.float64), y.numpy()[:, 0].astype(np.float64)
    try:
        from sklearn import datasets
    except ImportError:
        raise ValueError(
            f"data is {name!r}, which needs scikit-learn (pip install scikit-learn); accepted: 'lab', which doesn't"
        ) from None
    x, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    x, y = (x[y <= 1], y[y <= 1]) if name == "digits" else (x, y)
    deviation = x.std(axis=0)
    return (x - x.mean(axis=0)) / np.where(deviation > 0, deviation, 1), y.astype(np.float64)
