"""Wrong arguments: an error that names the argument and says what is accepted; nothing is written before it."""

import math
import tracemalloc
from contextlib import nullcontext

import numpy as np
import pytest
import torch

import kernels
from kernels.arguments import arrays, memory

BACKENDS = ("numba", "reference")
N = 6
NAN, INF = math.nan, math.inf


def with_value(array, index, value):
    array = np.array(array, copy=True)
    array[index] = value
    return array


def read_only(array):
    array.flags.writeable = False
    return array


def called(function, arguments, backend, **changes):
    """Calls a public function with some arguments changed; the first ones are positional."""
    arguments = {"backend": backend} | arguments | changes
    data = [arguments.pop(name) for name in list(arguments) if name in ("x", "X", "y", "w", "b")]
    return function(*data, **arguments)


def case_id(value):
    return value if isinstance(value, str) else None


# loss_surface

X1 = np.linspace(-1, 1, N)
Y = (X1 > 0.2) * 1.0
W, B = np.linspace(-2, 2, 5), np.linspace(-1, 1, 4)


def surface(backend="numba", **changes):
    return called(kernels.loss_surface, {"x": X1, "y": Y, "w": W, "b": B}, backend, **changes)


NOT_ARRAYS = (  # value, error, what the message must hold
    (None, TypeError, r"dtype object"),
    ("text", TypeError, r"dtype"),
    ([[1.0, 2.0], [3.0]], ValueError, r"not an array"),
    ([1.0 + 2.0j] * N, TypeError, r"dtype complex128"),
    (["a"] * N, TypeError, r"dtype <U1"),
    ([object()] * N, TypeError, r"dtype object"),
    (np.zeros(N, np.float16), TypeError, r"dtype float16"),
    (np.zeros(N, np.longdouble), TypeError, r"dtype float"),
    (np.zeros(N, np.complex64), TypeError, r"dtype complex64"),
    (np.zeros(N, "M8[s]"), TypeError, r"dtype datetime64"),
    (np.zeros(N, [("a", "f8")]), TypeError, r"dtype"),
    (torch.zeros(N, dtype=torch.float16), TypeError, r"dtype .*float16"),
    (torch.zeros(N, dtype=torch.bfloat16), TypeError, r"dtype .*bfloat16"),
    (torch.zeros(N, dtype=torch.complex64), TypeError, r"dtype .*complex64"),
    (torch.zeros(N, dtype=torch.float8_e4m3fn), TypeError, r"dtype .*float8"),
    (torch.zeros(N, device="meta"), ValueError, r"device meta"),
    (torch.zeros(N).to_sparse(), (TypeError, ValueError), r"sparse"),
)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", ["x", "y", "w", "b"])
@pytest.mark.parametrize(("value", "error", "message"), NOT_ARRAYS, ids=[str(k) for k in range(len(NOT_ARRAYS))])
def test_what_is_no_array_of_real_numbers(value, error, message, name, backend):
    with pytest.raises(error, match=rf"(?i)^{name} .*{message}") as caught:
        surface(backend, **{name: value})
    assert "accepted: " in str(caught.value) or "not an array" in str(caught.value)


