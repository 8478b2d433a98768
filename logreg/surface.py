"""Loss surfaces as objects: computed, saved, loaded."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence, Sized
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from kernels import LogitPlane, numba_cpu
from kernels.arguments import arrays, dataset, memory, numbers
from kernels.losses import LOSSES
from kernels.quantities import QUANTITIES
from kernels.results import lowest_point
from logreg import export, files
from logreg.data import Data, samples
from logreg.devices import Device, card_of, host
from logreg.directions import plane_around
from logreg.evaluation import add_penalty, check_penalty, evaluate, logits_on
from logreg.plane import PlaneSurface, is_plane_surface, read_plane_surface

if TYPE_CHECKING:
    from zipfile import ZipFile

    import pandas as pd
    import torch
    from numpy.typing import ArrayLike

    from logreg.model import Model
    from logreg.train import History

FORMAT = 1
ARRAYS = ("w", "b", "Z")
Window: TypeAlias = float | Sequence[float]
Resolution: TypeAlias = int | Sequence[int]


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
    loss              what Z is, a name of `kernels.losses`: "bce", mean cross-entropy, "mse", mean squared error, or
                      "focal", mean focal loss
    """

    w: np.ndarray
    b: np.ndarray
    Z: np.ndarray
    loss: str

    @classmethod
    def compute(
        cls,
        data: Data,
        w_range: Window,
        b_range: Window,
        *,
        resolution: Resolution,
        loss: str = "bce",
        sample_weight: ArrayLike | None = None,
        pos_weight: ArrayLike | None = None,
        device: Device = None,
    ) -> LossSurface:
        """The surface of one-feature data over a window.

        `data[:]` gives x (n, 1) or (n,) and y. `w_range` and `b_range` are pairs (low, high), or a number r for
        (-r, r). `resolution` is the number of points of both axes, or a pair (of w, of b); a single point is the middle
        of the window. `loss` is "bce", "mse" or "focal". `device` is where it is computed: None, "cpu" or a CUDA
        device.

        `sample_weight` (n,), >= 0, makes the mean sum(weight * loss) / sum(weight). `pos_weight` is a number >= 0 by
        which the cross-entropy of class 1 counts, as torch.nn.BCEWithLogitsLoss has it; None with loss="mse".
        Raises ValueError or TypeError that name a wrong argument.
        """
        card = card_of(device)
        numbers.pos_weight_for(numbers.one_of("loss", loss, LOSSES), pos_weight)
        x, y = samples(data)
        points = pair_of_points(resolution)
        w, b = axis("w_range", w_range, points[0]), axis("b_range", b_range, points[1])
        weights = {"sample_weight": sample_weight, "pos_weight": pos_weight}
        return cls(w, b, loss_over(x, y, w, b, loss, card, **weights), loss)

    @staticmethod
    def around(
        model: Model | History,
        data: Data,
        *,
        directions: str | Sequence[ArrayLike] = "axes",
        extent: Window | Sequence[Window],
        resolution: Resolution,
        quantities: str | Iterable[str] = ("loss",),
        loss: str = "bce",
        l2: float = 0.0,
        sample_weight: ArrayLike | None = None,
        pos_weight: ArrayLike | None = None,
        seed: Any = None,
        device: Device = None,
    ) -> PlaneSurface:
        """Loss and what belongs to it on a plane through a trained model of any number of features: a PlaneSurface.

        `model` is a LogisticRegression, an nn.Linear(d, 1), a linear classifier of scikit-learn that was fitted to two
        classes, or the History of a training run, whose last step is meant; its parameters theta = (w, b), the bias
        last, are the center (s, t) = (0, 0). `data[:]` gives x (n, d) and y, 1 for the second of the classes.

        directions  "axes": two coordinates. Weight and bias of a single feature; of more, the two weights along which
                    the loss curves most, as some columns of real data are constant and show nothing
                    "random": two random orthonormal vectors by `seed`
                    "hessian": eigenvectors of the Hessian of the loss at the center, of the largest two eigenvalues
                    "pca": the first two principal components of the path of training, `model` being its History
                    (s, t): two vectors (d + 1,), not parallel, of any length
        extent      the window in units of the directions, all but the last of which have length 1: (low, high) or r for
                    (-r, r), for both axes, or a pair of these with at least one (low, high): ((-1, 2), 3)
        resolution  number of points of both axes, or a pair (of s, of t); one point is the middle of the window
        quantities  of "loss", "mse", "accuracy", "balanced_accuracy", "gradient" and "hessian"
        loss        "bce", mean cross-entropy, "mse", mean squared error, or "focal", mean focal loss: what the loss is,
                    its gradient and its Hessian, also for the directions
        l2          l2/2 |w|^2 is added to the loss, its gradient and its Hessian, exactly; the bias is not penalised
        sample_weight  (n,), >= 0: means become sum(weight * value) / sum(weight), directions by the loss included
        pos_weight  a number >= 0 by which the loss of class 1 counts, with its gradient and its Hessian, as
                    torch.nn.BCEWithLogitsLoss has it
        device      where it is computed: None, "cpu" or a CUDA device

        Computed in float64. Large grids are interpolated between Chebyshev nodes, to 1e-12 max(1, max|quantity|);
        where a quantity is faint beside that it is evaluated directly. Raises ValueError or TypeError that name a wrong
        argument, MemoryError before allocating what can't fit.
        """
        card = card_of(device)
        x, y = samples(data)
        x = host(dataset.features("data x", x))
        y = host(dataset.labels(y, len(x), np.float64))
        names = numbers.some_of("quantities", quantities, QUANTITIES)
        l2 = check_penalty(l2)
        along_s, along_t = pair_of_windows(extent)
        points = pair_of_points(resolution)
        s, t = axis("extent", along_s, points[0]), axis("extent", along_t, points[1])
        numbers.one_of("loss", loss, LOSSES)
        sample_weight, pos_weight = dataset.weights(sample_weight, len(x)), numbers.pos_weight_for(loss, pos_weight)
        weights: dict[str, Any] = {"loss": loss, "sample_weight": sample_weight, "pos_weight": pos_weight}
        plane = plane_around(model, x, y, directions, l2, seed, **weights)
        surface = evaluate(logits_on(plane, x), y, s, t, names, card, **weights)
        add_penalty(surface, l2, plane)
        return PlaneSurface(surface, plane, l2, loss)

    @property
    def minimum(self) -> Minimum:
        """The lowest point of the grid."""
        return Minimum(*lowest_point(self.w, self.b, self.Z))

    def save(self, path: files.AnyPath) -> None:
        """Writes the surface to `path`, text, bytes or an os.PathLike, as npz with a description.

        All or nothing: an old file stays until all is on the disk, and of several writers the last one's file stands,
        whole. A link is followed; of hard links the others keep the old file; the mode of an old file is kept. A killed
        process leaves at the most a file `.saving-*` to be deleted. A name that ends in .vtk gets a VTK file, which
        ParaView reads and `load` does not: w across, b up, and the loss.

        Raises TypeError or ValueError for a surface that `load` would refuse; OSError for a `path` that is taken by a
        folder, a device or a FIFO, which stays, and for what the system can't write. ValueError for axes of a VTK file
        that do not increase.
        """
        arrays, about = {"w": self.w, "b": self.b, "Z": self.Z}, {"format": FORMAT, "loss": self.loss}
        check_layout(files.shapes_of(arrays), about)
        check_values(**arrays)
        if export.is_vtk(path):
            export.write_vtk(path, f"{self.loss} of weight w and bias b", grid_of(self))
        else:
            files.write(path, about, arrays)

    def to_frame(self) -> pd.DataFrame:
        """A DataFrame with a row for each point of the grid, of one bias after another, and columns w, b and loss.
        ImportError without pandas."""
        return export.frame_of(grid_of(self))

    @classmethod
    def load(cls, path: files.AnyPath) -> LossSurface | PlaneSurface:
        """What `save` wrote: a LossSurface, or a PlaneSurface where it came from `around`.

        Sizes are checked before arrays are read, and nothing is unpickled or evaluated. ValueError for any other file,
        OSError for what is no regular file, MemoryError for a surface that can't fit into the memory that is free.
        """
        with files.opened(path, "LossSurface") as archive:
            return read_plane_surface(archive) if is_plane_surface(archive) else cls(*read_surface(archive))


