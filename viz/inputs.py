"""Reads what the drawing functions are given: NumPy float64 out, or an error that names the argument."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeGuard

import numpy as np
from matplotlib.axes import Axes
from mpl_toolkits.mplot3d import Axes3D

from viz import losses
from viz.language import said
from viz.layout import new_figure

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from viz.results import Data, History, Line, LossSurface, PlaneSurface, RatesStudy, Study, ThinHistory


class Grid(NamedTuple):
    """What is drawn over two axes: s (ns,), t (nt,), Z (nt, ns), and in words what each of them measures.

    `scale` is "log" for positive values of any size, "share" for values from 0 to 1.
    """

    s: np.ndarray
    t: np.ndarray
    Z: np.ndarray
    label: str
    names: tuple[str, str]
    axis_labels: tuple[str, str]
    scale: str = "log"

    @property
    def window(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """The ends of both axes, in ascending order."""
        return (self.s.min(), self.s.max()), (self.t.min(), self.t.max())

    def contains(self, s: ArrayLike, t: ArrayLike) -> np.ndarray:
        """Whether each point lies in the drawn window, edges included; the shape of s and t."""
        return (self.s.min() <= s) & (s <= self.s.max()) & (self.t.min() <= t) & (t <= self.t.max())


class Path(NamedTuple):
    """A training path on a grid, start included: coordinates s, t, both (steps + 1,); w and b themselves for one
    weight."""

    s: np.ndarray
    t: np.ndarray


class Starts(NamedTuple):
    """Starts w (k,), b (k,) in a window, and what each cost led to from them: who succeeded, after which step."""

    w: np.ndarray
    b: np.ndarray
    w_range: tuple[float, float]
    b_range: tuple[float, float]
    succeeded: dict[str, np.ndarray]
    steps: dict[str, np.ndarray]
    total_steps: int


class Rates(NamedTuple):
    """Learning rates (r,) and batch sizes (m,), and of each cost a quantity (m, r), NaN where there is none, and how
    training goes, 0, 1 or 2."""

    rates: np.ndarray
    batch_sizes: np.ndarray
    values: dict[str, np.ndarray]
    behaviour: dict[str, np.ndarray]


def to_numpy(values: Any) -> np.ndarray:
    """An array, a sequence or a tensor on any device as a NumPy array of the same shape, gradients dropped; ValueError
    for a tensor without values."""
    if hasattr(values, "detach"):
        from kernels.arguments.arrays import is_functional

        values = values.detach().cpu().resolve_neg()
        if is_functional(values):
            raise ValueError(
                "a tensor that stands for another has no values to read; accepted: one that NumPy can read"
            )
    return np.asarray(values)


def finite_array(name: str, values: Any) -> np.ndarray:
    """`values` as float64 in their shape; TypeError if they aren't real numbers, ValueError if one isn't finite."""
    if hasattr(values, "isna"):  # a table of pandas, whose columns may be none of NumPy's
        from kernels.arguments.tables import table_array

        values = table_array(name, values, "real numbers")
    try:
        array = to_numpy(values)
    except ValueError:  # rows of several lengths, or a tensor without values
        raise ValueError(f"{name} is {values!r}; accepted: an array of real numbers") from None
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} has dtype {array.dtype}; accepted: real numbers")
    array = array.astype(np.float64)
    if not np.isfinite(array).all():
        count = np.count_nonzero(~np.isfinite(array))
        raise ValueError(f"{name} has {count} NaN or infinite values; accepted: finite values")
    return array


def scalar(name: str, value: Any) -> float:
    """`value`, a number or an array of one element, as a float; ValueError otherwise."""
    array = finite_array(name, value)
    if array.size != 1:
        raise ValueError(f"{name} has shape {array.shape}; accepted: one number")
    return array.item()


def read_surface(surface: LossSurface) -> Grid:
    """The `Grid` of a result with w (nw,), b (nb,), Z (nb, nw), loss and minimum.

    TypeError if an attribute is missing. ValueError if the grid is smaller than 2 x 2, an axis isn't strictly
    monotonic, shapes disagree, a value isn't finite, a loss is negative or its name is unknown.
    """
    require("surface", surface, ("w", "b", "Z", "loss", "minimum"))
    w, b = monotonic_axis("surface.w", surface.w), monotonic_axis("surface.b", surface.b)
    Z = finite_array("surface.Z", surface.Z)
    if Z.shape != (len(b), len(w)):
        raise ValueError(f"surface.Z has shape {Z.shape}; accepted: (len(b), len(w)) = ({len(b)}, {len(w)})")
    if Z.min() < 0:
        raise ValueError(f"surface.Z has values down to {Z.min():g}; accepted: a loss, >= 0")
    if surface.loss not in losses.names():
        raise ValueError(f"surface.loss is {surface.loss!r}; accepted: {', '.join(map(repr, losses.names()))}")
    sides = said("weight w"), said("bias b")
    return Grid(w, b, Z, losses.mean_label(surface.loss, penalty_of(surface)), ("w", "b"), sides)


def penalty_of(surface: LossSurface | PlaneSurface | Line) -> str:
    """What is added to a surface's loss, in words, by its `l2` and `l2_bias`, 0 where it has none."""
    l2, of_bias = (scalar(f"surface.{name}", getattr(surface, name, 0.0)) for name in ("l2", "l2_bias"))
    if l2 == of_bias != 0:
        return f" + {l2:g}/2 (|w|² + b²)"
    return (f" + {l2:g}/2 |w|²" if l2 else "") + (f" + {of_bias:g}/2 b²" if of_bias else "")