WRONG_SURFACES = {
    "x": [
        (np.zeros(0), ValueError, r"x has shape \(0,\); accepted: \(n,\) or \(n, 1\) with n >= 1"),
        (np.zeros((0, 1)), ValueError, r"x has shape"),
        (np.float64(1), ValueError, r"x has shape \(\)"),
        (np.zeros((N, 2)), ValueError, r"x has shape \(6, 2\); accepted: \(n,\) or \(n, 1\)"),
        (np.zeros((1, N)), ValueError, r"x has shape \(1, 6\)"),
        (np.zeros((N, 1, 1)), ValueError, r"x has shape"),
        (np.arange(N), TypeError, r"x has dtype int64; accepted: float32 or float64"),
        (X1 > 0, TypeError, r"x has dtype bool; accepted: float32 or float64"),
        (torch.arange(N), TypeError, r"x has dtype .*int64; accepted: float32 or float64"),
        (with_value(X1, 3, NAN), ValueError, r"x\[3\] is nan; accepted: finite"),
        (with_value(X1, 5, INF), ValueError, r"x\[5\] is inf; accepted: finite"),
        (with_value(X1, 0, -INF), ValueError, r"x\[0\] is -inf; accepted: finite"),
        (with_value(1e300 * X1, 2, NAN), ValueError, r"x\[2\] is nan"),
        (with_value(X1.astype("f4"), 4, NAN), ValueError, r"x\[4\] is nan"),
    ],
    "y": [
        (Y[:-1], ValueError, r"y has shape \(5,\); accepted: \(6,\) or \(6, 1\)"),
        (np.zeros(N + 1), ValueError, r"y has shape \(7,\)"),
        (np.zeros(1), ValueError, r"y has shape \(1,\)"),
        (np.zeros(0), ValueError, r"y has shape \(0,\)"),
        (np.float64(1), ValueError, r"y has shape \(\)"),
        (np.zeros((N, 2)), ValueError, r"y has shape \(6, 2\)"),
        (np.zeros((1, N)), ValueError, r"y has shape \(1, 6\)"),
        (with_value(Y, 2, -0.1), ValueError, r"y\[2\] is -0.1; accepted: labels in \[0, 1\]"),
        (with_value(Y, 5, 1 + 1e-12), ValueError, r"y\[5\] is 1.000000000001; accepted: labels in \[0, 1\]"),
        (with_value(Y, 1, -1e-300), ValueError, r"y\[1\] is -1e-300"),
        (with_value(Y, 4, NAN), ValueError, r"y\[4\] is nan"),
        (with_value(Y, 0, INF), ValueError, r"y\[0\] is inf"),
        (np.array([0, 1, 2, 1, 0, 1]), ValueError, r"y\[2\] is 2"),
        (np.array([0, 1, 1, -1, 0, 1], np.int8), ValueError, r"y\[3\] is -1"),
    ],
    **{
        name: [
            (1.0, ValueError, rf"{name} has shape \(\); accepted: a 1-D axis"),
            (np.zeros(0), ValueError, rf"{name} has shape \(0,\); accepted: .*at least one point"),
            (np.zeros((3, 1)), ValueError, rf"{name} has shape \(3, 1\)"),
            (with_value(np.zeros(3), 1, NAN), ValueError, rf"{name}\[1\] is nan; accepted: finite"),
            (with_value(np.zeros(3), 2, -INF), ValueError, rf"{name}\[2\] is -inf; accepted: finite"),
            (np.array([0.0, NAN], np.float32), ValueError, rf"{name}\[1\] is nan"),
        ]
        for name in ("w", "b")
    },
    "method": [
        ("fastest", ValueError, r"method is 'fastest'; accepted: 'auto', 'direct'"),
        ("", ValueError, r"method is ''"),
        (None, ValueError, r"method is None"),
        (3, ValueError, r"method is 3"),
        (["auto"], ValueError, r"method is \['auto'\]"),
        (np.array(["auto", "direct"]), (ValueError, TypeError), r"method is "),
    ],
    "tol": [
        (value, (ValueError, TypeError), r"tol is .*; accepted: 0, or 1e-13 <= tol < 1")
        for value in (-1.0, -1e-13, 9e-14, 1e-300, 1, 1.0, 2, True, NAN, INF, "1e-6", None, 1e-6 + 0j, [1e-6])
    ],
    "backend": [
        ("fpga", ValueError, r"backend is 'fpga'; accepted: .*'numba'"),
        ("Numba", ValueError, r"backend is 'Numba'"),
        ("", ValueError, r"backend is ''"),
        (0, ValueError, r"backend is 0"),
        (False, ValueError, r"backend is False"),
        (["numba"], ValueError, r"backend is \['numba'\]"),
    ],
    "progress": [
        (5, TypeError, r"progress is 5; accepted: .*callable \(done, total\)"),
        ("yes", TypeError, r"progress is 'yes'"),
        (0.5, TypeError, r"progress is 0.5"),
    ],
    "out": [
        (np.zeros((5, 4)), ValueError, r"out is float64 \(5, 4\); accepted: float64 \(4, 5\)"),
        (np.zeros(20), ValueError, r"out is float64 \(20,\)"),
        (np.zeros((1, 4, 5)), ValueError, r"out is float64 \(1, 4, 5\)"),
        (np.zeros((4, 5), np.float32), ValueError, r"out is float32 \(4, 5\); accepted: float64 \(4, 5\)"),
        (np.zeros((4, 5), np.int64), ValueError, r"out is int64"),
        (np.zeros((4, 5), np.float16), (TypeError, ValueError), r"out .*float16.*accepted: "),
        (np.zeros((4, 5), complex), (TypeError, ValueError), r"out .*complex128.*accepted: "),
        (np.zeros((4, 5), object), (TypeError, ValueError), r"out .*object.*accepted: "),
        (torch.zeros(4, 5), ValueError, r"out is .*float32"),
        (torch.zeros(4, 5, dtype=torch.float64, device="meta"), ValueError, r"out is on device meta"),
        (np.zeros((4, 5)).tolist(), TypeError, r"out is a list; accepted: an array or tensor"),
        (1.0, TypeError, r"out is a float"),
        (read_only(np.zeros((4, 5))), ValueError, r"out is read-only; accepted: a writable array"),
    ],
}