def grid_of(surface: LossSurface) -> export.Grid:
    return export.Grid(("w", "b"), surface.w, surface.b, {"loss": surface.Z})


def read_surface(archive: ZipFile) -> tuple[np.ndarray, np.ndarray, np.ndarray, str]:
    """w, b, Z and the name of the loss."""
    files.check_names(files.names_in(archive), (*ARRAYS, files.ABOUT))
    shapes, about = files.shapes_in(archive, ARRAYS), files.read_about(archive)
    check_layout(shapes, about)
    memory.check_fits((sum(map(math.prod, shapes.values())),), np.float64)
    arrays = {name: files.read_array(archive, name, shape) for name, shape in shapes.items()}
    check_values(**arrays)
    return *arrays.values(), about["loss"]


def check_layout(shapes: files.Shapes, about: dict[str, Any]) -> None:
    """Refuses arrays that don't fit together, and another description."""
    sizes = [len(shape) for shape in shapes.values()]
    if sizes != [1, 1, 2] or shapes["Z"] != shapes["b"] + shapes["w"] or math.prod(shapes["Z"]) == 0:
        raise ValueError(f"its arrays have shapes {shapes}; accepted: some that fit together")
    if about["format"] != FORMAT:
        raise ValueError(f"its format is {about['format']}; accepted: {FORMAT}")
    numbers.one_of("loss", about["loss"], LOSSES)


