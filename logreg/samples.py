"""Samples of any data set, some at a time: arrays, tables, sparse matrices, or batches of more than memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, SequentialSampler

from kernels.arguments import arrays, dataset, memory
from logreg.classes import NOTHING, Labels, Meaning, column_of, distinct, is_share, read_labels
from logreg.data import VALUES_AT_ONCE
from logreg.devices import host

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

ITEMS_AT_ONCE = 4096  # samples of a data set that gives them one by one
SHUFFLED = "sample_weight is of samples in an order, and data is shuffled; accepted: None, or one order for all passes"
PAIR = "a data set or a tuple, of which data[:] is (x, y), or batches (x, y) that can be iterated over again"


class Batch(NamedTuple):
    """Some samples: which of all they are, features (rows, d) float64, dense or sparse, and labels (rows,).

    `by_torch` says who multiplies them. Where a network makes them, PyTorch: the threads of NumPy's BLAS would wait
    beside its own, so that both took three times as long.
    """

    rows: slice
    x: Any
    y: np.ndarray
    by_torch: bool = False

    def logits(self, theta: np.ndarray) -> np.ndarray:
        """Logits (rows,) by parameters (d + 1,), or (rows, k) by several (d + 1, k)."""
        return self.times(theta[:-1]) + theta[-1]

    def times(self, vectors: np.ndarray) -> np.ndarray:
        """Features times vectors (d,) or (d, k)."""
        features: Any = self.x
        if not (self.by_torch and isinstance(features, np.ndarray)):
            return features @ vectors
        return (as_tensor(features) @ as_tensor(np.ascontiguousarray(vectors))).numpy()

    def gram(self, weight: np.ndarray) -> np.ndarray:
        """X' diag(weight) X (d, d)."""
        features: Any = self.x
        if not isinstance(features, np.ndarray):
            return (features.T @ features.multiply(weight[:, None]).tocsr()).toarray()
        weighted = features * weight[:, None]
        if not self.by_torch:
            return features.T @ weighted
        return (as_tensor(features).T @ as_tensor(weighted)).numpy()

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
            return self._replace(x=np.square(features).T).times(weight)
        return features.power(2).T @ weight


def as_tensor(array: np.ndarray) -> torch.Tensor:
    """A tensor of the array's memory, or of a copy, as PyTorch warns of memory that can't be written to."""
    return torch.from_numpy(array if array.flags.writeable else array.copy())


class Expected(NamedTuple):
    """What a model expects of features: how many, what they go through first, and their names; None: nothing."""

    d: int | None = None
    prepare: Callable[[Any], Any] | None = None
    names: tuple[str, ...] | None = None


ANYTHING = Expected()


class ArraySamples:
    """Samples that are there: x (n, d), float32 or float64 or sparse, checked, labels (n,), and names of features."""

    def __init__(self, x: Any, labels: Labels, names: tuple[str, ...] | None = None) -> None:
        self.x, self.labels, self.names = x, labels, names
        self.size: int | None = len(labels.y)
        values = x.size  # those that are stored, of a sparse matrix
        self.at_once = max(1, VALUES_AT_ONCE * len(labels.y) // max(1, values))  # samples

    def require_order(self) -> None:
        """Nothing: these have one."""

    def __iter__(self) -> Iterator[Batch]:
        for start in range(0, len(self.labels.y), self.at_once):
            rows = slice(start, start + self.at_once)
            yield Batch(rows, self.x[rows].astype(np.float64, copy=False), self.labels.y[rows])


class StreamedSamples:
    """Batches (x, y) that are read anew in each pass, of which only labels are kept."""

    def __init__(self, batches: Iterable[Any], meaning: Meaning, known: Expected) -> None:
        self.batches, self.meaning, self.known, self.names = batches, meaning, known, known.names
        self.read: Labels | None = None
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
        return None if self.read is None else len(self.read.y)

    @property
    def labels(self) -> Labels:
        if self.read is None:
            for _ in self:
                pass
        assert self.read is not None  # as a pass is complete
        return self.read

    def __iter__(self) -> Iterator[Batch]:
        start = 0
        for x, y in self.parts():
            rows = slice(start, start + len(y))
            yield Batch(rows, x.astype(np.float64, copy=False), y, by_torch=True)
            start = rows.stop

    def parts(self) -> Iterator[tuple[Any, np.ndarray]]:
        """Features, checked, in their own dtype, and labels of each batch; the Labels of all are known at the end."""
        seen: list[Labels] = []
        prints: list[float] = []
        for item in self.batches:
            if not (isinstance(item, (tuple, list)) and len(item) == 2):
                raise TypeError(f"data is a stream of {type(item).__name__}; accepted: batches (x, y)")
            x = read_features(item[0], self.known)
            labels = read_part(item[1], x.shape[0], self.meaning)
            seen.append(labels._replace(y=labels.y.copy()))  # a loader may use its memory again
            if self.ordered:
                prints.append(fingerprint(x))
            yield x, seen[-1].y
        self.check_pass(seen, prints)

    def check_pass(self, seen: list[Labels], prints: list[float]) -> None:
        """Takes the labels of a pass, which must be over as many samples as the last one, and in the same order where
        that matters."""
        if not seen:
            raise ValueError("data has no batches; accepted: at least one (x, y)")
        labels = joined(seen)
        if self.size not in (None, len(labels.y)):
            raise ValueError(
                f"data gave {self.size} samples in one pass and {len(labels.y)} in another; accepted: always the same"
            )
        if self.ordered and self.prints is not None and not are_alike(self.prints, prints):
            raise ValueError(SHUFFLED)
        self.read, self.prints = labels, prints


Samples: TypeAlias = ArraySamples | StreamedSamples


def read_samples(data: Any, meaning: Meaning = NOTHING, known: Expected = ANYTHING) -> Samples:
    """The Samples of any data set, of what a model expects.

    Arrays, tensors and tables count whose data[:] is (x, y), x of scipy.sparse among them; batches (x, y) that can be
    iterated over again, such as a DataLoader; and data sets of PyTorch that give one sample at a time, of known length.
    """
    batches = batches_of(data)
    if batches is not None:
        return StreamedSamples(batches, meaning, known)
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
    """Whether a list holds batches, and not features and labels: it holds tuples (x, y), or first one of a matrix."""
    if isinstance(data, list) and data and all(isinstance(item, tuple) and len(item) == 2 for item in data):
        return True
    first = data[0] if len(data) else None
    return isinstance(first, (tuple, list)) and len(first) == 2 and getattr(first[0], "ndim", 0) == 2


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
    zeros, ones = ({labels.classes[k] for labels in parts} - {None} for k in (0, 1))
    for k, several in enumerate((zeros, ones)):
        if len(several) > 1:
            found = sorted(several, key=str)
            raise ValueError(f"data y has for class {k} the labels {found}; accepted: one for all, or with `positive`")
    classes = (zeros.pop() if zeros else None, ones.pop() if ones else None)
    return Labels(np.concatenate([labels.y for labels in parts]), classes)


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
    for x, _ in samples.parts():
        if arrays.is_sparse(x):
            raise TypeError("data x has sparse batches; accepted: dense ones, as x.toarray() gives")
        values += 2 * x.size  # as they are put together
        memory.check_fits((values,), x.dtype)
        parts.append(x.copy())
    return np.concatenate(parts), samples.labels