def cases(table):
    return [pytest.param(name, *case, id=f"{name}-{k}") for name in table for k, case in enumerate(table[name])]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("name", "value", "error", "message"), cases(WRONG_SURFACES))
def test_wrong_arguments_of_loss_surface(name, value, error, message, backend):
    out = np.full((len(B), len(W)), 77.0)
    with pytest.raises(error, match="^" + message) as caught:
        surface(**{"backend": backend, "out": out, name: value})
    assert "accepted: " in str(caught.value)
    assert (out == 77.0).all()


@pytest.mark.parametrize("backend", BACKENDS)
def test_out_may_not_share_memory_with_the_data(backend):
    data = np.linspace(-1, 1, 26)
    before = data.copy()
    for out in (data[:20].reshape(4, 5), data[5:25].reshape(4, 5)):
        for changes in ({"x": data[:N]}, {"x": data[-N:]}, {"x": X1, "y": np.abs(data)[:N] * 0}):
            if not any(np.shares_memory(out, v) for v in changes.values()):
                continue
            with pytest.raises(ValueError, match=r"^out shares memory with the data; accepted: "):
                surface(backend, **changes, out=out)
            np.testing.assert_array_equal(data, before)
    labels = np.zeros(20)
    with pytest.raises(ValueError, match=r"^out shares memory"):
        surface(backend, y=labels[3 : 3 + N], out=labels.reshape(4, 5))
    tensor = torch.zeros(20, dtype=torch.float64)
    with pytest.raises(ValueError, match=r"^out shares memory"):
        surface(backend, x=tensor[:N], out=tensor.reshape(4, 5))


@pytest.mark.parametrize("backend", BACKENDS)
def test_out_may_overlap_the_axes(backend):
    """They are copied."""
    want = surface(backend)
    memory = np.empty((len(B), len(W)))
    memory[0], memory[1:, 0] = W, 0
    np.testing.assert_array_equal(surface(backend, w=memory[0], out=memory), want)


@pytest.mark.parametrize("backend", BACKENDS)
def test_out_of_another_byte_order_is_written_or_refused(backend):
    out = np.full((len(B), len(W)), np.nan).astype(np.dtype("f8").newbyteorder())
    try:
        surface(backend, out=out)
    except (ValueError, TypeError) as error:
        assert str(error).startswith("out ")  # noqa: PT017
        assert np.isnan(out).all()
    else:
        np.testing.assert_array_equal(out, surface(backend))


@pytest.mark.parametrize("backend", BACKENDS)
def test_surfaces_that_cannot_fit_fail_before_allocating(backend):
    axis = np.zeros(10**6)
    with pytest.raises(MemoryError, match=r"\(1000000, 1000000\) .*8000\.0 GB; free: [0-9.]+ GB"):
        surface(backend, w=axis, b=axis)
    with pytest.raises(MemoryError, match=r"float32 takes 4000\.0 GB"):
        surface(backend, x=X1.astype(np.float32), w=axis, b=axis)


def test_results_on_a_card_need_its_memory(monkeypatch):
    """Free for others, or for torch, as the driver and torch say; the system isn't asked."""
    monkeypatch.setattr(arrays, "is_cuda", arrays.is_tensor)
    monkeypatch.setattr(memory, "free_memory", lambda: pytest.fail("the system was asked"))
    free = {"mem_get_info": (10**8, 8 * 10**10), "memory_reserved": 10**8, "memory_allocated": 4 * 10**7}
    for name, value in free.items():
        monkeypatch.setattr(torch.cuda, name, lambda device, value=value: value)
    x, axis = torch.from_numpy(X1.copy()), np.zeros(5000)
    X, y, w, b = x[:, None], torch.zeros(len(x)).double(), torch.zeros(1).double(), torch.zeros(1).double()
    with pytest.raises(MemoryError, match=r"\(5000, 5000\) of float64 takes 0\.2 GB; free on cpu: 0\.2 GB"):
        kernels.loss_surface(x, y, axis, axis)
    with pytest.raises(MemoryError, match="GB; free on cpu"):
        kernels.sgd_run_(X, y, w, b, lr=0.1, batch_size=1, epochs=10**7)
    with pytest.raises(MemoryError, match="GB; free on cpu"):
        kernels.sgd_ensemble(X, y, w.expand(10**7, 1), b.expand(10**7), lr=0.1, batch_size=1, epochs=1)
    for values, fits in ((20_000_000, True), (20_000_001, False)):  # 160 MB: what is free, and 60 of torch's
        with nullcontext() if fits else pytest.raises(MemoryError):
            memory.check_fits((values,), np.float64, [X1, x])


@pytest.mark.parametrize("tol", [np.float32(1e-6), np.float64(1e-6), np.int64(0), 0, 1e-13])
def test_tolerances_may_be_numpy_scalars(tol):
    np.testing.assert_array_equal(surface(tol=tol), surface())