def read_minimum(surface: LossSurface) -> tuple[float, float]:
    """Where `surface.minimum` is, (w, b); TypeError if it is neither (w, b, loss) nor has w and b."""
    minimum = surface.minimum
    named = hasattr(minimum, "w") and hasattr(minimum, "b")
    if not (named or (isinstance(minimum, (tuple, list)) and len(minimum) >= 2)):
        raise TypeError(f"surface.minimum is {minimum!r}; accepted: (w, b, loss)")
    w, b = (minimum.w, minimum.b) if named else minimum[:2]
    return scalar("surface.minimum.w", w), scalar("surface.minimum.b", b)


def read_path(history: History, name: str = "history") -> Path:
    """The `Path` of a history with w (steps, 1), b (steps,), start_w (1,) and start_b; one that leaves out the
    last step has end_w (1,) and end_b.

    TypeError if an attribute is missing, ValueError for more than one weight or shapes that disagree.
    """
    require(name, history, ("w", "b", "start_w", "start_b", "start_loss", "full_loss"))
    w, b = finite_array(f"{name}.w", history.w), finite_array(f"{name}.b", history.b)
    if w.ndim != 2 or w.shape[1] != 1:
        raise ValueError(f"{name}.w has shape {w.shape}; accepted: (steps, 1), as one weight can be drawn against b")
    if b.shape != w.shape[:1]:
        raise ValueError(f"{name}.b has shape {b.shape}; accepted: (steps,) = {w.shape[:1]}")
    ends = ("start", "end") if leaves_out_the_end(history, len(b), name) else ("start",)
    (first_w, *last_w), (first_b, *last_b) = (
        [scalar(f"{name}.{end}_{part}", getattr(history, f"{end}_{part}")) for end in ends] for part in "wb"
    )
    return Path(np.hstack([first_w, w[:, 0], last_w]), np.hstack([first_b, b, last_b]))


def step_numbers(history: History, kept: int) -> np.ndarray:
    """The steps of the points of `read_path`, of which `kept` were kept."""
    numbers = np.arange(kept + 1) * max(1, int(scalar("history.every", getattr(history, "every", 1))))
    return np.append(numbers, history.steps) if leaves_out_the_end(history, kept) else numbers


def leaves_out_the_end(history: History, kept: int, name: str = "history") -> TypeGuard[ThinHistory]:
    """Whether a history that kept so many steps, one of `every`, had more `steps`; by default it keeps all."""
    every = scalar(f"{name}.every", getattr(history, "every", 1))
    if scalar(f"{name}.steps", getattr(history, "steps", 0)) <= kept * every:
        return False
    require(name, history, ("end_w", "end_b", "end_loss"))
    return True


