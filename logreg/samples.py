"""Samples of any data set, some at a time: arrays, tables, sparse matrices, or batches of more than memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias

import numpy as np
from torch.utils.data import DataLoader, Dataset, IterableDataset, SequentialSampler

from kernels.arguments import arrays, dataset, memory
from kernels.arguments.weighting import unit_of
from logreg.classes import NOTHING, Labels, Meaning, column_of, count_classes, distinct, is_share, read_labels
from logreg.data import VALUES_AT_ONCE
from logreg.devices import host
from logreg.products import BY_NUMPY, BY_TORCH, Products

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from logreg.classes import Counted, Weights

ITEMS_AT_ONCE = 4096  # samples of a data set that gives them one by one
SHUFFLED = "sample_weight is of samples in an order, and data is shuffled; accepted: None, or one order for all passes"
PAIR = "a data set or a tuple, of which data[:] is (x, y), or batches (x, y) that can be iterated over again"


class Batch(NamedTuple):
    """Some samples: which of all they are, features (rows, d) float64, dense or sparse, labels (rows,), weights of
    their own (rows,) or None, and how dense features are multiplied."""

    rows: slice
    x: Any
    y: np.ndarray
    weight: np.ndarray | None = None
    products: Products = BY_NUMPY

    def logits(self, theta: np.ndarray) -> np.ndarray:
        """Logits (rows,) by parameters (d + 1,), or (rows, k) by several (d + 1, k)."""
        return self.times(theta[:-1]) + theta[-1]

    def times(self, vectors: np.ndarray) -> np.ndarray:
        """Features times vectors (d,) or (d, k)."""
        return self.products.times(self.x, vectors) if isinstance(self.x, np.ndarray) else self.x @ vectors

    def sum_of(self, weight: np.ndarray) -> np.ndarray:
        """X' weight (d,)."""
        return self.products.inner(self.x, weight) if isinstance(self.x, np.ndarray) else self.x.T @ weight

    def gram(self, weight: np.ndarray) -> np.ndarray:
        """X' diag(weight) X (d, d)."""
        features: Any = self.x
        if isinstance(features, np.ndarray):
            return self.products.inner(features, features * weight[:, None])
        return (features.T @ features.multiply(weight[:, None]).tocsr()).toarray()

    @property
    def squared_lengths(self) -> np.ndarray:
        """Those of the samples (rows,)."""
        features: Any = self.x
        if isinstance(features, np.ndarray):
            return np.einsum("ij,ij->i", features, features)
        return np.ravel(features.power(2).sum(axis=1))

    def squared_columns(self, weight: np.ndarray) -> np.ndarray:
        """Sums of the squares of each feature (d,), of each sample times its weight (rows,)."""
        features: Any = self.x
        if isinstance(features, np.ndarray):
            return self.products.inner(np.square(features), weight)
        return features.power(2).T @ weight