# sgd_run_

FEATURES = np.random.default_rng(0).normal(size=(N, 3))
SETTINGS = {"lr": 0.1, "batch_size": 2, "epochs": 2}


def run(backend="numba", **changes):
    arguments = {"X": FEATURES, "y": Y, "w": np.zeros(3), "b": np.zeros(1)} | SETTINGS
    return called(kernels.sgd_run_, arguments, backend, **changes)


WRONG_NUMBERS = {
    name: [
        (-0.1, ValueError, rf"{name} is -0.1; accepted: a finite number >= 0"),
        (-5e-324, ValueError, rf"{name} is -5e-324"),
        (NAN, ValueError, rf"{name} is nan"),
        (np.float32(INF), ValueError, rf"{name} is inf"),
        (-INF, ValueError, rf"{name} is -inf"),
        (10**400, ValueError, rf"{name} is 10"),
        (True, TypeError, rf"{name} is True; accepted: a finite number >= 0"),
        ("fast", TypeError, rf"{name} is 'fast'"),
        ("0.1", TypeError, rf"{name} is '0.1'"),
        (b"1", TypeError, rf"{name} is b'1'"),
        (None, TypeError, rf"{name} is None"),
        (1j, TypeError, rf"{name} is 1j"),
        (np.True_, TypeError, rf"{name} is np.True_"),
        (np.array("0.1"), TypeError, rf"{name} is array\('0.1'"),
        (np.complex128(1), TypeError, rf"{name} is np.complex128\(1\+0j\)"),
        (torch.tensor(1j), TypeError, rf"{name} is tensor"),
        (object(), TypeError, rf"{name} is <object"),
    ]
    for name in ("lr", "momentum", "weight_decay")
}
WRONG_RATES = {
    name: [
        *numbers,
        (torch.tensor([0.1]), TypeError, rf"{name} is tensor"),
        ([0.1, 0.2], TypeError, rf"{name} is \[0.1, 0.2\]"),
        (np.array([0.1, 0.2]), TypeError, rf"{name} is array\(\[0.1, 0.2\]\)"),
    ]
    for name, numbers in WRONG_NUMBERS.items()
}
WRONG_RATES_OF_FOUR = {
    name: [
        *numbers,
        (torch.tensor([0.1]), ValueError, rf"{name} has shape \(1,\); accepted: a number or \(k,\) = \(4,\)"),
        ([0.1, 0.2], ValueError, rf"{name} has shape \(2,\); accepted: a number or \(k,\)"),
        (np.ones((4, 1)), ValueError, rf"{name} has shape \(4, 1\)"),
        (np.array([0.1, 0.2, -0.1, NAN]), ValueError, rf"{name}\[2\] is -0.1; accepted: finite numbers >= 0"),
        ([0, 0, 0, INF], ValueError, rf"{name}\[3\] is inf"),
        (np.ones(4, np.float16), TypeError, rf"{name} has dtype float16; accepted: float32, float64, integers or bool"),
        (np.ones(4, complex), TypeError, rf"{name} has dtype complex128"),
        (torch.ones(4, device="meta"), ValueError, rf"{name} is on device meta"),
        (np.ma.masked_array(np.ones(4)), TypeError, rf"{name} is a masked array"),
    ]
    for name, numbers in WRONG_NUMBERS.items()
}
WRONG_WHOLES = {
    (name, least): [
        (least - 1, ValueError, rf"{name} is {least - 1}; accepted: an integer >= {least}"),
        (np.int64(-3), ValueError, rf"{name} is -3"),
        (-(10**30), ValueError, rf"{name} is -10"),
        (1.5, TypeError, rf"{name} is 1.5; accepted: an integer >= {least}"),
        (2.0, TypeError, rf"{name} is 2.0"),
        (np.float64(2), TypeError, rf"{name} is np.float64\(2.0\)"),
        (NAN, TypeError, rf"{name} is nan"),
        (INF, TypeError, rf"{name} is inf"),
        ("2", TypeError, rf"{name} is '2'"),
        ([2], TypeError, rf"{name} is \[2\]"),
        (np.array([2, 3]), TypeError, rf"{name} is array"),
        (True, TypeError, rf"{name} is True"),
        (torch.tensor(True), TypeError, rf"{name} is tensor"),
        (torch.tensor([2]), TypeError, rf"{name} is tensor"),
        (torch.tensor(2.0), TypeError, rf"{name} is tensor"),
    ]
    for name, least in (("batch_size", 1), ("epochs", 0), ("history", 0), ("shuffle_seed", 0), ("first_epoch", 0))
}
WEIGHTS = np.ones(N)
WRONG_WEIGHTS = [
    (WEIGHTS[1:], ValueError, r"sample_weight has shape \(5,\); accepted: \(6,\), one weight for each sample"),
    (WEIGHTS[:, None], ValueError, r"sample_weight has shape \(6, 1\)"),
    (1.0, ValueError, r"sample_weight has shape \(\)"),
    (with_value(WEIGHTS, 2, -1e-300), ValueError, r"sample_weight has a negative value"),
    (0 * WEIGHTS, ValueError, r"sample_weight has a negative value, or only zeros; accepted: weights >= 0"),
    (with_value(WEIGHTS, 1, NAN), ValueError, r"sample_weight\[1\] is nan; accepted: finite"),
    (with_value(WEIGHTS, 5, INF), ValueError, r"sample_weight\[5\] is inf"),
    (WEIGHTS.astype(np.float16), TypeError, r"sample_weight has dtype float16; accepted: "),
    (WEIGHTS.astype(complex), TypeError, r"sample_weight has dtype complex128"),
    (["a"] * N, TypeError, r"sample_weight has dtype <U1"),
    ("ones", TypeError, r"sample_weight has dtype <U4"),
]
WRONG_RUNS = {
    "X": [
        (X1, ValueError, r"X has shape \(6,\); accepted: \(n, d\) with n >= 1 and d >= 1"),
        (np.zeros((0, 3)), ValueError, r"X has shape \(0, 3\)"),
        (np.zeros((N, 0)), ValueError, r"X has shape \(6, 0\)"),
        (np.zeros((N, 3, 1)), ValueError, r"X has shape \(6, 3, 1\)"),
        (np.float64(3), ValueError, r"X has shape \(\)"),
        (np.ones((N, 3), int), TypeError, r"X has dtype int64; accepted: float32 or float64"),
        (np.ones((N, 3), bool), TypeError, r"X has dtype bool; accepted: float32 or float64"),
        (np.ones((N, 3), np.float16), TypeError, r"X has dtype float16"),
        (np.ones((N, 3), complex), TypeError, r"X has dtype complex128"),
        (np.ones((N, 3), object), TypeError, r"X has dtype object"),
        (torch.ones(N, 3, dtype=torch.bfloat16), TypeError, r"X has dtype .*bfloat16"),
        (torch.ones(N, 3, device="meta"), ValueError, r"X is on device meta"),
        (None, TypeError, r"X has dtype object"),
        (np.ma.masked_array(FEATURES), TypeError, r"X is a masked array; accepted: one whose values all count"),
        (with_value(FEATURES, (2, 1), NAN), ValueError, r"X\[2, 1\] is nan; accepted: finite"),
        (with_value(FEATURES, (5, 2), -INF), ValueError, r"X\[5, 2\] is -inf; accepted: finite"),
        (with_value(FEATURES, (0, 0), INF)[::-1], ValueError, r"X\[5, 0\] is inf"),
        (np.asfortranarray(with_value(FEATURES, (4, 1), NAN)), ValueError, r"X\[4, 1\] is nan"),
    ],
    "y": WRONG_SURFACES["y"],
    "w": [
        (np.zeros(2), ValueError, r"w has shape \(2,\); accepted: \(3,\)"),
        (np.zeros(4), ValueError, r"w has shape \(4,\)"),
        (np.zeros((1, 3)), ValueError, r"w has shape \(1, 3\)"),
        (np.zeros((3, 1)), ValueError, r"w has shape \(3, 1\)"),
        (np.zeros(3, np.float32), TypeError, r"w has dtype float32; accepted: float64"),
        (np.zeros(3, int), TypeError, r"w has dtype int64; accepted: float64"),
        (torch.zeros(3), TypeError, r"w has dtype .*float32; accepted: float64"),
        (torch.zeros(3, dtype=torch.bfloat16), TypeError, r"w has dtype .*bfloat16"),
        ([0.0, 0.0, 0.0], TypeError, r"w is a list; accepted: .*updated in place"),
        (None, TypeError, r"w is a NoneType"),
        (read_only(np.zeros(3)), ValueError, r"w is read-only; accepted: a writable array"),
        (np.array([0.0, NAN, 0.0]), ValueError, r"w\[1\] is nan; accepted: finite"),
        (np.array([0.0, 0.0, INF]), ValueError, r"w\[2\] is inf; accepted: finite"),
    ],
    "b": [
        (0.0, TypeError, r"b is a float; accepted: .*updated in place"),
        (np.float64(0), TypeError, r"b is a float64; accepted: "),
        (np.array(0.0), ValueError, r"b has shape \(\); accepted: \(1,\)"),
        (torch.tensor(0.0).double(), ValueError, r"b has shape \(\)"),
        (np.zeros(2), ValueError, r"b has shape \(2,\)"),
        (np.zeros(0), ValueError, r"b has shape \(0,\)"),
        (np.zeros((1, 1)), ValueError, r"b has shape \(1, 1\)"),
        (np.zeros(1, np.float32), TypeError, r"b has dtype float32; accepted: float64"),
        (read_only(np.zeros(1)), ValueError, r"b is read-only"),
        (np.array([-INF]), ValueError, r"b\[0\] is -inf; accepted: finite"),
    ],
    "lr": WRONG_RATES["lr"],
    "batch_size": [*WRONG_WHOLES["batch_size", 1], (None, TypeError, r"batch_size is None")],
    "epochs": [*WRONG_WHOLES["epochs", 0], (None, TypeError, r"epochs is None")],
    "loss": [
        ("hinge", ValueError, r"loss is 'hinge'; accepted: 'bce', 'mse', 'focal'"),
        ("BCE", ValueError, r"loss is 'BCE'"),
        (None, ValueError, r"loss is None"),
        (["bce"], ValueError, r"loss is \['bce'\]"),
        (b"bce", ValueError, r"loss is b'bce'"),
    ],
    "shuffle_seed": WRONG_WHOLES["shuffle_seed", 0],
    "history": [*WRONG_WHOLES["history", 0], (None, TypeError, r"history is None")],
    "first_epoch": [*WRONG_WHOLES["first_epoch", 0], (None, TypeError, r"first_epoch is None")],
    "momentum": WRONG_RATES["momentum"],
    "weight_decay": WRONG_RATES["weight_decay"],
    "pos_weight": [
        (-0.1, ValueError, r"pos_weight is -0.1; accepted: a finite number >= 0"),
        (INF, ValueError, r"pos_weight is inf"),
        ("balanced", TypeError, r"pos_weight is 'balanced'"),
        (np.array([0.1, 0.2]), TypeError, r"pos_weight is array\(\[0.1, 0.2\]\)"),
    ],
    "sample_weight": WRONG_WEIGHTS,
    "velocity": [
        (np.zeros(3), ValueError, r"velocity has shape \(3,\); accepted: \(4,\) or \(2, 4\), as a run returns it"),
        (np.zeros((1, 4)), ValueError, r"velocity has shape \(1, 4\)"),
        (np.zeros((3, 4)), ValueError, r"velocity has shape \(3, 4\)"),
        (0.5, ValueError, r"velocity has shape \(\)"),
        ("fast", TypeError, r"velocity has dtype"),
        (np.array([0.0, NAN, 0.0, 0.0]), ValueError, r"velocity\[1\] is nan; accepted: finite"),
        (np.full((2, 4), INF), ValueError, r"velocity\[0, 0\] is inf; accepted: finite"),
    ],
    "frozen": [
        ("bias", ValueError, r"frozen is 'bias'; accepted: 'w', 'b'"),
        (True, ValueError, r"frozen is True"),
        (["w", "b"], ValueError, r"frozen is \['w', 'b'\]"),
    ],
    "backend": WRONG_SURFACES["backend"],
    "progress": WRONG_SURFACES["progress"],
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("value", [0, 2.5])
def test_squared_errors_have_no_weight_of_the_positive_class(value, backend):
    message = rf"^pos_weight is {value}; accepted: None, as loss 'mse' has no positive part to be weighted$"
    with pytest.raises(ValueError, match=message):
        run(backend, loss="mse", pos_weight=value)
    starts = np.zeros((2, 3)), np.zeros(2)
    with pytest.raises(ValueError, match=message):
        kernels.sgd_ensemble(FEATURES, Y, *starts, **SETTINGS, loss="mse", pos_weight=value, backend=backend)


@pytest.mark.parametrize("backend", BACKENDS)
def test_products_of_weights_are_finite_or_refused(backend):
    with pytest.raises(ValueError, match=r"^pos_weight is 1e\+300; accepted: one whose products with sample_weight"):
        run(backend, sample_weight=np.full(N, 1e300), y=np.ones(N), pos_weight=1e300)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("name", "value", "error", "message"), cases(WRONG_RUNS))
