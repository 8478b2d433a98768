"""Arrays and tensors: what they are, and their values as NumPy arrays.

Arrays come back as NumPy arrays, views wherever possible, but CUDA tensors stay what they are; tensors are read
detached. Values of CUDA tensors aren't looked at: that would wait for the card.
"""

import functools
import math
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeGuard, overload

import numpy as np

from kernels.arguments.tables import is_table, table_array
from kernels.kinds import Array, ArrayLike, DTypeLike, Sparse, Tensor

if TYPE_CHECKING:
    from typing_extensions import TypeIs

TENSOR_DTYPES = {f"torch.{name}" for name in ("bool", "uint8", "int8", "int16", "int32", "int64", "float32", "float64")}
NUMBERS = "float32, float64, integers or booleans"
FLOATS = {np.dtype(np.float32), np.dtype(np.float64)}  # of this machine's byte order
MANY = 10_000  # values, from which BLAS may start threads of its own
LOOKED_AT = 2**16  # values that are looked at at once for one that isn't finite


def is_tensor(value: object) -> "TypeIs[Tensor]":
    if isinstance(value, np.ndarray):  # quicker to see than that something is no tensor
        return False
    torch = sys.modules.get("torch")  # a tensor's module is loaded: no need to load it for NumPy users
    return torch is not None and isinstance(value, torch.Tensor)


def is_cuda(value: object) -> TypeGuard[Tensor]:
    return type(value) is not np.ndarray and is_tensor(value) and value.device.type == "cuda"


def cuda_tensor_of(sources: Iterable[object]) -> Tensor | None:
    """The first tensor on a card, or None."""
    for source in sources:
        if type(source) is not np.ndarray and is_cuda(source):
            return source
    return None


def as_kind_of(value: object, array: Array) -> Array:
    """An array or tensor as the kind of thing that `value` is: a tensor, on its device, or a NumPy array."""
    if type(value) is np.ndarray and type(array) is np.ndarray:
        return array
    if is_tensor(array):
        return array if is_tensor(value) else array.numpy()
    if not is_tensor(value):
        return array
    tensor = sys.modules["torch"].from_numpy(array)
    return tensor if value.is_cpu else tensor.to(value.device)


def dtype_of(array: Array) -> np.dtype:
    """The NumPy dtype of an array or tensor."""
    if type(array) is np.ndarray or not is_tensor(array):
        return array.dtype
    return np.dtype(str(array.dtype).removeprefix("torch."))


def largest_of(array: Array) -> float:
    """The largest number of the dtype of an array or tensor."""
    return float(np.finfo(dtype_of(array)).max)


@overload
def cast(array: np.ndarray, dtype: DTypeLike) -> np.ndarray: ...


@overload
def cast(array: Tensor, dtype: DTypeLike) -> Tensor: ...


def cast(array: Array, dtype: DTypeLike) -> Array:
    """An array or tensor in a NumPy dtype, itself where it has that already."""
    if is_tensor(array):
        return array.to(getattr(sys.modules["torch"], np.dtype(dtype).name))
    return array.astype(dtype, copy=False)


def values_of(name: str, value: ArrayLike, accepted: object = NUMBERS) -> Array:
    """The NumPy array of `array_of`, or a CUDA tensor itself."""
    if type(value) is np.ndarray and value.dtype in FLOATS:
        return value
    if not is_cuda(value):
        return array_of(name, value, accepted)
    check_tensor(name, value, accepted)
    return value.detach().resolve_neg()


def check_tensor(name: str, value: Tensor, accepted: object) -> None:
    if str(value.layout) != "torch.strided":
        raise TypeError(f"{name} has layout {value.layout}; accepted: torch.strided, not sparse")
    if str(value.dtype) not in TENSOR_DTYPES:
        raise TypeError(f"{name} has dtype {value.dtype}; accepted: {accepted}")


def array_of(name: str, value: ArrayLike, accepted: object = NUMBERS) -> np.ndarray:
    """The NumPy array that holds the values of an array, a CPU tensor, a table or a sequence of numbers. `accepted` is
    what an error says of dtypes."""
    if type(value) is np.ndarray and value.dtype in FLOATS:
        return value
    if is_tensor(value):
        if value.device.type != "cpu":
            raise ValueError(f"{name} is on device {value.device}; accepted: NumPy arrays and CPU tensors")
        check_tensor(name, value, accepted)
        return array_of_tensor(name, value)
    if type(value) is not np.ndarray and hasattr(value, "shape"):
        check_dense(name, value)
        if is_table(value):
            return table_array(name, value, accepted)
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{name} is a masked array; accepted: one whose values all count")
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{name} is not an array: {error}") from None
    if array.dtype.char not in "?bBhHiIlLqQfd":
        raise TypeError(f"{name} has dtype {array.dtype}; accepted: {accepted}")
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def array_of_tensor(name: str, value: Tensor) -> np.ndarray:
    try:
        if is_functional(value):
            raise RuntimeError("it stands for another tensor")
        return value.detach().resolve_neg().numpy()
    except RuntimeError as error:
        raise TypeError(
            f"{name} is a tensor without values to read, as within torch.func or torch.compile ({error}); accepted: "
            "one that NumPy can read; linear_bce has derivatives"
        ) from None