class Summed(Protocol):
    """What is added up over batches of samples: an array of some shape, to which a batch adds its share."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    def add(self, total: np.ndarray, batch: Batch) -> None: ...


def sum_over(batches: Iterable[Batch], function: Summed) -> np.ndarray:
    total = np.zeros(function.shape)
    for batch in batches:
        function.add(total, batch)
    return total


def times_own(weight: np.ndarray, own: np.ndarray | None) -> np.ndarray:
    """Weights times those that samples have of their own, if any."""
    return weight if own is None else weight * own


class Expected(NamedTuple):
    """What a model expects of features: how many, what they go through first, and their names; None: nothing."""

    d: int | None = None
    prepare: Callable[[Any], Any] | None = None
    names: tuple[str, ...] | None = None


ANYTHING = Expected()


class ArraySamples:
    """Samples that are there: x (n, d), float32 or float64 or sparse, checked, labels (n,), names of features, weights
    of their own (n,) or None, and how features are multiplied."""

    def __init__(
        self,
        x: Any,
        labels: Labels,
        names: tuple[str, ...] | None = None,
        weight: np.ndarray | None = None,
        products: Products = BY_NUMPY,
    ) -> None:
        self.x, self.labels, self.names, self.weight, self.products = x, labels, names, weight, products
        self.size: int | None = len(labels.y)
        values = x.size  # those that are stored, of a sparse matrix
        self.at_once = max(1, VALUES_AT_ONCE * len(labels.y) // max(1, values))  # samples
        self.weighted, self.unit = False, 1.0  # as means are of weights that are given beside them

    def require_order(self) -> None:
        """Nothing: these have one."""

    @property
    def n(self) -> int:
        return len(self.labels.y)

    @property
    def counted(self) -> Counted:
        return count_classes(self.labels)

    def total(self, weights: Weights) -> float:
        """The sum of the weights of all."""
        return float(weights.of(self.labels.y).sum())

    def sum(self, function: Summed) -> np.ndarray:
        return sum_over(self, function)

    def __iter__(self) -> Iterator[Batch]:
        for start in range(0, len(self.labels.y), self.at_once):
            rows = slice(start, start + self.at_once)
            weight = None if self.weight is None else self.weight[rows]
            x = self.x[rows].astype(np.float64, copy=False)
            yield Batch(rows, x, self.labels.y[rows], weight, self.products)


class StreamedSamples:
    """Batches (x, y) or, if `weighted`, (x, y, sample_weight), that are read anew in each pass, of which only labels
    and weights are kept."""

    def __init__(self, batches: Iterable[Any], meaning: Meaning, known: Expected, weighted: bool = False) -> None:
        self.batches, self.meaning, self.known, self.names = batches, meaning, known, known.names
        self.weighted = weighted
        self.read: Seen | None = None
        self.ordered = False
        self.prints: list[float] | None = None  # of the batches of a pass, where their order matters

    def require_order(self) -> None:
        """Refuses samples that come in another order in another pass, at once or when it is seen: weights of their own
        would be those of others."""
        if not is_sequential(self.batches):
            raise ValueError(SHUFFLED)
        self.ordered = True

    @property
    def size(self) -> int | None:
        """How many samples there are, once they have been read."""
        return None if self.read is None else len(self.read.labels.y)

    @property
    def labels(self) -> Labels:
        return self.seen.labels

    @property
    def weight(self) -> np.ndarray | None:
        """Weights of the last pass."""
        return self.seen.weight

    @property
    def n(self) -> int:
        """How many samples there are; they are read for it."""
        return len(self.labels.y)

    @property
    def unit(self) -> float:
        """In which weights are taken, so that their sum is in range."""
        return 1.0 if self.weight is None else float(unit_of(self.weight))

    @property
    def counted(self) -> Counted:
        return count_classes(self.labels, self.taken)

    @property
    def taken(self) -> np.ndarray | None:
        """Weights in their unit."""
        return None if self.weight is None else self.weight / self.unit

    def total(self, weights: Weights) -> float:
        """The sum of the weights of all, in their unit."""
        return float(times_own(weights.of(self.labels.y), self.taken).sum())

    def sum(self, function: Summed) -> np.ndarray:
        return sum_over(self, function)

    @property
    def seen(self) -> Seen:
        if self.read is None:
            for _ in self:
                pass
        assert self.read is not None  # as a pass is complete
        return self.read

    def __iter__(self) -> Iterator[Batch]:
        start = 0
        for x, y, weight in self.parts():
            rows = slice(start, start + len(y))
            # where a network makes them, PyTorch multiplies: the threads of NumPy's BLAS would wait beside its own, so
            # that both took three times as long
            yield Batch(rows, x.astype(np.float64, copy=False), y, weight, BY_TORCH)
            start = rows.stop

    def parts(self) -> Iterator[tuple[Any, np.ndarray, np.ndarray | None]]:
        """Features, checked, in their own dtype, labels and weights of each batch; those of all are known at the
        end."""
        seen: list[Seen] = []
        prints: list[float] = []
        for item in self.batches:
            check_batch(item, self.weighted)
            x = read_features(item[0], self.known)
            labels = read_part(item[1], x.shape[0], self.meaning)
            weight = weights_of_part(item, x.shape[0])
            # copies, as a loader may use its memory again
            seen.append(Seen(labels._replace(y=labels.y.copy()), None if weight is None else weight.copy()))
            if self.ordered:
                prints.append(fingerprint(x))
            yield x, seen[-1].labels.y, seen[-1].weight
        self.check_pass(seen, prints)

    def check_pass(self, seen: list[Seen], prints: list[float]) -> None:
        """Takes the labels and weights of a pass, which must be over as many samples as the last one, and in the same
        order where that matters."""
        if not seen:
            raise ValueError("data has no batches; accepted: at least one (x, y)")
        labels = joined([one.labels for one in seen])
        weight = np.concatenate([one.weight for one in seen if one.weight is not None]) if self.weighted else None
        check_counts(weight is None or weight.any())
        check_passes(self.size, len(labels.y))
        if self.ordered and self.prints is not None and not are_alike(self.prints, prints):
            raise ValueError(SHUFFLED)
        self.read, self.prints = Seen(labels, weight), prints


class Seen(NamedTuple):
    """What is kept of batches: labels, and weights (n,) or None."""

    labels: Labels
    weight: np.ndarray | None


def check_passes(n: int | None, again: int) -> None:
    """Refuses another number of samples in another pass than the first one's, or None."""
    if n not in (None, again):
        raise ValueError(f"data gave {n} samples in one pass and {again} in another; accepted: always the same")