def test_wrong_arguments_of_sgd_run(name, value, error, message, backend):
    w, b = np.array([0.5, -0.25, 2.0]), np.array([1.5])
    with pytest.raises(error, match="^" + message) as caught:
        run(**{"backend": backend, "w": w, "b": b, name: value})
    assert "accepted: " in str(caught.value)
    assert w.tolist() == [0.5, -0.25, 2.0]
    assert b.tolist() == [1.5]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("label", [1e300, 1 + 1e-12, -1e-50])
def test_labels_are_checked_before_they_are_rounded(label, backend):
    """float64 labels of float32 data."""
    w, b = np.zeros(3, np.float32), np.zeros(1, np.float32)
    with pytest.raises(ValueError, match=r"^y\[3\] is .*; accepted: labels in \[0, 1\]"):
        run(backend, X=FEATURES.astype(np.float32), y=with_value(Y, 3, label), w=w, b=b)
    assert not w.any()
    assert not b.any()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", ["w", "b"])
def test_parameters_of_another_byte_order_are_trained_or_refused(name, backend):
    parameters = {"w": np.zeros(3), "b": np.zeros(1)}
    parameters[name] = parameters[name].astype(np.dtype("f8").newbyteorder())
    try:
        history = run(backend, **parameters)
    except (ValueError, TypeError) as error:
        assert str(error).startswith(f"{name} ")  # noqa: PT017
        assert not parameters["w"].any()
        assert not parameters["b"].any()
    else:
        np.testing.assert_array_equal(parameters["w"], history.w[-1])
        np.testing.assert_array_equal(parameters["b"], history.b[-1:])


