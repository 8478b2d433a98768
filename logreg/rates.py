"""Up to which learning rate does training converge? Training with very many rates and batch sizes, with both costs."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from kernels import sgd_ensemble
from kernels.arguments import arrays, dataset, memory, numbers
from kernels.progress import in_parts, reporter
from logreg import files, keeping
from logreg.classes import Meaning
from logreg.devices import Device, host, moved
from logreg.samples import as_arrays
from logreg.studies import (
    as_kept,
    card_beside,
    costs_of,
    drawn,
    from_kept,
    kept_costs,
    kept_study,
    ranges_of,
    samples_on,
    section,
)
from logreg.windows import interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch
    from numpy.typing import ArrayLike

    from kernels.kinds import Executor, Progress, Report
    from kernels.workers.checkpoint import Kept
    from logreg.classes import ClassWeight
    from logreg.windows import Window

Starts: TypeAlias = tuple[np.ndarray, np.ndarray]  # w (k, d), b (k,)

BEHAVIOURS = "converging", "oscillating", "diverging"
SLOWER, AFTERWARDS = 0.1, 10  # of the rate, and epochs: smaller steps fall into a valley that larger ones jump over
NOTICED = 0.01  # of a loss: what lies between the edge in theory and that which is found is about as much


@dataclass(frozen=True, eq=False, repr=False)
class RatesStudy:
    """What training reached from random starts with r learning rates and m batch sizes, with each cost: NumPy arrays.

    The costs are names of losses. What oscillates and what diverges is said by `study_rates`.

    Attributes
    ----------
    rates : array (r,)
        Learning rates, increasing.
    batch_sizes : array (m,)
        Samples a step, increasing.
    starts : int
        How many there were, the same for each rate and batch size.
    w_range, b_range : tuple of float
        The window (low, high) that each of their weights, and their biases, were drawn from.
    epochs : int
        Passes over the data of a run.
    loss : dict
        {cost: (m, r)}, mean final loss on all the data, of the cost that was trained, of the runs that stayed in the
        range of the dtype; NaN where none did.
    accuracy : dict
        {cost: (m, r)}, mean final share of samples classified correctly, of the same runs.
    correct : dict
        {cost: (m, r)}, share of the starts from which every sample was, at some step.
    steps : dict
        {cost: (m, r)}, mean first step, 0 being the start, at which it was, of these; NaN where none was.
    oscillating : dict
        {cost: (m, r)}, share of the starts from which training jumps to and fro at the end.
    diverging : dict
        {cost: (m, r)}, share of the starts from which it leads to a higher loss.

    See Also
    --------
    study_rates : returns it
    viz.plot_rates : draws it

    Examples
    --------
    >>> from logreg import RatesStudy, lab_data, study_rates
    >>> study = study_rates(lab_data(), [0.02, 0.2, 2.0], [3, 20], 15, 13, 100, epochs=100, seed=0)
    >>> study
    RatesStudy(3 rates x 2 batch sizes from 100 starts, 100 epochs: bce, mse)
    >>> study.correct["bce"].round(2).tolist()  # a row for each batch size
    [[0.03, 1.0, 1.0], [0.0, 0.06, 1.0]]
    """

    rates: np.ndarray
    batch_sizes: np.ndarray
    starts: int
    w_range: tuple[float, float]
    b_range: tuple[float, float]
    epochs: int
    loss: dict[str, np.ndarray]
    accuracy: dict[str, np.ndarray]
    correct: dict[str, np.ndarray]
    steps: dict[str, np.ndarray]
    oscillating: dict[str, np.ndarray]
    diverging: dict[str, np.ndarray]

    def __repr__(self) -> str:
        rates, sizes = f"{len(self.rates)} rates", f"{len(self.batch_sizes)} batch sizes"
        return f"RatesStudy({rates} x {sizes} from {self.starts} starts, {self.epochs} epochs: {', '.join(self.loss)})"

    @property
    def behaviour(self) -> dict[str, np.ndarray]:
        """{cost: (m, r)}, how training goes from the median start: 0 converging, 1 oscillating, 2 diverging."""
        return {
            cost: (self.oscillating[cost] + self.diverging[cost] >= 0.5) * 1 + (self.diverging[cost] >= 0.5)
            for cost in self.loss
        }

    def save(self, path: files.AnyPath) -> None:
        """Writes everything to `path` as npz, as `LossSurface.save` does; `RatesStudy.load` reads it.

        Parameters
        ----------
        path : str, bytes or os.PathLike
            The file.
        """
        keeping.save(path, LAYOUT, as_kept(vars(self), OF_COSTS))

    @classmethod
    def load(cls, path: files.AnyPath) -> RatesStudy:
        """What `save` wrote, in the same dtypes; it is read, and refused, as `LossSurface.load` does.

        Parameters
        ----------
        path : str, bytes or os.PathLike
            The file.

        Returns
        -------
        RatesStudy
            With the same bits.
        """
        return cls(**from_kept(keeping.load(path, LAYOUT), OF_COSTS))


def study_fits(sizes: keeping.Sizes, entries: keeping.Entries) -> bool:
    return sizes["c"] == len(entries["costs"]) and min(sizes["m"], sizes["r"]) > 0


OF_COSTS = "loss", "accuracy", "correct", "steps", "oscillating", "diverging"
SHARE = keeping.Array("cmr", files.FLOAT64, low=0, high=1)
# r rates, m batch sizes, c costs
LAYOUT = keeping.Layout(
    "RatesStudy",
    {
        "rates": keeping.Array("r", files.FLOAT64, low=sys.float_info.min, increasing=True),
        "batch_sizes": keeping.Array("m", ("<i8",), low=1, increasing=True),
        "loss": keeping.Array("cmr", files.FLOAT64, low=0, gaps=True),
        "accuracy": SHARE._replace(gaps=True),
        "correct": SHARE,
        "steps": keeping.Array("cmr", files.FLOAT64, low=0, gaps=True),
        "oscillating": SHARE,
        "diverging": SHARE,
    },
    {
        "starts": keeping.positive,
        "w_range": interval,
        "b_range": interval,
        "epochs": keeping.count,
        "costs": kept_costs,
    },
    study_fits,
)


def study_rates(
    data: Any,
    rates: ArrayLike,
    batch_sizes: ArrayLike,
    w_range: Window,
    b_range: Window,
    n: int,
    *,
    epochs: int,
    seed: int,
    costs: Sequence[str] = ("bce", "mse"),
    momentum: float = 0.0,
    weight_decay: float = 0.0,
    sample_weight: ArrayLike | None = None,
    class_weight: ClassWeight = None,
    positive: Any = None,
    device: Device = None,
    executor: Executor | None = None,
    checkpoint: files.AnyPath | None = None,
    progress: Progress = None,
) -> RatesStudy:
    """Trains models with each of some learning rates and batch sizes from `n` random starts, with each of some costs.

    All rates, batch sizes and costs have the same starts, in the dtype of the data.

    Parameters
    ----------
    data : data set or tuple
        Of which `data[:]` is x (samples, d) or (samples,) and y, or batches (x, y), which are gathered.
    rates : array_like (r,)
        Learning rates, positive and increasing.
    batch_sizes : array_like (m,)
        Samples a step, integers >= 1 and increasing; one above the number of samples takes all.
    w_range, b_range : float or pair of float
        Where each weight and the bias of a start are uniform: (low, high), or a number r for (-r, r).
    n : int
        How many starts.
    epochs : int
        Passes over the data.
    seed : int
        That of `numpy.random.default_rng`, >= 0.
    costs : sequence of str, optional
        Names of losses.
    momentum, weight_decay : float, optional
        As in `kernels.sgd_run_`.
    sample_weight : array_like (samples,), optional
        What each sample counts, >= 0.
    class_weight : dict or str, optional
        {label: weight}, or "balanced": times `sample_weight`, as scikit-learn's.
    positive : object, optional
        The label of class 1, of two; by default the greater.
    device : str or torch.device, optional
        Where they are trained: None, "cpu" or a CUDA device.
    executor, checkpoint : as in `kernels.sgd_ensemble`
        Whose workers train them, and a file from which the same call goes on after it was killed, of all costs, batch
        sizes and rates.
    progress : bool or callable, optional
        True for a tqdm bar, or what is called with (done, total).

    Returns
    -------
    RatesStudy
        NumPy arrays.

    Raises
    ------
    ValueError, TypeError
        That name a wrong argument.
    MemoryError
        Before allocating what can't fit.
    concurrent.futures.BrokenExecutor
        The executor lost its workers; it says what is done and where it is kept.

    See Also
    --------
    study_starts : one rate, and what becomes of each start
    viz.plot_rates : draws it

    Notes
    -----
    How training goes is told by what is minimised, the loss on all the data and the penalty of weight decay:

    - Diverging: it ends more than 1 % higher than at the start, or out of the range of the dtype. Gradients of these
      losses are bounded, so that only weight decay makes numbers overflow; else steps that are too long end on a slope
      that is as high as they are long.
    - Oscillating: it doesn't diverge, and from the end 10 more epochs at a tenth of the rate lead more than 1 % lower
      than 10 at the rate itself: the steps jump to and fro over a valley into which shorter ones fall.
    - Converging: all else. Longer steps get further, or nothing moves any more, as on the plateaus of the squared
      error.

    Where the loss has a minimum, as it has where classes overlap, steps of all the data at once converge from near it
    up to the rate 2 (1 + momentum) / (largest eigenvalue of the Hessian there), and no further [1]_ [2]_. Oscillations
    begin there; they cost 1 % at a rate that is a few per cent higher. Of classes that don't overlap the loss has no
    minimum, its curvature goes to 0, and oscillations end by themselves, the later the larger the rate is [3]_.

    References
    ----------
    .. [1] Polyak 1964, Some methods of speeding up the convergence of iteration methods.
    .. [2] Meng et al. 2024, Gradient descent on logistic regression with non-separable data and large step sizes,
       arXiv:2406.05033.
    .. [3] Wu et al. 2024, Large stepsize gradient descent for logistic loss, arXiv:2402.15926.

    Examples
    --------
    >>> from logreg import lab_data, study_rates
    >>> study = study_rates(lab_data(), [0.02, 0.2, 2.0], [3, 20], 15, 13, 100, epochs=100, seed=0)
    >>> study.behaviour["bce"].tolist()
    [[0, 0, 0], [0, 0, 0]]
    """
    card = card_beside(executor, device)
    x, labels = as_arrays(data, Meaning(positive), ordered=sample_weight is not None)
    x = host(dataset.features("data x", x[:, None] if x.ndim == 1 else x))
    rates, sizes = rates_of(rates), batch_sizes_of(batch_sizes)
    costs, ranges = costs_of(costs), ranges_of(w_range, b_range)
    memory.check_fits((len(rates), numbers.integer("n", n, 1), 6 * (x.shape[1] + 4)), np.float64)
    w, b = drawn(ranges, n, x.shape[1], seed, x.dtype)
    X, y, counted = samples_on(card, x, labels, sample_weight, class_weight)
    decay = numbers.nonnegative("weight_decay", weight_decay)
    settings = {"momentum": numbers.nonnegative("momentum", momentum), "weight_decay": decay, **counted}
    epochs = numbers.integer("epochs", epochs, 0)
    plain = settings["momentum"], decay, epochs, costs
    values = {"starts": (w, b), "rates": (rates,), "batch_sizes": (sizes,), "settings": plain}
    kept = kept_study(checkpoint, "study_rates", card, (X, y, counted), **values)
    settings["executor"] = executor
    rows: dict[str, list[Cells]] = {cost: [] for cost in costs}
    kinds = list(product(rows, sizes.tolist()))
    with reporter(progress) as report:
        parts = in_parts(report, [-(-len(x) // min(size, len(x))) for _, size in kinds])
        for (cost, size), part in zip(kinds, parts, strict=True):
            runs = Runs(card, X, y, settings | {"loss": cost, "batch_size": size}, kept)
            rows[cost].append(row_of(runs, rates, w, b, epochs, part))
    if kept is not None:
        kept.write()
    cells: dict[str, Any] = {
        name: {cost: np.stack([getattr(row, name) for row in some]) for cost, some in rows.items()} for name in OF_COSTS
    }
    return RatesStudy(rates, sizes, n, *ranges, epochs, **cells)


class Runs(NamedTuple):
    """How runs are trained: samples X (m, d), y (m,), where they are, and settings of `kernels.sgd_ensemble`; and where
    what they reach is kept."""

    card: torch.device | None
    X: Any
    y: Any
    settings: dict[str, Any]
    kept: Kept | None

    @property
    def title(self) -> str:
        return f"{self.settings['loss']}, batches of {self.settings['batch_size']}"

    def ends(self, name: str, starts: Starts, lr: np.ndarray, epochs: int, report: Report | None = None) -> Ends:
        """What k runs reach from starts w (k, d), b (k,) with the rates lr (k,); NaN where they leave the range."""
        *moved_starts, rates = moved(self.card, *map(np.nan_to_num, starts), lr)
        options = self.settings | {"progress": report, "checkpoint": section(self.kept, f"{self.title}: {name}")}
        found = sgd_ensemble(self.X, self.y, *moved_starts, lr=rates, epochs=epochs, **options)
        w, b, loss, accuracy, steps = (host(values) for values in found[:5])
        decay = self.settings["weight_decay"]
        if not decay:
            return Ends(w, b, loss, accuracy, steps, loss)
        with np.errstate(over="ignore"):
            size = np.square(w, dtype=np.float64).sum(axis=1) + np.square(b, dtype=np.float64)
        return Ends(w, b, loss, accuracy, steps, loss + decay / 2 * size)


class Ends(NamedTuple):
    """What k runs reached: parameters w (k, d), b (k,), loss, accuracy, the first step at which every sample was right
    or -1, and what is minimised, with its penalty, all (k,)."""

    w: np.ndarray
    b: np.ndarray
    loss: np.ndarray
    accuracy: np.ndarray
    steps: np.ndarray
    height: np.ndarray


class Cells(NamedTuple):
    """A row of a study: of one cost and batch size, at each rate, all (r,)."""

    loss: np.ndarray
    accuracy: np.ndarray
    correct: np.ndarray
    steps: np.ndarray
    oscillating: np.ndarray
    diverging: np.ndarray


def row_of(runs: Runs, rates: np.ndarray, w: np.ndarray, b: np.ndarray, epochs: int, report: Report) -> Cells:
    """What `cells_of` gives; it alone is kept then, of all that it is made of."""
    if runs.kept is None:
        return cells_of(runs, rates, w, b, epochs, report)
    cells = Cells(*np.zeros((len(Cells._fields), len(rates))))
    if runs.kept.restore(runs.title, cells._asdict()):
        report(1, 1)
        return cells
    cells = cells_of(runs, rates, w, b, epochs, report)
    runs.kept.drop(f"{runs.title}: ")
    runs.kept.note(runs.title, 1, cells._asdict())
    return cells


def cells_of(runs: Runs, rates: np.ndarray, w: np.ndarray, b: np.ndarray, epochs: int, report: Report) -> Cells:
    """Trains from the starts w (n, d), b (n,) with each rate."""
    shape = len(rates), len(b)
    starts, lr = (np.tile(w, (len(rates), 1)), np.tile(b, len(rates))), np.repeat(rates, len(b))
    before = runs.ends("before", (w, b), lr[: len(b)], 0).height
    ends = runs.ends("ends", starts, lr, epochs, report)
    diverging = ~(ends.height <= (1 + NOTICED) * np.tile(before, len(rates)))
    # anew, as a run that goes on would have lost its velocity
    on = runs.ends("on", starts, lr, epochs + AFTERWARDS).height
    slower = runs.ends("slower", (ends.w, ends.b), SLOWER * lr, AFTERWARDS).height
    oscillating = ~diverging & ~(slower >= (1 - NOTICED) * on)
    in_range, correct = np.isfinite(ends.loss).reshape(shape), (ends.steps >= 0).reshape(shape)
    return Cells(
        mean_where(in_range, ends.loss),
        mean_where(in_range, ends.accuracy),
        correct.mean(axis=1),
        mean_where(correct, ends.steps),
        oscillating.reshape(shape).mean(axis=1),
        diverging.reshape(shape).mean(axis=1),
    )


def mean_where(counted: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The means (r,) of those values of each rate that are counted (r, n); NaN where none is."""
    number = counted.sum(axis=1)
    total = np.where(counted, values.reshape(counted.shape), 0).sum(axis=1, dtype=np.float64)
    return np.divide(total, number, out=np.full(len(number), np.nan), where=number > 0)


def rates_of(rates: ArrayLike) -> np.ndarray:
    """Learning rates (r,), float64, positive and increasing."""
    found = increasing("rates", arrays.array_of("rates", rates), "numbers > 0").astype(np.float64)
    files.check_range("rates", found, low=sys.float_info.min)
    return found


def batch_sizes_of(batch_sizes: ArrayLike) -> np.ndarray:
    """Samples a step (m,), integers, at least 1 and increasing."""
    found = increasing("batch_sizes", arrays.array_of("batch_sizes", batch_sizes), "integers >= 1")
    sizes = [numbers.integer(f"batch_sizes[{k}]", size, 1) for k, size in enumerate(found)]
    files.check_range("batch_sizes", found, high=np.iinfo(np.int64).max)
    return np.array(sizes, np.int64)


def increasing(name: str, values: np.ndarray, accepted: str) -> np.ndarray:
    if values.ndim != 1 or len(values) == 0:
        raise ValueError(f"{name} has shape {values.shape}; accepted: (k,) with k >= 1, increasing {accepted}")
    files.check_increasing(name, values)
    return values