def check_batch(item: Any, weighted: bool) -> None:
    """Refuses what is no batch (x, y) or, if `weighted`, (x, y, sample_weight)."""
    if not (isinstance(item, (tuple, list)) and len(item) == (3 if weighted else 2)):
        accepted = "batches (x, y, sample_weight), as the first is" if weighted else "batches (x, y)"
        accepted += ", or a list of callables alone" if callable(item) else ""
        raise TypeError(f"data is a stream of {type(item).__name__}; accepted: {accepted}")


def weights_of_part(item: Any, n: int) -> np.ndarray | None:
    """The weights of a batch (x, y, sample_weight) of n samples, which may all be 0; None for (x, y)."""
    if len(item) == 2:
        return None
    weight = dataset.weights(item[2], n, zeros=True)
    return None if weight is None else host(weight).astype(np.float64, copy=False)


def check_counts(any_weight: Any) -> None:
    if not any_weight:
        raise ValueError("sample_weight has only zeros; accepted: weights >= 0, some above 0")


Samples: TypeAlias = ArraySamples | StreamedSamples


def read_samples(data: Any, meaning: Meaning = NOTHING, known: Expected = ANYTHING, weighted: bool = False) -> Samples:
    """The Samples of any data set, of what a model expects.

    Arrays, tensors and tables count whose data[:] is (x, y), x of scipy.sparse among them; batches (x, y) that can be
    iterated over again, such as a DataLoader; data sets of PyTorch that give one sample at a time, of known length;
    and, if they may be `weighted`, a list of (x, y, sample_weight).
    """
    batches = batches_of(data)
    if batches is not None:
        weighted = weighted and isinstance(batches, (list, tuple)) and len(batches[0]) == 3
        return StreamedSamples(batches, meaning, known, weighted)
    x, y = dataset.pair(data)
    features = read_features(x, known)
    names = None if known.prepare else names_of(x)
    return ArraySamples(features, read_labels(y, features.shape[0], meaning), names or known.names)


def read_features(x: Any, known: Expected) -> Any:
    """Features (n, d), checked: float32 or float64, from numbers of any kind; a sparse matrix of compressed rows. Of
    one feature (n,) will do."""
    if known.prepare is None:
        check_names(names_of(x), known.names)
    else:
        x = known.prepare(x)
        check_names(names_of(x), known.names)
    if arrays.is_sparse(x):
        given: Any = x
        features = dataset.sparse_features("data x", given if given.dtype.kind == "f" else given.astype(np.float64))
    else:
        features = host(dataset.features("data x", as_floats(x)))
    if known.d not in (None, features.shape[1]):
        raise ValueError(f"data x has {features.shape[1]} features; accepted: {known.d}, as the model has weights")
    return features


def as_floats(x: Any) -> Any:
    """Features (n,) or (n, d) as a float32 or float64 array (n, d), values still to be checked."""
    given = arrays.values_of("data x", x)
    if arrays.dtype_of(given).kind != "f":
        given = arrays.cast(given, np.float64)
    return given[:, None] if given.ndim == 1 else given


def check_names(names: tuple[str, ...] | None, known: tuple[str, ...] | None) -> None:
    """Refuses columns in another order than a model was fitted to, where both have names."""
    if names is not None and known is not None and names != known:
        accepted = f"accepted: {', '.join(known[:3])}, ..., as the model was fitted to"
        raise ValueError(f"data x has the columns {', '.join(names[:3])}, ...; {accepted}")


def names_of(x: Any) -> tuple[str, ...] | None:
    """The names of the columns of a table; None for what has none."""
    columns = getattr(x, "columns", None)
    return None if columns is None else tuple(map(str, columns))


def is_sequential(batches: Any) -> bool:
    """Whether nothing is known by which a DataLoader takes samples in another order than their own."""
    if isinstance(getattr(batches, "dataset", None), IterableDataset):
        return True
    sampler: Any = getattr(batches, "batch_sampler", None) or getattr(batches, "sampler", None)
    while hasattr(sampler, "sampler"):
        sampler = sampler.sampler
    return sampler is None or isinstance(sampler, SequentialSampler)


def fingerprint(x: Any) -> float:
    """A number that is another one for the same samples in another order, all but surely."""
    rng = np.random.default_rng(0)
    return float(rng.normal(size=x.shape[0]) @ (x @ rng.normal(size=x.shape[1])))


def are_alike(prints: list[float], others: list[float]) -> bool:
    """Whether prints are the same but for rounding: a network on a card may give other last digits."""
    if len(prints) != len(others):
        return False
    return bool(np.abs(np.subtract(prints, others)).max() <= 1e-6 * np.abs(prints).max())