@pytest.mark.parametrize("backend", BACKENDS)
def test_histories_that_cannot_fit_fail_before_allocating(backend):
    w, b = np.zeros(3), np.zeros(1)
    with pytest.raises(MemoryError, match=r"\(3000000000000, 5\) .*120000\.0 GB; free: [0-9.]+ GB"):
        run(backend, epochs=10**12, w=w, b=b)
    assert not w.any()
    assert not b.any()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("batch_size", [N, N + 1, 2**62, 2**63, 10**30])
def test_batches_larger_than_the_data_are_the_data(batch_size, backend):
    one, other = run(backend, batch_size=batch_size), run(backend, batch_size=N)
    np.testing.assert_array_equal(one.w, other.w)
    assert one.w.shape == (2, 3)


@pytest.mark.parametrize("backend", BACKENDS)
def test_settings_may_be_numpy_and_torch_scalars(backend):
    want = run(backend).w
    for lr in (np.float64(0.1), np.array(0.1), torch.tensor(0.1, dtype=torch.float64)):
        settings = {"lr": lr, "batch_size": np.int32(2), "epochs": torch.tensor(2), "history": np.uint8(1)}
        np.testing.assert_array_equal(run(backend, **settings).w, want)
    want = run(backend, momentum=0.5, weight_decay=0.25, shuffle_seed=7, loss="mse").w
    options = {"momentum": np.float32(0.5), "weight_decay": np.float16(0.25), "loss": np.str_("mse")}
    for seed in (np.int64(7), np.array(7), torch.tensor(7)):
        np.testing.assert_array_equal(run(backend, **options, shuffle_seed=seed).w, want)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("seed", [2**63, 10**30])
