"""Arguments of the public functions: what is accepted, and errors that say so.

Arrays come back as NumPy arrays, views wherever possible, but CUDA tensors stay what they are; tensors are read
detached. Values of CUDA tensors aren't looked at: that would wait for the card.
"""

import functools
import itertools
import math
import operator
import sys
from numbers import Integral, Real
from pathlib import Path

import numpy as np

from kernels.backends import torch_module
from kernels.results import LogitPlane
from kernels.tables import is_table, table_array

BACKENDS = ("numba", "torch", "reference")
COSTS = ("bce", "mse")
METHODS = ("auto", "direct", "spectral")
QUANTITIES = {"loss": (), "mse": (), "accuracy": (), "gradient": (2,), "hessian": (3,)}  # and their leading axes
TENSOR_DTYPES = {f"torch.{name}" for name in ("bool", "uint8", "int8", "int16", "int32", "int64", "float32", "float64")}
NUMBERS = "float32, float64, integers or booleans"
FLOATS = {np.dtype(np.float32), np.dtype(np.float64)}  # of this machine's byte order
MANY = 10_000
MOST_STEPS = 2**50  # years
SURELY_FREE = 2**24  # bytes for which the system isn't asked


def is_tensor(value):
    if isinstance(value, np.ndarray):  # quicker to see than that something is no tensor
        return False
    torch = sys.modules.get("torch")  # a tensor's module is loaded: no need to load it for NumPy users
    return torch is not None and isinstance(value, torch.Tensor)


def on_card(value):
    return type(value) is not np.ndarray and is_tensor(value) and value.device.type == "cuda"


def card_of(sources):
    """The first tensor on a card, or None."""
    return next(filter(on_card, sources), None)


def like(value, array):
    """An array or tensor as the kind of thing that `value` is: a tensor, on its device, or a NumPy array."""
    if is_tensor(array):
        return array if is_tensor(value) else array.numpy()
    return sys.modules["torch"].from_numpy(array).to(value.device) if is_tensor(value) else array


def dtype_of(array):
    """The NumPy dtype of an array or tensor."""
    if type(array) is np.ndarray or not is_tensor(array):
        return array.dtype
    return np.dtype(str(array.dtype).removeprefix("torch."))


def largest_of(array):
    """The largest number of the dtype of an array or tensor."""
    return float(np.finfo(dtype_of(array)).max)


def cast(array, dtype):
    """An array or tensor in a NumPy dtype, itself where it has that already."""
    if is_tensor(array):
        return array.to(getattr(sys.modules["torch"], np.dtype(dtype).name))
    return array.astype(dtype, copy=False)


def values_of(name, value, accepted=NUMBERS):
    """The NumPy array of `array_of`, or a CUDA tensor itself."""
    if type(value) is np.ndarray and value.dtype in FLOATS:
        return value
    if not on_card(value):
        return array_of(name, value, accepted)
    check_tensor(name, value, accepted)
    return value.detach().resolve_neg()


def check_tensor(name, value, accepted):
    if str(value.layout) != "torch.strided":
        raise TypeError(f"{name} has layout {value.layout}; accepted: torch.strided, not sparse")
    if str(value.dtype) not in TENSOR_DTYPES:
        raise TypeError(f"{name} has dtype {value.dtype}; accepted: {accepted}")


def array_of(name, value, accepted=NUMBERS):
    """The NumPy array that holds the values of an array, a CPU tensor, a table or a sequence of numbers. `accepted` is
    what an error says of dtypes."""
    if type(value) is np.ndarray and value.dtype in FLOATS:
        return value
    if is_tensor(value):
        if value.device.type != "cpu":
            raise ValueError(f"{name} is on device {value.device}; accepted: NumPy arrays and CPU tensors")
        check_tensor(name, value, accepted)
        value = array_of_tensor(name, value)
    elif type(value) is not np.ndarray and hasattr(value, "shape"):
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


