"""Loss surfaces as objects: computed, saved, loaded."""

import json
import math
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from kernels import LogitPlane, checks, surface_on_plane
from logreg.data import samples
from logreg.train import check_device

FORMAT = 1
READ_AT_ONCE = 2**24


class Minimum(NamedTuple):
    """The lowest point of a grid."""

    w: float
    b: float
    loss: float


@dataclass(frozen=True, eq=False)
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
        x, y = samples(data)
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
        if not path.parent.is_dir():
            raise FileNotFoundError(f"{path.parent} is not a folder: {path} can't be saved there")
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        about = json.dumps({"format": FORMAT, "loss": self.loss})
        try:
            with open(temporary, "wb") as file:
                np.savez(file, w=self.w, b=self.b, Z=np.ascontiguousarray(self.Z), about=np.array(about))
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)

    @classmethod
    def load(cls, path):
        """A surface that `save` wrote. Sizes are checked before arrays are read, and nothing is unpickled.

        ValueError for any other file, MemoryError for a surface that can't fit into the memory that is free.
        """
        with open(path, "rb") as file:
            try:
                return cls(*read_surface(file))
            except MemoryError:
                raise
            except Exception as error:  # whatever a file that is something else makes the readers raise
                raise ValueError(f"{os.fspath(path)} is not a saved LossSurface: {error}") from None


def read_surface(file):
    """w, b, Z and the name of the loss."""
    with zipfile.ZipFile(file) as archive:
        shapes = {name: stored_shape(archive, name) for name in ("w", "b", "Z")}
        (nw,), (nb,) = shapes["w"], shapes["b"]
        if shapes["Z"] != (nb, nw) or nw * nb == 0:
            raise ValueError(f"its arrays don't fit together: {shapes}")
        about = json.loads(read_about(archive))
        if about["format"] != FORMAT or about["loss"] not in checks.COSTS:
            raise ValueError(f"it says {about}; accepted: format {FORMAT} and a loss of {checks.COSTS}")
        checks.memory((nb + 1, nw + 1), np.float64)
        w, b, Z = (read_array(archive, name, shape) for name, shape in shapes.items())
    if not (np.isfinite(w).all() and np.isfinite(b).all()):
        raise ValueError("its axes are not finite")
    return w, b, Z, about["loss"]


def member_of(archive, name):
    member = archive.getinfo(f"{name}.npy")
    if member.compress_type != zipfile.ZIP_STORED:
        raise ValueError(f"{name} is compressed")
    return member


def stored_shape(archive, name):
    """The shape of a float64 array, by a header of the version that NumPy writes and the size that belongs to it."""
    member = member_of(archive, name)
    with archive.open(member) as file:
        if np.lib.format.read_magic(file) != (1, 0):
            raise ValueError(f"{name} is of another npy version")
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
        if dtype != np.float64 or fortran or math.prod(shape) * 8 != member.file_size - file.tell():
            raise ValueError(f"{name} is {dtype} {shape} in {member.file_size} bytes")
    return shape


def read_array(archive, name, shape):
    array = np.empty(shape)
    memory = array.reshape(-1).view(np.uint8)
    with archive.open(member_of(archive, name)) as file:
        np.lib.format.read_magic(file)
        np.lib.format.read_array_header_1_0(file)
        for start in range(0, memory.size, READ_AT_ONCE):
            part = memory[start : start + READ_AT_ONCE]
            part[:] = np.frombuffer(file.read(part.size), np.uint8)
    return array


def read_about(archive):
    member = member_of(archive, "about")
    if member.file_size > 10_000:
        raise ValueError(f"its description has {member.file_size} bytes")
    with archive.open(member) as file:
        return str(np.lib.format.read_array(file, allow_pickle=False))


def loss_over(x, y, w, b, loss):
    """The loss of one-feature samples over the grid (nb, nw)."""
    feature = checks.feature("data x", x).astype(np.float64)
    plane = LogitPlane(np.zeros_like(feature), feature, np.ones_like(feature))
    name = {"bce": "loss", "mse": "mse"}[loss]
    return getattr(surface_on_plane(plane, y, w, b, quantities=(name,), method="direct"), name)


def axis(name, window, points):
    """`points` evenly spaced values over a window."""
    return np.linspace(*interval(name, window), checks.whole("resolution", points, 1))


def interval(name, window):
    """The ends of a window, (low, high) or r for (-r, r), as floats."""
    try:
        low, high = map(float, window) if hasattr(window, "__len__") else (-float(window), float(window))
    except (TypeError, ValueError, OverflowError):
        low, high = math.nan, math.nan
    if isinstance(window, str) or not (low < high and math.isfinite(high - low)):
        raise ValueError(f"{name} is {window!r}; accepted: (low, high) with low < high, or a number r > 0 for (-r, r)")
    return low, high
