"""Which starting values lead to an accurate model? Training from very many of them, with both costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from kernels import sgd_ensemble
from kernels.arguments import dataset, memory, numbers
from kernels.losses import LOSSES
from logreg import files, keeping
from logreg.classes import Meaning, weights_with_classes
from logreg.devices import Device, card_of, host, moved
from logreg.samples import as_arrays
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
        of_costs = {name: rows_of(name, getattr(self, name), tuple(self.loss)) for name in OF_COSTS}
        keeping.save(path, LAYOUT, vars(self) | of_costs | {"costs": tuple(self.loss)})

    @classmethod
    def load(cls, path: files.AnyPath) -> StartsStudy:
        """What `save` wrote, in the same dtypes; it is read, and refused, as `LossSurface.load` does."""
        fields = keeping.load(path, LAYOUT)
        costs = fields.pop("costs")
        of_costs = {name: dict(zip(costs, fields[name], strict=True)) for name in OF_COSTS}
        return cls(**fields | of_costs)


def rows_of(name: str, columns: dict[str, np.ndarray], costs: tuple[str, ...]) -> np.ndarray:
    """{cost: (k,)} as rows (costs, k), which are kept in one array."""
    shapes = {cost: np.shape(column) for cost, column in columns.items()}
    if tuple(shapes) != costs or len(set(shapes.values())) != 1:
        raise ValueError(f"{name} has shapes {shapes}; accepted: one shape for each cost, of {', '.join(costs)}")
    return np.stack(tuple(columns.values()))


def study_fits(sizes: keeping.Sizes, entries: keeping.Entries) -> bool:
    return sizes["c"] == len(entries["costs"]) and sizes["k"] > 0


def kept_costs(_: str, value: Any) -> tuple[str, ...]:
    return numbers.some_of("costs", value, LOSSES)


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


def costs_of(costs: Sequence[str]) -> list[str]:
    """Names of losses, at least one."""
    if isinstance(costs, str) or not isinstance(costs, (list, tuple)) or not costs:
        raise ValueError(f"costs is {costs!r}; accepted: a list of names of losses, of {', '.join(map(repr, LOSSES))}")
    return [numbers.one_of("costs", cost, LOSSES) for cost in costs]


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
    rng = np.random.default_rng(numbers.integer("seed", seed, 0))
    ranges = interval("w_range", w_range), interval("b_range", b_range)
    w, b = (rng.uniform(*ends, n).astype(x.dtype) for ends in ranges)
    settings: dict[str, Any] = {"lr": lr, "batch_size": batch_size, "epochs": epochs}
    weight = weights_with_classes(labels, sample_weight, class_weight)
    if weight is not None:
        settings["sample_weight"] = moved(card, weight)[0]
    arrays = moved(card, x, labels.y, w[:, None], b)
    ends = {cost: sgd_ensemble(*arrays, loss=cost, **settings) for cost in costs}
    names = ("loss", "accuracy", "steps")
    loss, accuracy, steps = ({cost: host(getattr(one, name)) for cost, one in ends.items()} for name in names)
    return StartsStudy(w, b, *ranges, loss, accuracy, steps, epochs * -(-len(x) // min(batch_size, len(x))))