def check_values(w: np.ndarray, b: np.ndarray, Z: np.ndarray) -> None:
    arrays.check_finite("w", w)
    arrays.check_finite("b", b)
    files.check_range("Z", Z)


def loss_over(
    x: np.ndarray, y: np.ndarray, w: np.ndarray, b: np.ndarray, loss: str, card: torch.device | None, **weights: Any
) -> np.ndarray:
    """The loss of one-feature samples over the grid (nb, nw)."""
    x = host(x).astype(np.float64, copy=False)
    if card is None and loss == "bce" and all(weight is None for weight in weights.values()):
        surface = numba_cpu.small_surfaces().loss_surface(x, y, w, b)
        if surface is not None:
            return surface
    feature = host(dataset.feature("data x", x))
    labels = host(dataset.labels(y, len(feature), np.float64))
    plane = LogitPlane(np.zeros_like(feature), feature, np.ones_like(feature))
    values = evaluate(plane, labels, w, b, ("loss",), card, loss=loss, **weights).loss
    assert values is not None  # as it was asked for
    return host(values)


def pair_of_points(resolution: Resolution) -> Sequence[int]:
    points = resolution if isinstance(resolution, (tuple, list)) else (resolution, resolution)
    if len(points) != 2:
        raise ValueError(f"resolution is {resolution!r}; accepted: a number of points, or a pair of them")
    return points


def pair_of_windows(extent: Any) -> tuple[Window, Window]:
    """A window for each axis: two things of which at least one is a pair itself, or the same for both."""
    if isinstance(extent, (tuple, list)) and len(extent) == 2:
        first, second = extent
        if isinstance(first, Sized) or isinstance(second, Sized):
            return first, second
    return extent, extent


def axis(name: str, window: Window, points: int) -> np.ndarray:
    """`points` evenly spaced values over a window; of one point, its middle."""
    low, high = interval(name, window)
    points = numbers.integer("resolution", points, 1)
    memory.check_fits((points,), np.float64)
    return np.array([low + (high - low) / 2]) if points == 1 else evenly_spaced(low, high, points)


def evenly_spaced(low: float, high: float, points: int) -> np.ndarray:
    """np.linspace to the bit, which takes three times as long for what a short axis can do without."""
    step = (high - low) / (points - 1)
    if step == 0:
        return np.linspace(low, high, points)
    values = np.arange(points, dtype=np.float64)
    values *= step
    values += low
    values[-1] = high
    return values


def interval(name: str, window: Window) -> tuple[float, float]:
    """The ends of a window, (low, high) or r for (-r, r), as floats."""
    try:
        low, high = map(float, window) if isinstance(window, Sized) else (-float(window), float(window))
    except (TypeError, ValueError, OverflowError):
        low, high = math.nan, math.nan
    if isinstance(window, str) or not (low < high and math.isfinite(high - low)):
        raise ValueError(f"{name} is {window!r}; accepted: (low, high) with low < high, or a number r > 0 for (-r, r)")
    return low, high
