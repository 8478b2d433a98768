"""Which starting values lead to an accurate model? Training from very many of them, with both costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from kernels import sgd_ensemble
from kernels.arguments import dataset, memory, numbers
from logreg import files, keeping
from logreg.classes import Meaning
from logreg.devices import Device, card_of, host, moved
from logreg.samples import as_arrays
from logreg.studies import as_kept, costs_of, drawn, from_kept, kept_costs, ranges_of, samples_on
from logreg.windows import interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from logreg.classes import ClassWeight
    from logreg.windows import Window


@dataclass(frozen=True, eq=False, repr=False)
class StartsStudy:
    """What training reached from k random starts, with each cost: NumPy arrays.

    w, b (k,)             starts
    w_range, b_range      the window (low, high) that they were drawn from
    loss {cost: (k,)}     final loss on all the data, of the cost that was trained
    accuracy {cost: (k,)} final share of samples classified correctly
    steps {cost: (k,)}    first step, 0 being the start, at which every sample was, or -1
    total_steps           steps of a run

    The costs are names of losses. A run that diverged has NaN and -1.
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
        """{cost: share of the starts from which training ended with every sample classified correctly}"""
        return {cost: float(np.mean(reached == 1)) for cost, reached in self.accuracy.items()}

    def save(self, path: files.AnyPath) -> None:
        """Writes everything to `path` as npz, as `LossSurface.save` does; `StartsStudy.load` reads it."""
        keeping.save(path, LAYOUT, as_kept(vars(self), OF_COSTS))

    @classmethod
    def load(cls, path: files.AnyPath) -> StartsStudy:
        """What `save` wrote, in the same dtypes; it is read, and refused, as `LossSurface.load` does."""
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
) -> StartsStudy:
    """Trains one-feature models from `n` uniformly random starts of a window, with each of some costs.

    `data[:]` gives x (m, 1) or (m,) and y; labels, `positive`, `sample_weight` and `class_weight` are as in
    `logreg.train`. `w_range` and `b_range` are pairs (low, high), or a number r for (-r, r).
    `seed` is that of `numpy.random.default_rng`, an integer >= 0; all `costs`, names of losses, have the same starts,
    in the dtype of the data. `device` is where they are trained: None, "cpu" or a CUDA device. The other arguments are
    those of `kernels.sgd_ensemble`. Returns a StartsStudy.

    Raises ValueError or TypeError that name a wrong argument, MemoryError before allocating what can't fit.
    """
    card = card_of(device)
    x, labels = as_arrays(data, Meaning(positive), ordered=sample_weight is not None)
    x = host(dataset.feature("data x", x))[:, None]
    numbers.integer("n", n, 1)
    costs = costs_of(costs)
    memory.check_fits((n, 6 * len(costs)), x.dtype)
    ranges = ranges_of(w_range, b_range)
    w, b = drawn(ranges, n, 1, seed, x.dtype)
    X, y, counted = samples_on(card, x, labels, sample_weight, class_weight)
    settings: dict[str, Any] = {"lr": lr, "batch_size": batch_size, "epochs": epochs, **counted}
    starts = moved(card, w, b)
    ends = {cost: sgd_ensemble(X, y, *starts, loss=cost, **settings) for cost in costs}
    names = ("loss", "accuracy", "steps")
    loss, accuracy, steps = ({cost: host(getattr(one, name)) for cost, one in ends.items()} for name in names)
    return StartsStudy(w[:, 0], b, *ranges, loss, accuracy, steps, epochs * -(-len(x) // min(batch_size, len(x))))