def array_of_tensor(name, value):
    try:
        return value.detach().resolve_neg().numpy()
    except RuntimeError as error:
        raise TypeError(
            f"{name} is a tensor without values to read, as within torch.func or torch.compile ({error}); accepted: "
            "one that NumPy can read; linear_bce has derivatives"
        ) from None


def is_sparse(value):
    scipy_sparse = sys.modules.get("scipy.sparse")  # as with tensors
    return scipy_sparse is not None and scipy_sparse.issparse(value)


def check_dense(name, value):
    if is_sparse(value):
        kind = type(value).__name__
        raise TypeError(f"{name} is a scipy.sparse {kind}; accepted: a dense array, as {name}.toarray() gives")


def sparse_features(name, value):
    """Sparse features (n, d), finite, n >= 1, d >= 1, as a matrix whose rows are compressed."""
    if value.dtype not in FLOATS:
        raise TypeError(f"{name} has dtype {value.dtype}; accepted: float32 or float64")
    if value.ndim != 2 or 0 in value.shape:
        raise ValueError(f"{name} has shape {tuple(value.shape)}; accepted: (n, d) with n >= 1 and d >= 1")
    rows = value.tocsr()
    if not is_finite(rows.data):
        k = int(np.flatnonzero(~np.isfinite(rows.data))[0])
        place = [int(np.searchsorted(rows.indptr, k, side="right")) - 1, int(rows.indices[k])]
        raise ValueError(f"{name}{place} is {rows.data[k]}; accepted: finite values")
    return rows


def float_array(name, value):
    accepted = "float32 or float64"
    array = values_of(name, value, accepted)
    if dtype_of(array).kind != "f":
        raise TypeError(f"{name} has dtype {array.dtype}; accepted: {accepted}")
    return array


def is_finite(array):
    if array.size == 1:  # the bias of every call
        return math.isfinite(array.item())
    return math.isfinite(sum_of(array)) or bool(np.isfinite(array).all())


def check_finite(name, array):
    if not (on_card(array) or is_finite(array)):
        index = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise ValueError(f"{name}{list(index)} is {array[index]}; accepted: finite values")


def sum_of(array):
    """A sum whose being finite proves all values finite, without a temporary: of squares, or for many values of these
    themselves, as the threads of a long product would be in the way of ours."""
    if array.size < MANY:
        return np.vdot(array, array)
    with np.errstate(over="ignore", invalid="ignore"):
        return array.sum()


def feature(name, value):
    """One feature (n,), finite, n >= 1, from (n,) or (n, 1)."""
    array = float_array(name, value)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1 or len(array) == 0:
        raise ValueError(f"{name} has shape {tuple(array.shape)}; accepted: (n,) or (n, 1) with n >= 1")
    check_finite(name, array)
    return array


def features(name, value):
    """Features (n, d), finite, n >= 1, d >= 1."""
    array = matrix(name, value)
    check_finite(name, array)
    return array


def matrix(name, value):
    """Features (n, d), n >= 1, d >= 1, whose values are still to be checked."""
    array = float_array(name, value)
    if array.ndim != 2 or 0 in array.shape:
        raise ValueError(f"{name} has shape {tuple(array.shape)}; accepted: (n, d) with n >= 1 and d >= 1")
    return array


def labels(value, n, dtype=None):
    """Labels (n,) in [0, 1] from numbers or booleans (n,) or (n, 1), in their own dtype or another one."""
    array = label_column(value, n)
    check_labels(array)
    return array if dtype is None else cast(array, dtype)


def unchecked_labels(value, n, dtype):
    """The same, but values that have that dtype already are still to be checked."""
    array = label_column(value, n)
    return array if dtype_of(array) == dtype else labels(array, n, dtype)


def label_column(value, n):
    array = values_of("y", value)
    if array.shape not in ((n,), (n, 1)):
        raise ValueError(f"y has shape {tuple(array.shape)}; accepted: ({n},) or ({n}, 1), one label for each sample")
    return array.reshape(n)


