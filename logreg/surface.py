"""Loss surfaces as objects: computed, saved, loaded."""

import json
import math
import os
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from kernels import LogitPlane, checks, surface_on_plane
from logreg.data import samples
from logreg.train import check_device

FORMAT = 1


class Minimum(NamedTuple):
    """The lowest point of a grid."""

    w: float
    b: float
    loss: float


@dataclass(frozen=True)
class LossSurface:
    """The loss of a one-feature model over a grid of weights and biases, float64.

    w (nw,), b (nb,)  axes
    Z (nb, nw)        loss, row = b
    loss              what Z is: "bce", mean cross-entropy, or "mse", mean squared error
    """

    w: np.ndarray
    b: np.ndarray
    Z: np.ndarray
    loss: str

    @classmethod
    def compute(cls, data, w_range, b_range, *, resolution, loss="bce", device=None):
        """The surface of one-feature data over a window.

        `data[:]` gives x (n, 1) or (n,) and y. `w_range` and `b_range` are pairs (low, high), or a number r for
        (-r, r). `resolution` is the number of points of both axes, or a pair (of w, of b). `loss` is "bce" or "mse".
        Raises ValueError or TypeError that name a wrong argument.
        """
        check_device(device)
        checks.one_of("loss", loss, checks.COSTS)
        x, y = (column.detach().double() for column in samples(data))
        points = resolution if isinstance(resolution, (tuple, list)) else (resolution, resolution)
        if len(points) != 2:
            raise ValueError(f"resolution is {resolution!r}; accepted: a number of points, or a pair of them")
        w, b = axis("w_range", w_range, points[0]), axis("b_range", b_range, points[1])
        return cls(w, b, loss_over(x, y, w, b, loss), loss)

    @property
    def minimum(self):
        """The lowest point of the grid."""
        row, column = np.unravel_index(self.Z.argmin(), self.Z.shape)
        return Minimum(float(self.w[column]), float(self.b[row]), float(self.Z[row, column]))

    def save(self, path):
        """Writes the surface to `path` as npz with a description, all or nothing: an old file stays until then."""
        path = Path(path)
        about = json.dumps({"format": FORMAT, "loss": self.loss})
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".npz", delete=False) as file:
            try:
                np.savez(file, w=self.w, b=self.b, Z=self.Z, about=np.array(about))
                file.close()
                os.replace(file.name, path)
            except BaseException:
                os.unlink(file.name)
                raise

    @classmethod
    def load(cls, path):
        """A surface that `save` wrote. Sizes are checked before arrays are read, and nothing is unpickled.

        ValueError for any other file, MemoryError for a surface that can't fit into the memory that is free.
        """
        try:
            with zipfile.ZipFile(path) as archive:
                about = json.loads(str(stored_array(archive, "about")))
                w, b, Z = (stored_array(archive, name) for name in ("w", "b", "Z"))
            if about["format"] != FORMAT or about["loss"] not in checks.COSTS or Z.shape != (*b.shape, *w.shape):
                raise ValueError(f"its parts don't belong together: {about}, w {w.shape}, b {b.shape}, Z {Z.shape}")
        except (zipfile.BadZipFile, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{os.fspath(path)} is not a saved LossSurface: {error}") from None
        return cls(w, b, Z, about["loss"])


def stored_array(archive, name):
    """An array of an npz archive, after a look at whether its size is what its header says."""
    member = archive.getinfo(f"{name}.npy")
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = header(file)
        if dtype.kind not in "fU" or math.prod(shape) * dtype.itemsize != member.file_size - file.tell():
            raise ValueError(f"{name} is {dtype} {shape} in {member.file_size} bytes")
        checks.memory(shape, dtype)
        return np.frombuffer(file.read(), dtype).reshape(shape, order="F" if fortran else "C")


def loss_over(x, y, w, b, loss):
    """The loss of one-feature samples over the grid (nb, nw)."""
    feature = checks.feature("x", x)
    plane = LogitPlane(np.zeros_like(feature), feature, np.ones_like(feature))
    name = {"bce": "loss", "mse": "mse"}[loss]
    return getattr(surface_on_plane(plane, y.numpy(), w, b, quantities=(name,)), name)


def axis(name, window, points):
    """`points` evenly spaced values over a window, (low, high) or r for (-r, r)."""
    low, high = window if isinstance(window, (tuple, list, np.ndarray)) and len(window) == 2 else (-window, window)
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(f"{name} is {window!r}; accepted: (low, high) with low < high, or a number r > 0 for (-r, r)")
    return np.linspace(low, high, checks.whole("resolution", points, 1))
