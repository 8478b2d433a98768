"""Features, labels and weights of samples, checked."""

from typing import Any

import numpy as np

from kernels.arguments import arrays
from kernels.kinds import Array, ArrayLike, DTypeLike, Sparse


def sparse_features(name: str, value: Sparse) -> Any:
    """Sparse features (n, d), finite, n >= 1, d >= 1, as a matrix whose rows are compressed."""
    if value.dtype not in arrays.FLOATS:
        raise TypeError(f"{name} has dtype {value.dtype}; accepted: float32 or float64")
    if value.ndim != 2 or 0 in value.shape:
        raise ValueError(f"{name} has shape {tuple(value.shape)}; accepted: (n, d) with n >= 1 and d >= 1")
    rows = value.tocsr()
    wrong = None if arrays.is_finite(rows.data) else arrays.place_not_finite(rows.data)
    if wrong is not None:
        (k,) = wrong
        place = [int(np.searchsorted(rows.indptr, k, side="right")) - 1, int(rows.indices[k])]
        raise ValueError(f"{name}{place} is {rows.data[k]}; accepted: finite values")
    return rows


def feature(name: str, value: ArrayLike) -> Array:
    """One feature (n,), finite, n >= 1, from (n,) or (n, 1)."""
    array = arrays.float_array(name, value)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1 or len(array) == 0:
        raise ValueError(f"{name} has shape {tuple(array.shape)}; accepted: (n,) or (n, 1) with n >= 1")
    arrays.check_finite(name, array)
    return array


def features(name: str, value: Any) -> Array:
    """Features (n, d), finite, n >= 1, d >= 1."""
    array = matrix(name, value)
    arrays.check_finite(name, array)
    return array


def matrix(name: str, value: Any) -> Array:
    """Features (n, d), n >= 1, d >= 1, whose values are still to be checked."""
    array = arrays.float_array(name, value)
    if array.ndim != 2 or 0 in array.shape:
        raise ValueError(f"{name} has shape {tuple(array.shape)}; accepted: (n, d) with n >= 1 and d >= 1")
    return array


def labels(value: Any, n: int, dtype: DTypeLike | None = None) -> Array:
    """Labels (n,) in [0, 1] from numbers or booleans (n,) or (n, 1), in their own dtype or another one."""
    array = label_column(value, n)
    check_labels(array)
    return array if dtype is None else arrays.cast(array, dtype)


def unchecked_labels(value: Any, n: int, dtype: np.dtype) -> Array:
    """The same, but values that have that dtype already are still to be checked."""
    array = label_column(value, n)
    return array if arrays.dtype_of(array) == dtype else labels(array, n, dtype)


def label_column(value: Any, n: int) -> Array:
    known = type(value) is np.ndarray and value.dtype in arrays.FLOATS
    array = value if known else arrays.values_of("y", value)
    if array.shape not in ((n,), (n, 1)):
        raise ValueError(f"y has shape {tuple(array.shape)}; accepted: ({n},) or ({n}, 1), one label for each sample")
    return array.reshape(n)


def check_labels(array: Array) -> None:
    if not isinstance(array, np.ndarray):  # on a card, where looking at them would wait for it
        return
    for index in (array.argmin(), array.argmax()):  # of a NaN, if there is one
        if not 0 <= array.item(index) <= 1:
            raise ValueError(f"y[{index}] is {array[index]}; accepted: labels in [0, 1]")


def weights(value: ArrayLike | None, n: int, zeros: bool = False) -> Array | None:
    """Weights of the samples (n,), finite, >= 0 and, unless `zeros`, not all 0; or None."""
    if value is None:
        return None
    array = arrays.values_of("sample_weight", value)
    if array.shape != (n,):
        raise ValueError(f"sample_weight has shape {tuple(array.shape)}; accepted: ({n},), one weight for each sample")
    arrays.check_finite("sample_weight", array)
    if not arrays.is_cuda(array) and (array.min() < 0 or not (zeros or array.any())):
        what, accepted = ("", "") if zeros else (", or only zeros", ", some above 0")
        raise ValueError(f"sample_weight has a negative value{what}; accepted: weights >= 0{accepted}")
    return array


def pair(data: Any) -> tuple[Any, Any]:
    """x and y, unchecked, of a data set or a tuple, of which data[:] is (x, y)."""
    try:
        x, y = data[:]
    except (TypeError, ValueError, LookupError, NotImplementedError):
        kind = type(data).__name__
        raise TypeError(f"data is a {kind}; accepted: a data set or a tuple, of which data[:] is (x, y)") from None
    return x, y


def samples(X: Any, y: Any) -> tuple[Array, Array]:
    """Features (n, d) and labels (n,) of one dtype; values of X, and of y in its dtype, are still to be checked."""
    X_array = matrix("X", X)
    return X_array, unchecked_labels(y, len(X_array), arrays.dtype_of(X_array))


def check_values(X: Array, y: Array) -> None:
    check_labels(y)
    arrays.check_finite("X", X)