def check_labels(array):
    if on_card(array):
        return
    for index in (array.argmin(), array.argmax()):  # of a NaN, if there is one
        if not 0 <= array.item(index) <= 1:
            raise ValueError(f"y[{index}] is {array[index]}; accepted: labels in [0, 1]")


def axis(name, value):
    """A grid axis: 1-D, at least one point, finite, float64, on the host."""
    array = array_of(name, value.cpu() if on_card(value) else value)
    if array.ndim != 1 or len(array) == 0:
        raise ValueError(f"{name} has shape {array.shape}; accepted: a 1-D axis of at least one point")
    array = array.astype(np.float64)
    check_finite(name, array)
    return array


def parameter(name, value, shape, dtype):
    """Parameters that are updated in place: a writable array or tensor of exactly this shape and dtype."""
    if not (isinstance(value, np.ndarray) or is_tensor(value)):
        raise TypeError(f"{name} is a {type(value).__name__}; accepted: an array or tensor, as it is updated in place")
    accepted = that_of_X(dtype)
    array = values_of(name, value, accepted)
    if array.shape != shape:
        raise ValueError(f"{name} has shape {tuple(array.shape)}; accepted: {shape}")
    if dtype_of(array) != dtype:
        raise TypeError(f"{name} has dtype {array.dtype}; accepted: {accepted}")
    check_own_values(name, value)
    if not (on_card(array) or array.flags.writeable):
        raise ValueError(f"{name} is read-only; accepted: a writable array, as it is updated in place")
    check_finite(name, array)
    return array


@functools.cache  # str(dtype) takes long
def that_of_X(dtype):
    return f"{np.dtype(dtype)}, the dtype of X"


def own_memory(w, b, X, y):
    """Refuses parameters that share memory with the data or with one another, where that can be seen: on the host."""
    if on_card(w):
        return
    pairs = (("w", w, "X", X), ("w", w, "y", y), ("b", b, "X", X), ("b", b, "y", y), ("b", b, "w", w))
    for name, array, other, values in pairs:
        if np.may_share_memory(array, values) and np.shares_memory(array, values):
            raise ValueError(f"{name} shares memory with {other}; accepted: an array of its own, as it is updated")


def nothing():
    pass


def watch(w, b):
    """A function that tells autograd which of these have changed since, which it can't see where NumPy writes."""
    if isinstance(w, np.ndarray) and isinstance(b, np.ndarray):
        return nothing
    before = [(value, value.detach().clone()) for value in (w, b) if is_tensor(value) and not on_card(value)]

    def tell():
        for value, values in before:
            if not values.equal(value):
                sys.modules["torch"].autograd.graph.increment_version(value)

    return tell


def starts(w0, b0, d, dtype):
    """Starts of k >= 1 runs, w0 (k, d) and b0 (k,), finite, of a given dtype."""
    accepted = that_of_X(dtype)
    w, b = values_of("w0", w0, accepted), values_of("b0", b0, accepted)
    if w.ndim != 2 or w.shape[1] != d or len(w) == 0:
        raise ValueError(f"w0 has shape {tuple(w.shape)}; accepted: (k, {d}) with k >= 1")
    if b.shape != (len(w),):
        raise ValueError(f"b0 has shape {tuple(b.shape)}; accepted: ({len(w)},), one bias for each start")
    for name, array in (("w0", w), ("b0", b)):
        if dtype_of(array) != dtype:
            raise TypeError(f"{name} has dtype {array.dtype}; accepted: {accepted}")
        check_finite(name, array)
    return w, b


def members(name, value, k):
    """Numbers of members from 0 to k - 1 as an array (m,)."""
    try:
        numbers = [operator.index(number) for number in value]
    except TypeError:
        raise TypeError(f"{name} is {value!r}; accepted: a sequence of integers from 0 to {k - 1}") from None
    for number in numbers:
        if not 0 <= number < k:
            raise ValueError(f"{name} has {number}; accepted: integers from 0 to {k - 1}")
    return np.array(numbers, np.intp)


