"""Labels as they come, and what each of their classes counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from kernels.arguments import arrays, dataset
from logreg.devices import host

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike

    ClassWeight: TypeAlias = str | Mapping[Any, float] | None

ZERO_AND_ONE = (0, 1)
BALANCED, BY_NUMBER = "balanced", "balanced by number"  # the latter whatever samples weigh, as some classifiers have it


class Labels(NamedTuple):
    """Labels y (n,) in [0, 1], and what stood for 0 and for 1 in the data."""

    y: np.ndarray
    classes: tuple[Any, Any] = ZERO_AND_ONE


class Meaning(NamedTuple):
    """What is known of labels before they are read: which one is class 1, and what a model calls both.

    positive  the label of class 1 of two; None: the model's second class, else the greater label
    classes   those of a model that was fitted to labels; None: of no such model
    """

    positive: Any = None
    classes: tuple[Any, Any] | None = None


NOTHING = Meaning()


def read_labels(value: Any, n: int, meaning: Meaning = NOTHING) -> Labels:
    """The Labels of n samples: numbers in [0, 1] or booleans as they are, else two classes: -1 and 1, texts, or, where
    `positive` or a model says which is which, anything.

    ValueError for a label that is missing, more classes than two or only one of unknown meaning, and where `positive`
    is no label of the data or not the class that the model takes for 1.
    """
    column = column_of(value, n)
    if meaning.classes is not None:
        return by_model(column, meaning.positive, meaning.classes)
    if meaning.positive is None and is_share(column):
        return own_labels(column)
    low, high = two_classes(column, meaning.positive)
    return Labels((column == high).astype(np.float64), (low, high))


def own_labels(column: np.ndarray) -> Labels:
    """Labels that are there, as an array of its own: what is written to theirs later changes nothing."""
    return Labels(host(dataset.labels(column, len(column))).astype(np.float64))


def by_model(column: np.ndarray, positive: Any, classes: tuple[Any, Any]) -> Labels:
    """By the classes of a model, which may also be called 0 and 1."""
    low, high = classes
    if not (positive is None or positive == high):
        raise ValueError(f"positive is {positive!r}; accepted: {high!r}, for which the model's logit is positive")
    is_high = np.asarray(column == high, bool)
    known = is_high | np.asarray(column == low, bool)
    if known.all():
        return Labels(is_high.astype(np.float64), (low, high))
    if is_share(column) and (high == 1 or not known.any()):  # else a 1 may mean class 0
        return own_labels(column)
    wrong = next(label for label in column.tolist() if label not in (low, high))
    raise ValueError(f"data y has the label {wrong!r}; accepted: {low!r} and {high!r}, the classes of the model")


def column_of(value: Any, n: int) -> np.ndarray:
    """Labels (n,) of any kind, none of them missing."""
    try:
        array = arrays.array_of("data y", value)
    except TypeError:  # no numbers: texts, categories, objects
        array = np.asarray(value)
        if array.dtype.kind not in "OUSb":
            raise
        array = array.astype(object)
        missing = [k for k, label in enumerate(array.reshape(-1).tolist()) if is_missing(label)]
        if missing:
            raise ValueError(f"data y[{missing[0]}] is missing; accepted: a label for each sample") from None
    if array.shape not in ((n,), (n, 1)):
        raise ValueError(f"data y has shape {array.shape}; accepted: one label for each of the {n} samples of x")
    return array.reshape(n)


def is_missing(label: Any) -> bool:
    """Whether it is None, NaN or pandas' NA, which isn't equal to itself or doesn't say."""
    try:
        return label is None or bool(label != label)
    except TypeError:
        return True


def is_share(column: np.ndarray) -> bool:
    """Whether all labels are numbers from 0 to 1, which are taken as they are."""
    return column.dtype != object and (column.size == 0 or bool(column.min() >= 0 and column.max() <= 1))


def two_classes(column: np.ndarray, positive: Any) -> tuple[Any, Any]:
    """The two labels that occur, the positive one last."""
    if column.dtype != object:
        arrays.check_finite("data y", column)
    found = distinct(column)
    if len(found) != 2:
        several = f"{len(found)} classes, {', '.join(map(repr, found[:4]))}" if len(found) > 1 else f"only {found[0]!r}"
        raise ValueError(f"data y has {several}; accepted: labels in [0, 1], or of two classes")
    if positive is None:
        if column.dtype != object and found != [-1, 1]:  # as likely a mistake as a name
            raise ValueError(f"data y has the labels {found}; accepted: -1 and 1, labels in [0, 1], or with `positive`")
        return found[0], found[1]
    if positive not in found:
        raise ValueError(f"positive is {positive!r}; accepted: one of the labels, {found[0]!r} or {found[1]!r}")
    return (found[1], found[0]) if positive == found[0] else (found[0], found[1])