def is_functional(value: Tensor) -> bool:
    """Whether it is what torch.func.functionalize hands on, whose memory NumPy would read though it holds no values."""
    return sys.modules["torch"]._is_functional_tensor(value)


def seen_by_numpy(*values: Any) -> tuple[Any, ...]:
    """The values, ordinary tensors on the CPU as arrays of the same memory; what else there is as it is."""
    torch = sys.modules.get("torch")
    if torch is None:
        return values
    ordinary = torch.Tensor, torch.nn.Parameter
    return tuple(view_of(value) if type(value) in ordinary else value for value in values)


def view_of(tensor: Tensor) -> Array:
    """The array of a tensor's memory, or the tensor if NumPy can't read it."""
    if is_cuda(tensor) or str(tensor.dtype) not in TENSOR_DTYPES or is_functional(tensor):
        return tensor
    try:
        return tensor.detach().numpy() if tensor.requires_grad else tensor.numpy()
    except (RuntimeError, TypeError):
        return tensor


def is_sparse(value: object) -> TypeGuard[Sparse]:
    scipy_sparse = sys.modules.get("scipy.sparse")  # as with tensors
    return scipy_sparse is not None and scipy_sparse.issparse(value)


def check_dense(name: str, value: object) -> None:
    if is_sparse(value):
        kind = type(value).__name__
        raise TypeError(f"{name} is a scipy.sparse {kind}; accepted: a dense array, as {name}.toarray() gives")


def float_array(name: str, value: ArrayLike) -> Array:
    if type(value) is np.ndarray and value.dtype in FLOATS:
        return value
    accepted = "float32 or float64"
    array = values_of(name, value, accepted)
    if dtype_of(array).kind != "f":
        raise TypeError(f"{name} has dtype {array.dtype}; accepted: {accepted}")
    return array


def is_finite(array: np.ndarray) -> bool:
    if array.size == 1:  # the bias of every call
        return math.isfinite(array.item())
    return math.isfinite(sum_of(array)) or place_not_finite(array) is None


def check_finite(name: str, array: Array) -> None:
    if type(array) is np.ndarray and array.ndim == 1 and array.size < MANY:
        proof = array.item() if array.size == 1 else np.vdot(array, array)  # finite only if all values are
        if math.isfinite(proof):
            return
    if is_tensor(array) or math.isfinite(sum_of(array)):
        return
    place = place_not_finite(array)
    if place is not None:
        raise ValueError(f"{name}{list(place)} is {array[place]}; accepted: finite values")


def place_not_finite(array: np.ndarray) -> tuple[int, ...] | None:
    """The index of the first value, by rows, that isn't finite, or None. A few values are looked at at a time: which of
    all are finite would take as many bytes."""
    before = 0
    flags: Any = ["external_loop", "buffered", "zerosize_ok"]
    for values in np.nditer(array, flags, order="C", buffersize=LOOKED_AT):
        finite = np.isfinite(values)
        if not finite.all():
            return tuple(int(i) for i in np.unravel_index(before + int(finite.argmin()), array.shape))
        before += len(finite)
    return None


def sum_of(array: np.ndarray) -> Any:
    """A sum whose being finite proves all values finite, without a temporary: of squares, or for many values of these
    themselves, as the threads of a long product would be in the way of ours."""
    if array.size < MANY:
        return np.vdot(array, array)
    with np.errstate(over="ignore", invalid="ignore"):
        return array.sum()


def all_empty(shapes: Iterable[tuple[int, ...]], dtype: DTypeLike, sources: Iterable[object]) -> list[Array]:
    """New arrays, or tensors on the card where the sources are."""
    card = cuda_tensor_of(sources)
    if card is None:
        return list(map(functools.partial(np.empty, dtype=dtype), shapes))
    return [card.new_empty(shape, dtype=cast(card[:0], dtype).dtype) for shape in shapes]


@overload
def tensor_of(array: Array) -> Tensor: ...


@overload
def tensor_of(array: Array | None) -> Tensor | None: ...


def tensor_of(array: Array | None) -> Tensor | None:
    """A tensor, or None, as it is; a NumPy array as a tensor, a view where torch can view it."""
    import torch

    if array is None or isinstance(array, torch.Tensor):
        return array
    return torch.from_numpy(array if is_viewable(array) else array.copy())


def is_viewable(array: np.ndarray) -> bool:
    """Whether torch has tensors of an array's memory."""
    strided = all(stride >= 0 and stride % array.itemsize == 0 for stride in array.strides)
    return array.flags.writeable and strided


def concatenated(parts: Sequence[Array]) -> Array:
    """Arrays, or tensors, one after the other."""
    if isinstance(parts[0], np.ndarray):
        return np.concatenate(parts)
    return sys.modules["torch"].cat(tuple(parts))


def copied(array: Array) -> Array:
    """A copy of an array or tensor."""
    return array.clone() if is_tensor(array) else array.copy()


def on_host(value: ArrayLike) -> ArrayLike:
    """The same on the CPU, if it is a CUDA tensor."""
    return value.cpu() if is_cuda(value) else value