def read_full_loss(history: History, name: str = "history") -> np.ndarray:
    """The loss on all the data along a path, start and end included; ValueError if `full_loss()` isn't (steps,)."""
    require(name, history, ("b", "start_loss", "full_loss"))
    start, kept = scalar(f"{name}.start_loss", history.start_loss), len(history.b)
    if not callable(history.full_loss):
        raise TypeError(f"{name}.full_loss is a {type(history.full_loss).__name__}; accepted: a method")
    loss = finite_array(f"{name}.full_loss()", history.full_loss())
    if loss.shape != (kept,):
        raise ValueError(f"{name}.full_loss() has shape {loss.shape}; accepted: (steps,) = {(kept,)}")
    end = [scalar(f"{name}.end_loss", history.end_loss)] if leaves_out_the_end(history, kept, name) else []
    return np.hstack([start, loss, end])


def read_starts(study: Study) -> Starts:
    """The `Starts` of a study with w (k,), b (k,), w_range, b_range, accuracy, steps and total_steps.

    TypeError if an attribute is missing. ValueError for no starts or costs, shapes that disagree, a window that isn't
    two increasing numbers, or starts that aren't in it.
    """
    require("study", study, ("w", "b", "w_range", "b_range", "accuracy", "steps", "total_steps"))
    w, b = (finite_array(f"study.{name}", getattr(study, name)) for name in "wb")
    if w.ndim != 1 or w.size == 0 or b.shape != w.shape:
        raise ValueError(f"study.w has shape {w.shape} and study.b {b.shape}; accepted: (k,) for both, with k >= 1")
    w_range = read_range("study.w_range", study.w_range, w)
    b_range = read_range("study.b_range", study.b_range, b)
    for name in ("steps", "accuracy"):
        if not isinstance(values := getattr(study, name), Mapping):
            raise TypeError(f"study.{name} is a {type(values).__name__}; accepted: {{cost: (k,)}}")
    steps = {cost: finite_array(f"study.steps[{cost!r}]", values) for cost, values in study.steps.items()}
    reached = {cost: to_numpy(values) for cost, values in study.accuracy.items()}
    if not steps or steps.keys() != reached.keys():
        found = f"study.steps has the costs {[*steps]} and study.accuracy {[*reached]}"
        raise ValueError(f"{found}; accepted: the same for both, at least one")
    for cost in steps:
        if not steps[cost].shape == reached[cost].shape == w.shape:
            found = f"study.steps of {cost!r} has shape {steps[cost].shape} and study.accuracy {reached[cost].shape}"
            raise ValueError(f"{found}; accepted: (k,) = {w.shape} for both")
    total = int(scalar("study.total_steps", study.total_steps))
    return Starts(w, b, w_range, b_range, {cost: reached[cost] == 1 for cost in steps}, steps, total)


def read_rates(study: RatesStudy, quantity: str) -> Rates:
    """The `Rates` of a study with rates (r,), batch_sizes (m,), behaviour and loss, accuracy or steps {cost: (m, r)}.

    TypeError if an attribute is missing. ValueError for another quantity, rates or batch sizes that aren't positive and
    increasing, no costs, or shapes that disagree.
    """
    if quantity not in ("loss", "accuracy", "steps"):
        raise ValueError(f"quantity is {quantity!r}; accepted: 'loss', 'accuracy', 'steps'")
    require("study", study, ("rates", "batch_sizes", "behaviour", quantity))
    rates = increasing_axis("study.rates", study.rates)
    sizes = increasing_axis("study.batch_sizes", study.batch_sizes)
    values, behaviour = (of_costs(f"study.{name}", getattr(study, name)) for name in (quantity, "behaviour"))
    if not values or values.keys() != behaviour.keys():
        costs = f"study.{quantity} has the costs {[*values]} and study.behaviour {[*behaviour]}"
        raise ValueError(f"{costs}; accepted: the same for both, at least one")
    shape = len(sizes), len(rates)
    for cost, found in values.items():
        if not found.shape == behaviour[cost].shape == shape:
            shapes = f"study.{quantity} of {cost!r} has shape {found.shape} and study.behaviour {behaviour[cost].shape}"
            raise ValueError(f"{shapes}; accepted: (m, r) = {shape} for both")
        if not np.isin(behaviour[cost], (0, 1, 2)).all():
            raise ValueError(f"study.behaviour of {cost!r} has other values; accepted: 0, 1 and 2")
    return Rates(rates, sizes.astype(int), values, behaviour)