def distinct(column: np.ndarray) -> list[Any]:
    """The labels that occur, in order; by their texts where they can't be compared."""
    if column.dtype != object:
        return np.unique(column).tolist()
    found = set(column.tolist())
    try:
        return sorted(found)
    except TypeError:
        return sorted(found, key=str)


class Weights(NamedTuple):
    """What samples count: weights of their own (n,), or None, times that of class 0 or of class 1, by y > 0.5."""

    own: np.ndarray | None
    zero: float = 1.0
    one: float = 1.0

    def of(self, y: np.ndarray, rows: slice = slice(None)) -> np.ndarray:
        """The weights (rows,) of samples of these labels, which are at these places."""
        weight = np.where(y > 0.5, self.one, self.zero)
        return weight if self.own is None else weight * self.own[rows]


class Counted(NamedTuple):
    """What stood for 0 and for 1, how many samples are of each class (2,), and the sums of what these weigh (2,)."""

    classes: tuple[Any, Any]
    numbers: np.ndarray
    weights: np.ndarray


def count_classes(labels: Labels, weight: np.ndarray | None = None) -> Counted:
    """The Counted of labels and weights (n,), by default 1."""
    is_one = labels.y > 0.5
    numbers = np.array([(~is_one).sum(), is_one.sum()], float)
    weights = numbers if weight is None else np.array([weight[~is_one].sum(), weight[is_one].sum()])
    return Counted(labels.classes, numbers, weights)


def read_weights(labels: Labels, sample_weight: ArrayLike | None, class_weight: ClassWeight) -> Weights | None:
    """The Weights of samples; None if all count the same.

    `class_weight` is that of scikit-learn: {label: weight}, 1 for a class that isn't named, or "balanced", which gives
    both classes the same sum, half of the sum of `sample_weight`. ValueError for another one, a label that is neither
    of both, or a negative weight.
    """
    own = dataset.weights(sample_weight, len(labels.y))
    weight = None if own is None else host(own).astype(np.float64, copy=False)
    if class_weight is None:
        return None if weight is None else Weights(weight)
    return weights_of_classes(count_classes(labels, weight), class_weight)._replace(own=weight)


def weights_of_classes(counted: Counted, class_weight: ClassWeight) -> Weights:
    """The same of classes alone, by what is known of all samples."""
    if class_weight is None:
        return Weights(None)
    if isinstance(class_weight, str) and class_weight in (BALANCED, BY_NUMBER):
        sums = (counted.weights if class_weight == BALANCED else counted.numbers).tolist()
        zero, one = (sum(sums) / (2 * part) if min(sums) > 0 else 1.0 for part in sums)
    else:
        zero, one = by_name(counted.classes, class_weight)
    if not ((counted.weights > 0) & (np.array([zero, one]) > 0)).any():
        raise ValueError(f"class_weight is {class_weight!r}, by which no sample counts; accepted: some weight above 0")
    return Weights(None, zero, one)


def weights_with_classes(
    labels: Labels, sample_weight: ArrayLike | None, class_weight: ClassWeight
) -> np.ndarray | None:
    """The same of each sample (n,), or None."""
    weights = read_weights(labels, sample_weight, class_weight)
    return None if weights is None else weights.of(labels.y)


def by_name(classes: tuple[Any, Any], class_weight: Any) -> tuple[float, float]:
    """The weights of both classes by their labels."""
    accepted = f"None, 'balanced', or {{label: weight >= 0}} of the labels {classes[0]!r} and {classes[1]!r}"
    if not hasattr(class_weight, "items"):
        raise ValueError(f"class_weight is {class_weight!r}; accepted: {accepted}")
    for label, weight in class_weight.items():
        if label not in classes or not (isinstance(weight, (int, float, np.number)) and 0 <= weight < np.inf):
            raise ValueError(f"class_weight has {label!r}: {weight!r}; accepted: {accepted}")
    zero, one = (float(class_weight.get(label, 1.0)) for label in classes)
    return zero, one