def coefficients(name, value, shapes, dtype):
    """Parameters that are read: finite numbers of one of some shapes, as an array (k,) of `dtype`."""
    array = values_of(name, value)
    if array.shape not in shapes:
        raise ValueError(f"{name} has shape {tuple(array.shape)}; accepted: {' or '.join(map(str, shapes))}")
    check_finite(name, array)
    array = array.reshape(-1)
    if array.dtype == dtype:
        return array
    with np.errstate(over="ignore"):
        array = cast(array, dtype)
    check_finite(name, array)
    return array


def check_own_values(name, value):
    """Refuses what is to be written to where its memory holds something else than its values, each by itself."""
    if isinstance(value, np.ndarray) and not value.dtype.isnative:
        raise ValueError(f"{name} is in the byte order of another machine; accepted: this machine's")
    if is_tensor(value) and value.is_neg():
        raise ValueError(f"{name} has the negative bit set; accepted: a tensor without, as it is written to")
    strides = value.stride() if is_tensor(value) else value.strides
    if any(stride == 0 and length > 1 for stride, length in zip(strides, value.shape, strict=True)):
        raise ValueError(f"{name} repeats its elements; accepted: an array that is not broadcast, as it is written to")


def whole(name, value, least):
    if type(value) is int and value >= least:
        return value
    number = plain(value)
    if not isinstance(number, Integral) or isinstance(number, bool):
        raise TypeError(f"{name} is {value!r}; accepted: an integer >= {least}")
    if number < least:
        raise ValueError(f"{name} is {value}; accepted: an integer >= {least}")
    return int(number)


def rate(name, value):
    """A finite number >= 0."""
    if type(value) is float and 0 <= value < math.inf:
        return value
    number = plain(value)
    if not isinstance(number, Real) or isinstance(number, bool):
        raise TypeError(f"{name} is {value!r}; accepted: a finite number >= 0")
    try:
        number = float(number)
    except OverflowError:
        number = math.inf
    if not (0 <= number < math.inf):
        raise ValueError(f"{name} is {value}; accepted: a finite number >= 0")
    return number


def plain(value):
    """The Python number of a NumPy or torch scalar; anything else as it is."""
    return value.item() if getattr(value, "ndim", None) == 0 else value