def of_costs(name: str, results: Mapping[str, ArrayLike]) -> dict[str, np.ndarray]:
    """{cost: array} as float64."""
    if not isinstance(results, Mapping):
        raise TypeError(f"{name} is a {type(results).__name__}; accepted: {{cost: (m, r)}}")
    return {cost: np.asarray(to_numpy(values), np.float64) for cost, values in results.items()}


def read_data(data: Data) -> tuple[np.ndarray, np.ndarray]:
    """x and y, both (n,), from anything whose `data[:]` gives x and y of n elements each, a tuple included.

    TypeError for other data. ValueError for no data, more than one feature, lengths that disagree or labels outside
    [0, 1].
    """
    from kernels.arguments.dataset import pair

    x, y = pair(data)
    x, y = finite_array("data x", x), finite_array("data y", y)
    for name, values in (("x", x), ("y", y)):
        if values.size == 0 or values.shape not in ((values.size,), (values.size, 1)):
            raise ValueError(f"data {name} has shape {values.shape}; accepted: (n, 1) or (n,) with n >= 1")
    if x.size != y.size:
        raise ValueError(f"data y has {y.size} labels; accepted: {x.size}, one for each of x")
    if y.min() < 0 or y.max() > 1:
        raise ValueError(f"data y has values from {y.min():g} to {y.max():g}; accepted: labels in [0, 1]")
    return x.ravel(), y.ravel()


def flat_axes(ax: Axes | None) -> Axes:
    """`ax`, or the Axes of a new figure if it is None; TypeError if it isn't a two-dimensional Axes."""
    if ax is None:
        return new_figure()[1]
    if not isinstance(ax, Axes) or isinstance(ax, Axes3D):
        raise TypeError(f"ax is a {type(ax).__name__}; accepted: a two-dimensional matplotlib Axes or None")
    return ax


def require(name: str, result: object, attributes: tuple[str, ...]) -> None:
    missing = ", ".join(attribute for attribute in attributes if not hasattr(result, attribute))
    if missing:
        kind = type(result).__name__
        raise TypeError(f"{name} is a {kind} without {missing}; accepted: what has {', '.join(attributes)}")


def read_range(name: str, window: ArrayLike, values: np.ndarray) -> tuple[float, float]:
    ends = finite_array(name, window)
    if ends.shape != (2,) or ends[0] >= ends[1]:
        raise ValueError(f"{name} is {window!r}; accepted: (low, high) with low < high")
    low, high = ends.tolist()
    margin = 1e-6 * (high - low)  # of rounding to float32
    if values.min() < low - margin or values.max() > high + margin:
        found = f"{name} is ({low:g}, {high:g}) and starts go from {values.min():g} to {values.max():g}"
        raise ValueError(f"{found}; accepted: a window that holds every start")
    return low, high


def monotonic_axis(name: str, values: ArrayLike) -> np.ndarray:
    axis = finite_array(name, values)
    if axis.ndim != 1 or len(axis) < 2:
        raise ValueError(f"{name} has shape {axis.shape}; accepted: (n,) with n >= 2, for a grid of 2 x 2 or more")
    steps = np.diff(axis)
    if not ((steps > 0).all() or (steps < 0).all()):
        raise ValueError(f"{name} is not monotonic; accepted: strictly increasing or strictly decreasing values")
    return axis


def increasing_axis(name: str, values: ArrayLike) -> np.ndarray:
    axis = finite_array(name, values)
    if axis.ndim != 1 or len(axis) == 0 or axis[0] <= 0 or (np.diff(axis) <= 0).any():
        raise ValueError(f"{name} is {values!r}; accepted: (k,) with k >= 1, positive and increasing")
    return axis
