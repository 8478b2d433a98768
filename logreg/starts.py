"""Which starting values lead to an accurate model? Training from very many of them, with both costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from kernels import sgd_ensemble
from kernels.arguments import dataset, memory, numbers
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

    from numpy.typing import ArrayLike

    from kernels.kinds import Executor
    from logreg.classes import ClassWeight
    from logreg.windows import Window


@dataclass(frozen=True, eq=False, repr=False)
class StartsStudy:
    """What training reached from k random starts, with each cost: NumPy arrays.

    The costs are names of losses. A run that diverged has NaN and -1.

    Attributes
    ----------
    w, b : array (k,)
        Starts.
    w_range, b_range : tuple of float
        The window (low, high) that they were drawn from.
    loss : dict
        {cost: (k,)}, final loss on all the data, of the cost that was trained.
    accuracy : dict
        {cost: (k,)}, final share of samples classified correctly.
    steps : dict
        {cost: (k,)}, first step, 0 being the start, at which every sample was, or -1.
    total_steps : int
        Steps of a run.

    See Also
    --------
    study_starts : returns it
    viz.plot_starts : draws it

    Examples
    --------
    >>> from logreg import StartsStudy, lab_data, study_starts
    >>> study = study_starts(lab_data(), 15, 13, 500, lr=2, batch_size=3, epochs=100, seed=0)
    >>> study
    StartsStudy(500 starts of 700 steps: bce, mse)
    >>> study.save("starts.npz")
    >>> StartsStudy.load("starts.npz").share_at_accuracy_1["bce"]
    1.0
    """

    w: np.ndarray
    b: np.ndarray
    w_range: tuple[float, float]
    b_range: tuple[float, float]
    loss: dict[str, np.ndarray]
    accuracy: dict[str, np.ndarray]
    steps: dict[str, np.ndarray]
    total_steps: int

    def __repr__(self) -> str:
        return f"StartsStudy({len(self.w)} starts of {self.total_steps} steps: {', '.join(self.loss)})"

    @property
    def share_at_accuracy_1(self) -> dict[str, float]:
        """{cost: share of the starts from which training ended with every sample classified correctly}."""
        return {cost: float(np.mean(reached == 1)) for cost, reached in self.accuracy.items()}

    def save(self, path: files.AnyPath) -> None:
        """Writes everything to `path` as npz, as `LossSurface.save` does; `StartsStudy.load` reads it.

        Parameters
        ----------
        path : str, bytes or os.PathLike
            The file.
        """
        keeping.save(path, LAYOUT, as_kept(vars(self), OF_COSTS))

    @classmethod
    def load(cls, path: files.AnyPath) -> StartsStudy:
        """What `save` wrote, in the same dtypes; it is read, and refused, as `LossSurface.load` does.

        Parameters
        ----------
        path : str, bytes or os.PathLike
            The file.

        Returns
        -------
        StartsStudy
            With the same bits.
        """
        return cls(**from_kept(keeping.load(path, LAYOUT), OF_COSTS))


def study_fits(sizes: keeping.Sizes, entries: keeping.Entries) -> bool:
    return sizes["c"] == len(entries["costs"]) and sizes["k"] > 0


OF_COSTS = "loss", "accuracy", "steps"
# k starts, c costs
LAYOUT = keeping.Layout(
    "StartsStudy",
    {
        "w": keeping.Array("k"),
        "b": keeping.Array("k"),
        "loss": keeping.Array("ck", low=0, gaps=True),
        "accuracy": keeping.Array("ck", low=0, high=1, gaps=True),
        "steps": keeping.Array("ck", ("<i8",), low=-1),
    },
    {"w_range": interval, "b_range": interval, "total_steps": keeping.count, "costs": kept_costs},
    study_fits,
)


def study_starts(
    data: Any,
    w_range: Window,
    b_range: Window,
    n: int,
    *,
    lr: float,
    batch_size: int,
    epochs: int,
    seed: int,
    costs: Sequence[str] = ("bce", "mse"),
    sample_weight: ArrayLike | None = None,
    class_weight: ClassWeight = None,
    positive: Any = None,
    device: Device = None,
    executor: Executor | None = None,
    checkpoint: files.AnyPath | None = None,
) -> StartsStudy:
    """What training reaches from `n` uniformly random starts of one-feature models, with each of some costs.

    Parameters
    ----------
    data : tuple (x, y), data set, or iterable of batches
        `data[:]` gives x (m, 1) or (m,) and y, as in `logreg.train`.
    w_range, b_range : pair of floats, or float
        The window (low, high), or a number r for (-r, r).
    n : int
        How many starts.
    lr : float
        Learning rate, finite, at least 0.
    batch_size : int
        Samples a step, in order, as in `kernels.sgd_ensemble`.
    epochs : int
        Passes over the data.
    seed : int
        That of `numpy.random.default_rng`, at least 0; all `costs` have the same starts, in the dtype of the data.
    costs : sequence of str
        Names of losses, "bce", "mse" or "focal".
    sample_weight, class_weight, positive : as in `logreg.train`
        Weights and the meaning of labels.
    device : str or torch.device, optional
        Where they are trained: None, "cpu" or a CUDA device.
    executor, checkpoint : as in `kernels.sgd_ensemble`
        Whose workers train them, and a file from which the same call goes on after it was killed, of all costs.

    Returns
    -------
    StartsStudy
        Starts, and what each cost led to from them.

    Raises
    ------
    ValueError, TypeError
        They name a wrong argument.
    MemoryError
        Before allocating what can't fit.
    concurrent.futures.BrokenExecutor
        The executor lost its workers; it says what is done and where it is kept.

    See Also
    --------
    study_rates : by learning rate and batch size
    kernels.sgd_ensemble : runs from starts of one's own

    Examples
    --------
    The lab's question: from how many starts does training get all samples right?

    >>> from logreg import lab_data, study_starts
    >>> study = study_starts(lab_data(), 15, 13, 20000, lr=2, batch_size=3, epochs=100, seed=0)
    >>> {cost: round(share, 1) for cost, share in study.share_at_accuracy_1.items()}
    {'bce': 1.0, 'mse': 0.5}
    """
    card = card_beside(executor, device)
    x, labels = as_arrays(data, Meaning(positive), ordered=sample_weight is not None)
    x = host(dataset.feature("data x", x))[:, None]
    numbers.integer("n", n, 1)
    costs = costs_of(costs)
    memory.check_fits((n, 6 * len(costs)), x.dtype)
    ranges = ranges_of(w_range, b_range)
    w, b = drawn(ranges, n, 1, seed, x.dtype)
    X, y, counted = samples_on(card, x, labels, sample_weight, class_weight)
    batch_size, epochs = numbers.integer("batch_size", batch_size, 1), numbers.integer("epochs", epochs, 0)
    settings: dict[str, Any] = {"lr": numbers.nonnegative("lr", lr), "batch_size": batch_size, "epochs": epochs}
    values = {"starts": (w, b), "settings": (settings, costs)}
    kept = kept_study(checkpoint, "study_starts", card, (X, y, counted), **values)
    settings |= {"executor": executor, **counted}
    starts = moved(card, w, b)
    ends = {cost: sgd_ensemble(X, y, *starts, loss=cost, checkpoint=section(kept, cost), **settings) for cost in costs}
    if kept is not None:
        kept.write()
    names = ("loss", "accuracy", "steps")
    loss, accuracy, steps = ({cost: host(getattr(one, name)) for cost, one in ends.items()} for name in names)
    return StartsStudy(w[:, 0], b, *ranges, loss, accuracy, steps, epochs * -(-len(x) // min(batch_size, len(x))))