def steps_of(epochs, n, batch_size):
    """The number of steps of a run."""
    steps = epochs * -(-n // batch_size)
    if steps > MOST_STEPS:
        raise ValueError(f"epochs is {epochs}; accepted: at most {MOST_STEPS} steps in all")
    return steps


def tolerance(value):
    number = isinstance(value, Real) and not isinstance(value, bool)
    if not (number and (value == 0 or 1e-13 <= value < 1)):
        raise ValueError(f"tol is {value!r}; accepted: 0, or 1e-13 <= tol < 1")


def quantities_of(value):
    """Names of quantities, at least one, each once."""
    names = (value,) if isinstance(value, str) else tuple(value) if hasattr(value, "__iter__") else ()
    known = all(isinstance(name, str) and name in QUANTITIES for name in names)
    if not names or not known or len(set(names)) < len(names):
        raise ValueError(f"quantities is {value!r}; accepted: some of {', '.join(map(repr, QUANTITIES))}, each once")
    return names


def weights(value, n, zeros=False):
    """Weights of the samples (n,), finite, >= 0 and, unless `zeros`, not all 0; or None."""
    if value is None:
        return None
    array = values_of("sample_weight", value)
    if array.shape != (n,):
        raise ValueError(f"sample_weight has shape {tuple(array.shape)}; accepted: ({n},), one weight for each sample")
    check_finite("sample_weight", array)
    if not on_card(array) and (array.min() < 0 or not (zeros or array.any())):
        what, accepted = ("", "") if zeros else (", or only zeros", ", some above 0")
        raise ValueError(f"sample_weight has a negative value{what}; accepted: weights >= 0{accepted}")
    return array


def velocity(value, d):
    """A velocity (1, d + 1), or with the parameters that it belongs to (2, d + 1): finite, float64, on the host."""
    array = array_of("velocity", value.cpu() if on_card(value) else value).astype(np.float64)
    if array.shape not in ((d + 1,), (2, d + 1)):
        raise ValueError(f"velocity has shape {array.shape}; accepted: ({d + 1},) or (2, {d + 1}), as a run returns it")
    check_finite("velocity", array)
    return array.reshape(-1, d + 1)


def pos_weight(value):
    """The weight of the positive class, a float, finite, >= 0, from a number or an array of one; or None."""
    if getattr(value, "shape", None) == (1,):  # as torch.nn.BCEWithLogitsLoss takes it
        value = value[0]
    return None if value is None else rate("pos_weight", value)


def column(name, value, n, dtype):
    """One field (n,) of a plane, finite, of a given dtype."""
    array = float_array(name, value)
    if array.shape != (n,) or dtype_of(array) != dtype:
        raise ValueError(
            f"{name} is {array.dtype} {tuple(array.shape)}; accepted: {np.dtype(dtype)} ({n},), as the offset"
        )
    check_finite(name, array)
    return array


def plane_of(value):
    """The three fields (n,) of a LogitPlane, finite, of one dtype, n >= 1."""
    if not isinstance(value, LogitPlane):
        raise TypeError(f"plane is a {type(value).__name__}; accepted: a LogitPlane, as logit_plane makes it")
    offset = feature("plane.offset", value.offset)
    slopes = (
        column(f"plane.{name}", getattr(value, name), len(offset), dtype_of(offset)) for name in ("s_slope", "t_slope")
    )
    return offset, *slopes


def theta(name, value, d):
    """A point or direction (d + 1,) of parameter space, the bias last; finite, float64."""
    array = array_of(name, value).astype(np.float64)
    if array.shape != (d + 1,):
        raise ValueError(f"{name} has shape {array.shape}; accepted: ({d + 1},), {d} weights and the bias")
    check_finite(name, array)
    return array


def logits(low, high, s, t):
    """How large a logit and a slope of samples, (p, q, r) between `low` and `high` (3,), may be on the grid; refuses
    those whose logits overflow."""
    most_s, most_t = float(np.abs(s).max()), float(np.abs(t).max())
    p, q, r = (max(-least, most) for least, most in zip(low.tolist(), high.tolist(), strict=True))
    largest = p + q * most_s + r * most_t
    if math.isinf(largest):  # NaN, which only values on a card can be here, is returned
        raise ValueError(f"s and t reach {most_s:g} and {most_t:g}, where logits overflow; accepted: finite logits")
    return largest, max(q, r)


def backend(value, **arrays):
    """The backend asked for, or the one for where the arrays are: all on one card or none."""
    devices = {name: array.device for name, array in arrays.items() if on_card(array)}
    chosen = one_of("backend", ("torch" if devices else "numba") if value is None else value, BACKENDS)
    for name, device in devices.items():
        if chosen != "torch":
            raise ValueError(f"{name} is on device {device}; accepted by backend {chosen!r}: NumPy arrays, CPU tensors")
        check_device(name, device)
        for other, array in arrays.items():
            where = array.device if is_tensor(array) else "cpu"
            if where != device and np.ndim(array):
                raise ValueError(f"{other} is on device {where}; accepted: {device}, as {name}")
    return chosen


def check_device(name, device):
    """Refuses a CUDA device that nothing can be compiled for."""
    if device.type == "cuda" and not torch_module("devices").can_compile(device):
        raise ValueError(
            f"{name} is on device {device}; accepted: one of compute capability 7.0 or more, with Triton installed, or "
            'the CPU, where backend="reference" compiles nothing'
        )


def one_of(name, value, accepted):
    if not (isinstance(value, str) and value in accepted):
        raise ValueError(f"{name} is {value!r}; accepted: {', '.join(map(repr, accepted))}")
    return value


def outputs_of(value, quantities, grid, dtype, sources):
    """{quantity: the array that it is written to}, the caller's or, if there is memory for them, new ones."""
    shapes = {name: (*QUANTITIES[name], *grid) for name in quantities}
    if value is None:
        memory((sum(map(math.prod, shapes.values())),) if len(shapes) > 1 else shapes[quantities[0]], dtype, sources)
        return {name: empty(shape, dtype, sources) for name, shape in shapes.items()}
    given = value if isinstance(value, dict) else dict.fromkeys(quantities[:1], value)
    if set(given) != set(quantities):
        raise ValueError(
            f"out is for {list(given)}; accepted: an array for a single quantity, else a dict with {quantities}"
        )
    called = {name: f"out[{name!r}]" if isinstance(value, dict) else "out" for name in shapes}
    found = {name: output(called[name], given[name], shape, dtype, sources) for name, shape in shapes.items()}
    for one, other in itertools.combinations(found, 2):
        if not on_card(found[one]) and np.may_share_memory(found[one], found[other]):
            raise ValueError(f"{called[one]} shares memory with {called[other]}; accepted: an array of its own")
    return found


def empty(shape, dtype, sources):
    """A new array, or a tensor on the card where the sources are."""
    card = card_of(sources)
    return np.empty(shape, dtype) if card is None else card.new_empty(shape, dtype=cast(card[:0], dtype).dtype)


def output(name, value, shape, dtype, sources):
    """The caller's array to write to."""
    if not (is_tensor(value) or isinstance(value, np.ndarray)):
        raise TypeError(f"{name} is a {type(value).__name__}; accepted: an array or tensor")
    array = values_of(name, value, np.dtype(dtype))
    if array.shape != shape or dtype_of(array) != dtype:
        raise ValueError(f"{name} is {array.dtype} {tuple(array.shape)}; accepted: {np.dtype(dtype)} {shape}")
    check_own_values(name, value)
    if not (on_card(array) or array.flags.writeable):
        raise ValueError(f"{name} is read-only; accepted: a writable array")
    if on_card(array) and not any(map(on_card, sources)):
        raise ValueError(f"{name} is on device {value.device}; accepted: where the data is")
    if any(share_memory(array, source) for source in sources):
        raise ValueError(f"{name} shares memory with the data; accepted: an array of its own")
    return array


def share_memory(array, source):
    if on_card(array):
        return on_card(source) and array.untyped_storage().data_ptr() == source.untyped_storage().data_ptr()
    return np.may_share_memory(array, source)


def memory(shape, dtype, sources=()):
    """Fails before anything is allocated where an array doesn't fit into the memory that is free: the card's if sources
    are on one, else the system's."""
    wanted = math.prod(shape) * np.dtype(dtype).itemsize
    if wanted <= SURELY_FREE:
        return
    card = card_of(sources)
    free, where = (free_memory(), "") if card is None else (free_on_card(card.device), f" on {card.device}")
    if wanted > free:
        raise MemoryError(
            f"an array {shape} of {np.dtype(dtype)} takes {wanted / 1e9:.1f} GB; free{where}: {free / 1e9:.1f} GB"
        )


def free_on_card(device):
    """Bytes that torch can allocate on a CUDA device: what is free there, and what torch has and doesn't use."""
    cuda = sys.modules["torch"].cuda
    return cuda.mem_get_info(device)[0] + cuda.memory_reserved(device) - cuda.memory_allocated(device)


def free_memory():
    """Bytes that can be allocated without swapping; infinite where the system doesn't say."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return math.inf
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), math.inf)
