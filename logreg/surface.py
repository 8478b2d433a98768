"""Loss surfaces as objects: computed, saved, loaded."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from kernels import LogitPlane, numba_cpu
from kernels.arguments import arrays, dataset, memory, numbers
from kernels.losses import LOSSES
from kernels.quantities import QUANTITIES
from kernels.results import lowest_point
from kernels.workers.runner import HERE
from logreg import export, files
from logreg.blocks import are_blocks
from logreg.classes import Labels, Meaning, read_labels, weights_with_classes
from logreg.devices import Device, card_of, host
from logreg.directions import Projection, plane_around, turns
from logreg.evaluation import evaluate
from logreg.hessian import sharpness_at
from logreg.models import points_of, read_models
from logreg.objective import objective_of
from logreg.plane import PlaneSurface, is_plane_surface, read_plane_surface
from logreg.samples import unread_arrays
from logreg.sums import plane_as_kept, runner_around, surface_on
from logreg.windows import axes_of, axis, pair_of_points

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from zipfile import ZipFile

    import pandas as pd
    import torch
    from numpy.typing import ArrayLike

    from kernels.kinds import Executor, Path
    from logreg.classes import ClassWeight
    from logreg.models import Models
    from logreg.windows import Resolution, Window

FORMAT = 1
ARRAYS = ("w", "b", "Z")


class Minimum(NamedTuple):
    """The lowest point of a grid."""

    w: float
    b: float
    loss: float


@dataclass(frozen=True, eq=False, repr=False)
class LossSurface:
    """The loss of a one-feature model over a grid of weights and biases, float64.

    Attributes
    ----------
    w, b : array (nw,) and (nb,)
        The axes.
    Z : array (nb, nw)
        The loss, row = b.
    loss : str
        What Z is: "bce", mean cross-entropy, "mse", mean squared error, or "focal", mean focal loss.

    See Also
    --------
    PlaneSurface : what `LossSurface.around` returns, around models of any number of features
    viz.plot_contour : draws it
    viz.plot_surface : draws it in three dimensions

    Examples
    --------
    >>> from logreg import LossSurface, lab_data
    >>> surface = LossSurface.compute(lab_data(), w_range=15, b_range=(-13, 13), resolution=(31, 27))
    >>> surface
    LossSurface(31 x 27 points of bce)
    >>> w, b, loss = surface.minimum
    >>> w, b, round(loss, 3)
    (15.0, -4.0, 0.053)
    >>> surface.save("surface.npz")
    >>> LossSurface.load("surface.npz").Z.shape
    (27, 31)
    """

    w: np.ndarray
    b: np.ndarray
    Z: np.ndarray
    loss: str

    def __repr__(self) -> str:
        return f"LossSurface({len(self.w)} x {len(self.b)} points of {self.loss})"

    @classmethod
    def compute(
        cls,
        data: Any,
        w_range: Window,
        b_range: Window,
        *,
        resolution: Resolution,
        loss: str = "bce",
        sample_weight: ArrayLike | None = None,
        class_weight: ClassWeight = None,
        pos_weight: ArrayLike | None = None,
        positive: Any = None,
        device: Device = None,
    ) -> LossSurface:
        """The surface of one-feature data over a window.

        Parameters
        ----------
        data : tuple (x, y), data set, or iterable of batches
            `data[:]` gives x (n, 1) or (n,) and y, as in `around`.
        w_range, b_range : pair of floats, or float
            The window (low, high), or a number r for (-r, r).
        resolution : int, or pair of ints
            Number of points of both axes, or a pair (of w, of b); a single point is the middle of the window.
        loss : {"bce", "mse", "focal"}
            Cross-entropy, squared error, or focal loss.
        sample_weight : array_like (n,), optional
            At least 0: makes the mean sum(weight * loss) / sum(weight).
        class_weight : "balanced" or dict, optional
            As in `around`.
        pos_weight : float, optional
            At least 0: by which the cross-entropy of class 1 counts, as torch.nn.BCEWithLogitsLoss has it; None with
            loss="mse".
        positive : label, optional
            What is class 1, as in `around`.
        device : str or torch.device, optional
            Where it is computed: None, "cpu" or a CUDA device.

        Returns
        -------
        LossSurface
            Float64, whatever the dtype of the data.

        Raises
        ------
        ValueError, TypeError
            They name a wrong argument.
        """
        card = card_of(device)
        numbers.pos_weight_for(numbers.one_of("loss", loss, LOSSES), pos_weight)
        x, y = unread_arrays(data, Meaning(positive), ordered=sample_weight is not None)
        points = pair_of_points(resolution)
        w, b = axis("w_range", w_range, points[0]), axis("b_range", b_range, points[1])
        plain = sample_weight is class_weight is pos_weight is positive is None and isinstance(y, np.ndarray)
        Z = small_surface(x, y, w, b) if plain and card is None and loss == "bce" else None
        if Z is None:
            feature = host(dataset.feature("data x", host(x).astype(np.float64, copy=False)))
            labels = y if isinstance(y, Labels) else read_labels(y, len(feature), Meaning(positive))
            weight = weights_with_classes(labels, sample_weight, class_weight)
            weights = {"sample_weight": weight, "pos_weight": pos_weight}
            Z = loss_over(feature, labels.y, w, b, loss, card, **weights)
        return cls(w, b, Z, loss)

    @staticmethod
    def around(
        model: Models,
        data: Any,
        *,
        directions: str | Sequence[ArrayLike | str] | None = None,
        extent: Window | Sequence[Window] | None = None,
        resolution: Resolution = 300,
        quantities: str | Iterable[str] = ("loss",),
        loss: str = "bce",
        l2: float | None = None,
        weight_decay: float | None = None,
        sample_weight: ArrayLike | None = None,
        class_weight: ClassWeight = None,
        pos_weight: ArrayLike | None = None,
        positive: Any = None,
        seed: Any = None,
        sharpness: bool = False,
        device: Device = None,
        executor: Executor | None = None,
        checkpoint: Path | None = None,
    ) -> PlaneSurface:
        """Loss and what belongs to it on a plane through a model of any number of features: a PlaneSurface.

        Parameters
        ----------
        model : classifier, module, array_like (d + 1,), path of training, or several
            What the center (s, t) = (0, 0) is, by its parameters theta = (w, b), the bias last:

            - a logistic classifier of scikit-learn that was fitted to two classes, or a Pipeline that ends with one,
              through whose steps the data goes first;
            - a LogisticRegression, an nn.Linear(d, 1) or (d, 2), the logit of which is the difference, alone or first
              in an nn.Sequential; of another network the last layer, as `logreg.head` gives it with its data;
            - a vector theta (d + 1,);
            - the History of a run of training, or another TrainingPath, whose last step is meant; a list of models is a
              path, too;
            - several runs or models in a dict, or several runs in a list: the center is the mean of their ends.
        data : tuple (x, y), data set, or iterable of batches
            (x, y), or a data set whose data[:] is: x (n, d) an array, a table, a memory map or of scipy.sparse, y
            labels; or batches (x, y) that can be iterated over again, such as a DataLoader, read once, once more for
            "axes" and "hessian", and once more for weights, penalties beside a sum and `sharpness`. Nothing of them is
            kept but labels and logits. A list may be of (x, y, sample_weight), too; or of callables that return (x, y)
            or (x, y, sample_weight) wherever they are called, here or by an executor's workers: nothing of their
            samples is kept or comes here but sums. They are called once for labels and weights, once more for
            directions as above, and for the surface twice or more.
        directions : str, or pair of vectors or names, optional
            What spans the plane:

            - "axes": two coordinates. Weight and bias of a single feature; of more, the two weights along which the
              loss curves most, as some columns of real data are constant and show nothing;
            - "random": two random orthonormal vectors by `seed`;
            - "filter": two random vectors, each weight by its own size [1]_;
            - "hessian": eigenvectors of the Hessian of the loss at the center, of the largest two eigenvalues; of more
              than 1500 features, as `logreg.sharpness` has them;
            - "pca": the first two principal components of the paths of training; the default for several of them,
              "axes" for one;
            - a pair of vectors (d + 1,), not parallel, of any length, or of names of columns of x or "bias".
        extent : float, pair of floats, or pair of these, optional
            The window in units of the directions, all but vectors and "filter" of length 1: (low, high) or r for (-r,
            r), for both axes, or a pair of these with at least one (low, high): ((-1, 2), 3); by default what shows the
            paths, or, around a model, as far as its weights are long.
        resolution : int, or pair of ints
            Number of points of both axes, or a pair (of s, of t); one point is the middle of the window, and the center
            where the window isn't given.
        quantities : str or iterable of str
            Of "loss", "mse", "accuracy", "balanced_accuracy", "gradient" and "hessian"; weights of samples and classes
            are in all of them, accuracies too.
        loss : {"bce", "mse", "focal"}
            Mean cross-entropy, mean squared error, or mean focal loss: what the loss is, its gradient and its Hessian,
            also for the directions.
        l2 : float, optional
            l2/2 times the squared length of w is added to the loss, its gradient and its Hessian, exactly; the bias is
            not penalised. By default it is the model's own penalty: 1 / (C n) of scikit-learn, weight decay of a path.
        weight_decay : float, optional
            The same with the bias penalised, as torch.optim does; in place of `l2`.
        sample_weight : array_like (n,), optional
            At least 0: means become sum(weight * value) / sum(weight), directions by the loss included; by default
            those that a run was trained with, where x is what it was trained on. None with callables.
        class_weight : "balanced" or dict, optional
            "balanced" or {label: weight}, by which these are multiplied; by default the model's own.
        pos_weight : float, optional
            At least 0: by which the loss of class 1 counts, with its gradient and its Hessian, as
            torch.nn.BCEWithLogitsLoss has it.
        positive : label, optional
            Labels are numbers in [0, 1] or of two classes; class 1 is `positive`, or the model's second, or 1 beside
            -1, or the second of two texts in order.
        seed : int, optional
            Of random directions, as numpy.random.default_rng takes it.
        sharpness : bool
            Whether the surface is to say how sharply the loss curves at the center, in all directions: see
            `logreg.sharpness`, some passes over the data more.
        device : str or torch.device, optional
            Where it is computed: None, "cpu" or a CUDA device; the CPU with callables, `executor` or `checkpoint`.
        executor : concurrent.futures.Executor, optional
            Whose workers evaluate the samples, some at a time, and call what `data` is a list of: a process pool,
            `Client.get_executor()` of Dask, `MPIPoolExecutor`. Blocks are added up in their order, so that the surface
            has the same bits by any number of workers. What is sent must be such as can be pickled.
        checkpoint : str, bytes or os.PathLike, optional
            A file in which sums are kept as they grow, every few seconds: the same call goes on from there after it was
            killed, to the same bits. It stays when the call ends. Random directions then need a `seed`.

        Returns
        -------
        PlaneSurface
            Computed in float64. Large grids are interpolated between Chebyshev nodes, to 1e-12 max(1, largest size of
            the quantity); where a quantity is faint beside that it is evaluated directly.

        Raises
        ------
        ValueError, TypeError
            They name a wrong argument.
        MemoryError
            Before allocating what can't fit.
        concurrent.futures.BrokenExecutor
            The executor lost its workers; it says what is done and where it is kept.

        References
        ----------
        .. [1] H. Li, Z. Xu, G. Taylor, C. Studer, T. Goldstein, "Visualizing the loss landscape of neural nets",
           NeurIPS 2018.

        Examples
        --------
        >>> import numpy as np
        >>> from logreg import LossSurface
        >>> rng = np.random.default_rng(0)
        >>> X = rng.normal(size=(200, 5))
        >>> y = X[:, 0] + rng.normal(size=200) > 0
        >>> surface = LossSurface.around(np.zeros(6), (X, y), directions="hessian", extent=3, resolution=100)
        >>> surface
        PlaneSurface(100 x 100 points: loss; ...)
        >>> bool(surface.minimum.loss < np.log(2))  # that of the center, where every probability is 1/2
        True

        The same of blocks that are read where they are evaluated, here by two threads:

        >>> from concurrent.futures import ThreadPoolExecutor
        >>> from functools import partial
        >>> def rows(start, stop):
        ...     return X[start:stop], y[start:stop]  # of a file, on another machine
        >>> blocks = [partial(rows, start, start + 50) for start in range(0, 200, 50)]
        >>> with ThreadPoolExecutor(2) as executor:
        ...     of_blocks = LossSurface.around(
        ...         np.zeros(6), blocks, directions="hessian", extent=3, resolution=100, executor=executor
        ...     )
        >>> bool(np.abs(of_blocks.loss - surface.loss).max() < 1e-12)
        True
        """
        card = card_of(device)
        names = numbers.some_of("quantities", quantities, QUANTITIES)
        known = read_models(model)
        of_loss: dict[str, Any] = {"loss": loss, "l2": l2, "weight_decay": weight_decay, "class_weight": class_weight}
        of_loss |= {"pos_weight": pos_weight, "positive": positive}
        others = {"quantities": names, "directions": directions, "seed": seed, "sharpness": sharpness}
        runner = runner_around(executor, checkpoint, known, data, of_loss | others)
        if card is not None and (runner is not HERE or are_blocks(data)):
            raise ValueError(f"device is {device!r}; accepted: None or 'cpu' with executor, checkpoint or callables")
        objective = objective_of(known, data, sample_weight=sample_weight, **of_loss, runner=runner)
        if directions is None:
            directions = "pca" if len(known.paths) > 1 and turns(np.vstack(known.paths)) else "axes"
        plane = plane_around(known, objective.samples, directions, seed, objective.mean, objective.penalty)
        plane = plane_as_kept(plane, directions, runner)
        s, t = axes_of(extent, resolution, plane, known.paths)
        surface = surface_on(plane, objective, s, t, names, runner, card)
        if len(known.paths) > 1:
            surface = replace(surface, center_is_model=False)
        if sharpness:
            surface = replace(surface, sharpness=sharpness_at(objective, known.theta, known.has_bias))
        if runner.kept is not None:
            runner.kept.write()
        return surface

    @property
    def minimum(self) -> Minimum:
        """The lowest point of the grid."""
        return Minimum(*lowest_point(self.w, self.b, self.Z))

    def project(self, model: Models) -> Projection:
        """Where a path of training or a model of one feature lies on the surface.

        Parameters
        ----------
        model : classifier, module, array_like (2,), path of training, or several
            As in `around`, of one feature.

        Returns
        -------
        Projection
            (s, t, distance, outside), s being its weights (k,) and t its biases; distances are 0.
        """
        points = points_of(model)
        if points.shape[1] != 2:
            raise ValueError(f"model has {points.shape[1] - 1} weights; accepted: one, as the surface is of w and b")
        return Projection(points[:, 0], points[:, 1], np.zeros(len(points)), 0.0)

    def save(self, path: files.AnyPath) -> None:
        """Writes the surface as npz with a description, all or nothing.

        Parameters
        ----------
        path : str, bytes or os.PathLike
            A name that ends in ``.vtk`` gets a VTK file, which ParaView reads and `load` does not: w across, b up, and
            the loss.

        Raises
        ------
        TypeError, ValueError
            A surface that `load` would refuse; axes of a VTK file that do not increase.
        OSError
            A `path` that is taken by a folder, a device or a FIFO, which stays, and what the system can't write.

        Notes
        -----
        An old file stays until all is on the disk, and of several writers the last one's file stands, whole. A link is
        followed; of hard links the others keep the old file; the mode of an old file is kept. A killed process leaves
        at the most a file ``.saving-*`` to be deleted.
        """
        arrays, about = {"w": self.w, "b": self.b, "Z": self.Z}, {"format": FORMAT, "loss": self.loss}
        check_layout(files.shapes_of(arrays), about)
        check_values(**arrays)
        if export.is_vtk(path):
            export.write_vtk(path, f"{self.loss} of weight w and bias b", grid_of(self))
        else:
            files.write(path, about, arrays)

    def to_frame(self) -> pd.DataFrame:
        """A table with a row for each point of the grid, of one bias after another.

        Returns
        -------
        pandas.DataFrame
            Columns w, b and loss.

        Raises
        ------
        ImportError
            Without pandas.
        """
        return export.frame_of(grid_of(self))

    @classmethod
    def load(cls, path: files.AnyPath) -> LossSurface | PlaneSurface:
        """What `save` wrote: a LossSurface, or a PlaneSurface where it came from `around`.

        Parameters
        ----------
        path : str, bytes or os.PathLike
            The file. Sizes are checked before arrays are read, and nothing is unpickled or evaluated.

        Returns
        -------
        LossSurface or PlaneSurface
            With the same bits.

        Raises
        ------
        ValueError
            Any other file.
        OSError
            What is no regular file.
        MemoryError
            A surface that can't fit into the memory that is free.
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


def small_surface(x: np.ndarray, y: Any, w: np.ndarray, b: np.ndarray) -> np.ndarray | None:
    """The cross-entropy of few samples over the grid (nb, nw), by the kernels' short way; None for what it refuses."""
    return numba_cpu.small_surfaces().loss_surface(host(x).astype(np.float64, copy=False), y, w, b)


def loss_over(
    x: np.ndarray, y: np.ndarray, w: np.ndarray, b: np.ndarray, loss: str, card: torch.device | None, **weights: Any
) -> np.ndarray:
    """The loss of samples of one feature x (n,), checked, over the grid (nb, nw)."""
    plane = LogitPlane(np.zeros_like(x), x, np.ones_like(x))
    values = evaluate(plane, y, w, b, ("loss",), card, loss=loss, **weights).loss
    assert values is not None  # as it was asked for
    return host(values)