def batches_of(data: Any) -> Iterable[Any] | None:
    """The batches (x, y) of data that is read in parts; None for data that is there as a whole."""
    if isinstance(data, (tuple, list)):
        return data if is_list_of_batches(data) else None
    if isinstance(data, IterableDataset):
        if not hasattr(data, "__len__"):
            raise TypeError(f"data is a {type(data).__name__} without a length; accepted: {PAIR}")
        return DataLoader(data, batch_size=ITEMS_AT_ONCE)
    if isinstance(data, Dataset):
        return None if can_be_sliced(data) else DataLoader(data, batch_size=ITEMS_AT_ONCE)
    if hasattr(data, "__iter__") and not (hasattr(data, "__array__") or isinstance(data, (str, dict))):
        if isinstance(data, Iterator):
            raise TypeError(f"data is a {type(data).__name__}, which can be read only once; accepted: {PAIR}")
        return data if not hasattr(data, "__getitem__") else None
    return None


def is_list_of_batches(data: Any) -> bool:
    """Whether a list holds batches, and not features and labels: it holds tuples (x, y) or (x, y, sample_weight), or
    first one of a matrix."""
    if isinstance(data, list) and data and all(isinstance(item, tuple) and len(item) in (2, 3) for item in data):
        return True
    first = data[0] if len(data) else None
    return isinstance(first, (tuple, list)) and len(first) in (2, 3) and getattr(first[0], "ndim", 0) == 2


def can_be_sliced(data: Any) -> bool:
    """Whether a slice of a data set is (x, y) of some samples, and not a list of samples."""
    try:
        x, y = data[:1]
    except Exception:  # whatever a data set raises that takes indices alone
        return False
    return all(getattr(part, "ndim", 0) > 0 and len(part) == 1 for part in (x, y))


def read_part(y: Any, n: int, meaning: Meaning) -> Labels:
    """The Labels of a batch, which may all be of one class; the class that isn't there is None."""
    if meaning.positive is None or meaning.classes is not None:
        try:
            return read_labels(y, n, meaning)
        except ValueError as error:
            raise ValueError(f"{error}; in batches also labels of two classes with `positive`") from None
    column = column_of(y, n)
    if column.dtype != object:
        arrays.check_finite("data y", column)
    others = [label for label in distinct(column) if label != meaning.positive]
    if len(others) > 1:
        raise ValueError(f"data y has the labels {others} beside {meaning.positive!r}; accepted: two classes")
    is_one = np.asarray(column == meaning.positive, bool)
    return Labels(is_one.astype(np.float64), (others[0] if others else None, meaning.positive))


def joined(parts: list[Labels]) -> Labels:
    """The Labels of all batches."""
    zero, one = (only_label(k, {labels.classes[k] for labels in parts}) for k in (0, 1))
    return Labels(np.concatenate([labels.y for labels in parts]), (zero, one))


def only_label(k: int, found: set[Any]) -> Any:
    """What stood for class k in all batches, None where it doesn't occur."""
    several = found - {None}
    if len(several) > 1:
        labels = sorted(several, key=str)
        raise ValueError(f"data y has for class {k} the labels {labels}; accepted: one for all, or with `positive`")
    return several.pop() if several else None


def as_arrays(data: Any, meaning: Meaning = NOTHING, ordered: bool = False) -> tuple[np.ndarray, Labels]:
    """x (n, d), values still to be checked, and the Labels of a data set, as NumPy arrays that share its memory where
    they can: labels in [0, 1] and booleans are those that are there. Batches are gathered; MemoryError where they don't
    fit, ValueError where they are shuffled and are to be `ordered`."""
    x, column = unread_arrays(data, meaning, ordered)
    if isinstance(column, Labels):
        return x, column
    if meaning == NOTHING and is_share(column):
        return x, Labels(column)
    return x, read_labels(column, len(x), meaning)


def unread_arrays(
    data: Any, meaning: Meaning = NOTHING, ordered: bool = False
) -> tuple[np.ndarray, np.ndarray | Labels]:
    """The same before labels are looked at, which those of batches are."""
    batches = batches_of(data)
    if batches is not None:
        stream = StreamedSamples(batches, meaning, ANYTHING)
        if ordered:
            stream.require_order()
        return gathered(stream)
    x, y = dataset.pair(data)
    features = as_floats(x)
    return features, column_of(y, features.shape[0] if features.ndim else 0)


def gathered(samples: StreamedSamples) -> tuple[np.ndarray, Labels]:
    """Features and labels of all batches at once, of one pass."""
    parts: list[np.ndarray] = []
    values = 0
    for x, *_ in samples.parts():
        if arrays.is_sparse(x):
            raise TypeError("data x has sparse batches; accepted: dense ones, as x.toarray() gives")
        values += 2 * x.size  # as they are put together
        memory.check_fits((values,), x.dtype)
        parts.append(x.copy())
    return np.concatenate(parts), samples.labels