def test_seeds_may_be_huge(seed, backend):
    order = np.random.default_rng([seed, 0]).permutation(N)
    settings = {"batch_size": 4, "epochs": 1}
    want = run(backend, **settings, X=FEATURES[order], y=Y[order]).w
    np.testing.assert_allclose(run(backend, **settings, shuffle_seed=seed).w, want, rtol=1e-14)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("theta", "w", "b", "message"),
    [
        ("X", slice(0, 3), slice(9, 10), "w shares memory with X"),
        ("X", slice(0, 3), None, "w shares memory with X"),
        ("y", None, slice(3, 4), "b shares memory with y"),
        ("own", slice(0, 3), slice(2, 3), "b shares memory with w"),
    ],
)
def test_parameters_may_not_share_memory(theta, w, b, message, backend):
    data = {"X": np.arange(12.0).reshape(4, 3), "y": np.array([0.0, 1.0, 0.0, 1.0]), "own": np.zeros(4)}
    values = data[theta].reshape(-1)
    w = np.zeros(3) if w is None else values[w]
    b = np.zeros(1) if b is None else values[b]
    before = {name: array.copy() for name, array in data.items()}
    with pytest.raises(ValueError, match=f"{message}; accepted: an array of its own"):
        kernels.sgd_step_(data["X"], data["y"], w, b, lr=0.1, backend=backend)
    with pytest.raises(ValueError, match=f"{message}; accepted: an array of its own"):
        kernels.sgd_run_(data["X"], data["y"], w, b, lr=0.1, batch_size=2, epochs=1, backend=backend)
    for name, array in data.items():
        np.testing.assert_array_equal(array, before[name])


@pytest.mark.parametrize("backend", BACKENDS)
def test_parameters_may_alternate_in_one_array(backend):
    X, y, theta = np.arange(6.0).reshape(2, 3), np.array([0.0, 1.0]), np.zeros(6)
    run = kernels.sgd_run_(X, y, theta[:5:2], theta[1:2], lr=0.1, batch_size=1, epochs=2, backend=backend)
    np.testing.assert_array_equal(theta[:5:2], run.w[-1])
    np.testing.assert_array_equal(theta[[1, 3, 5]], [run.b[-1], 0, 0])


@pytest.mark.parametrize("backend", BACKENDS)
def test_numbers_may_be_huge_or_too_huge(backend):
    for kept, want in zip(run(backend, history=2**63), run(backend, history=0), strict=True):
        np.testing.assert_array_equal(kept, want)
    refused = f"epochs is {2**60}; accepted: at most {2**50} steps in all"
    with pytest.raises(ValueError, match=refused):
        run(backend, epochs=2**60, history=0)
    starts = np.zeros((2, 3)), np.zeros(2)
    with pytest.raises(ValueError, match=refused):
        kernels.sgd_ensemble(FEATURES, Y, *starts, lr=0.1, batch_size=2, epochs=2**60, backend=backend)


def test_progress_may_be_false():
    np.testing.assert_array_equal(surface(progress=False), surface())
    np.testing.assert_array_equal(run(progress=False).w, run().w)


# The other functions that train


def names(*chosen):
    return {name: WRONG_RUNS[name] for name in chosen}


WRONG_CALLS = {  # arguments that are right, and others that aren't
    kernels.sgd_step_: (
        {"X": FEATURES, "y": Y, "w": np.zeros(3), "b": np.zeros(1), "lr": 0.1},
        names("X", "y", "w", "b", "lr") | {"sample_weight": WRONG_WEIGHTS},
    ),
    kernels.bce_loss_grad: (
        {"X": FEATURES, "y": Y, "w": np.zeros(3), "b": np.zeros(1)},
        names("X", "y")
        | {
            "sample_weight": WRONG_WEIGHTS,
            "w": [
                (np.zeros(2), ValueError, r"w has shape \(2,\); accepted: \(3,\)"),
                (np.zeros((3, 1)), ValueError, r"w has shape \(3, 1\)"),
                (None, TypeError, r"w has dtype object"),
                (np.zeros(3, complex), TypeError, r"w has dtype complex128"),
                ([0.0, NAN, 0.0], ValueError, r"w\[1\] is nan; accepted: finite"),
            ],
            "b": [
                (np.zeros(2), ValueError, r"b has shape \(2,\); accepted: \(\) or \(1,\)"),
                (np.zeros((1, 1)), ValueError, r"b has shape \(1, 1\)"),
                ("a", TypeError, r"b has dtype <U1"),
                (10**400, TypeError, r"b has dtype object"),
                (NAN, ValueError, r"b\[.*\] is nan; accepted: finite"),
            ],
        },
    ),
    kernels.sgd_ensemble: (
        {"X": FEATURES, "y": Y, "w0": np.zeros((4, 3)), "b0": np.zeros(4)} | SETTINGS,
        names("X", "y", "batch_size", "epochs", "loss") | WRONG_RATES_OF_FOUR,
    ),
}


CALLS = [
    pytest.param(function, arguments, name, *case, id=f"{function.__name__}-{name}-{k}")
    for function, (arguments, table) in WRONG_CALLS.items()
    for name in table
    for k, case in enumerate(table[name])
]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("function", "arguments", "name", "value", "error", "message"), CALLS)
def test_wrong_arguments_of_other_functions(function, arguments, name, value, error, message, backend):
    copies = {key: np.copy(one) if isinstance(one, np.ndarray) else one for key, one in arguments.items()}
    with pytest.raises(error, match="^" + message) as caught:
        function(**copies | {"backend": backend, name: value})
    assert "accepted: " in str(caught.value)
    for key, one in arguments.items():
        np.testing.assert_array_equal(copies[key], one)


# Values that aren't finite, among many


@pytest.mark.parametrize("at", [(0, 0), (1, 500), (399, 299)])
@pytest.mark.parametrize("layout", [np.array, np.asfortranarray, lambda X: X[::-1, ::-2]], ids=["C", "F", "strided"])
def test_the_first_value_that_is_not_finite_is_named(layout, at):
    X = layout(np.ones((400, 600), np.float32))
    row, column = at[0], min(at[1], X.shape[1] - 1)
    X[row, column:], X[row + 1 :] = NAN, INF
    assert arrays.place_not_finite(X) == (row, column) == tuple(np.argwhere(~np.isfinite(X))[0])
    with pytest.raises(ValueError, match=rf"^X\[{row}, {column}\] is nan; accepted: finite values$"):
        arrays.check_finite("X", X)


@pytest.mark.parametrize("value", [NAN, 3e38])
def test_no_more_is_allocated_to_look_for_values_that_are_not_finite(value):
    """Of all of them, and of numbers whose sum isn't finite."""
    X = np.full((2000, 1000), value, np.float32)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"X\[0, 0\] is nan") if value is NAN else nullcontext():
            arrays.check_finite("X", X)
        assert tracemalloc.get_traced_memory()[1] < X.nbytes / 20
    finally:
        tracemalloc.stop()
