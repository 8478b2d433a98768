"""Tables of pandas and sparse matrices of SciPy as data: the results of the same NumPy arrays, or an error that names
what is wrong."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch

import kernels
from kernels.arguments import arrays
from kernels.results import LogitPlane
from logreg import LogisticRegression, LossSurface, accuracy, study_starts, train

N, D = 12, 3
rng = np.random.default_rng(5)
INTEGERS, FLOATS, FLAGS = rng.integers(-9, 9, N), rng.normal(size=N), rng.integers(2, size=N) == 1
Y, WEIGHT = rng.integers(2, size=N), rng.integers(1, 5, N)
X = np.column_stack([INTEGERS, FLOATS, FLAGS]).astype(float)
AXIS = np.array([-1.0, 0.0, 2.0])
RUN = {"lr": 0.1, "batch_size": 5, "epochs": 2}

BACKINGS = {  # dtypes of integers, floats and booleans
    "numpy": ("int64", "float64", "bool"),
    "nullable": ("Int64", "Float64", "boolean"),
    "nullable, short": ("Int8", "Float64", "boolean"),
    "pyarrow": ("int64[pyarrow]", "double[pyarrow]", "bool[pyarrow]"),
    "mixed": ("uint8[pyarrow]", "Float64", "bool"),
}
BACKING = pytest.mark.parametrize("backing", BACKINGS)


def table(backing):
    """A frame of X, a column of labels and one of weights."""
    integer, number, flag = BACKINGS[backing]
    values = INTEGERS + 9 if integer.startswith("u") else INTEGERS
    columns = {"count": pd.Series(values, dtype=integer), "size": pd.Series(FLOATS, dtype=number)}
    frame = pd.DataFrame(columns | {"flag": pd.Series(FLAGS, dtype=flag)})
    return frame, pd.Series(Y, dtype=integer), pd.Series(WEIGHT, dtype=integer)


def same(got, want):
    """Whether results are the same to the bit: arrays, numbers, tuples of these, or objects with such fields."""
    if isinstance(want, (tuple, list)):
        return len(got) == len(want) and all(map(same, got, want))
    if isinstance(want, dict):
        return got.keys() == want.keys() and all(same(got[name], want[name]) for name in want)
    if hasattr(want, "__dataclass_fields__"):
        return same(vars(got), vars(want))
    if isinstance(want, (np.ndarray, np.generic)):
        return got.dtype == want.dtype and got.tobytes() == want.tobytes()
    return got == want


def stepped(X, y, weight):
    w, b = np.ones(D), np.zeros(1)
    return kernels.sgd_step_(X, y, w, b, lr=0.1, sample_weight=weight), w, b


def run(X, y, weight):
    w, b = np.ones(D), np.zeros(1)
    return kernels.sgd_run_(X, y, w, b, **RUN), w, b


def trained(X, y, weight):
    torch.manual_seed(0)
    model = LogisticRegression(D).double()
    history = train(model, (X, y), **RUN)
    around = LossSurface.around(history, (X, y), extent=1, resolution=4)
    return history, accuracy(model, (X, y)), around.loss


def one(X):
    """One feature of a table or an array."""
    return X["size"] if isinstance(X, pd.DataFrame) else X[:, 1].copy()


def plane(X, column=lambda values: values):
    return LogitPlane(*(column(one(X)) for _ in range(3)))


FUNCTIONS = {
    "loss_surface": lambda X, y, weight: kernels.loss_surface(one(X), y, AXIS, AXIS),
    "logit_plane": lambda X, y, weight: kernels.logit_plane(X, *np.eye(D + 1)[:3]),
    "blocks": lambda X, y, weight: kernels.surface_on_plane(
        kernels.logit_plane([(X, y)], *np.eye(D + 1)[:3]), None, AXIS, AXIS
    ),
    "surface_on_plane": lambda X, y, weight: kernels.surface_on_plane(plane(X), y, AXIS, AXIS, sample_weight=weight),
    "plan_surface": lambda X, y, weight: kernels.plan_surface(plane(X), y, AXIS, AXIS, sample_weight=weight),
    "bce_loss_grad": lambda X, y, weight: kernels.bce_loss_grad(X, y, np.ones(D), 0.0, sample_weight=weight),
    "by reference": lambda X, y, weight: kernels.bce_loss_grad(X, y, np.ones(D), 0.0, backend="reference"),
    "sgd_step_": stepped,
    "sgd_run_": run,
    "sgd_ensemble": lambda X, y, weight: kernels.sgd_ensemble(X, y, np.ones((2, D)), np.zeros(2), **RUN),
    "logreg": trained,
    "LossSurface.compute": lambda X, y, weight: LossSurface.compute((one(X), y), 5, 5, resolution=4).Z,
    "study_starts": lambda X, y, weight: study_starts((one(X), y), 5, 5, 4, **RUN, seed=0),
}
FUNCTION = pytest.mark.parametrize("function", FUNCTIONS)


@FUNCTION
@BACKING
def test_tables_give_what_arrays_give(function, backing):
    frame, y, weight = table(backing)
    x = np.asfortranarray(
        X + 9 * (backing == "mixed") * np.eye(D)[0]
    )  # as frames are: runs round by the order in memory
    call = FUNCTIONS[function]
    assert same(call(frame, y, weight), call(x, Y.astype(float), WEIGHT.astype(float)))


@pytest.mark.parametrize(
    "weights",
    [pd.Series([1, 2, 3], dtype="Int64"), pd.array([1, 2, 3], dtype="Int64"), pd.Index([1, 2, 3])],
    ids=lambda weights: type(weights).__name__,
)
def test_parameters_and_axes_in_columns(weights):
    array = np.array([1.0, 2.0, 3.0])
    assert same(kernels.bce_loss_grad(X, Y, weights, 0.5), kernels.bce_loss_grad(X, Y, array, 0.5))
    assert same(kernels.loss_surface(FLOATS, Y, weights, AXIS), kernels.loss_surface(FLOATS, Y, array, AXIS))


@pytest.mark.parametrize("kind", ["float32", "Float32", "float[pyarrow]"])
def test_a_table_of_float32_is_float32(kind):
    single = X.astype(np.float32)
    frame = pd.DataFrame(single).astype(kind)
    array = arrays.array_of("X", frame)  # by rows or by columns, whose sums are rounded differently
    assert same(array, single)
    assert same(kernels.bce_loss_grad(frame, Y, np.ones(D), 0.0), kernels.bce_loss_grad(array, Y, np.ones(D), 0.0))
    wider = kernels.bce_loss_grad(pd.DataFrame(single).astype({0: kind, 1: "Float64", 2: kind}), Y, np.ones(D), 0.0)
    assert wider.loss.dtype == np.float64


def test_a_frame_of_numpy_columns_is_not_copied():
    frame = pd.DataFrame(np.ones((5, 2)))
    assert np.shares_memory(arrays.array_of("X", frame), frame.to_numpy())


@pytest.mark.parametrize("backing", ["nullable", "pyarrow", "numpy"])
@pytest.mark.parametrize("function", sorted(FUNCTIONS.keys() - {"study_starts", "plan_surface"}))
def test_a_missing_value_is_named_by_row_and_column(function, backing):
    frame, y, weight = table(backing)
    frame.index = [f"row{k}" for k in range(N)]
    y.index = range(100, 100 + N)
    holed, hole = frame.copy(), None if backing != "numpy" else np.nan
    holed.loc["row7", "size"] = hole
    with pytest.raises(ValueError, match=r"\[7(, 1)?\] is missing \(row row7(, column size)?\); accepted: finite"):
        FUNCTIONS[function](holed, y, weight)
    if backing != "numpy" and function != "logit_plane":  # integers can't be missing; labels aren't read
        y.loc[103] = None
        with pytest.raises(ValueError, match=r"y\[3\] is missing \(row 103\); accepted: finite"):
            FUNCTIONS[function](frame, y, weight)


def test_a_missing_value_without_a_row():
    with pytest.raises(ValueError, match=r"^y\[1\] is missing; accepted: finite"):
        kernels.bce_loss_grad(X[:3], pd.array([True, None, False], dtype="boolean"), np.ones(D), 0.0)


def test_infinite_values_are_named_as_in_arrays():
    with pytest.raises(ValueError, match=r"^X\[4, 1\] is inf; accepted: finite"):
        kernels.bce_loss_grad(pd.DataFrame(X).replace({1: {X[4, 1]: np.inf}}), Y, np.ones(D), 0.0)


@pytest.mark.parametrize(
    ("column", "dtype"),
    [
        (pd.Series(["1"] * N), "str|object"),
        (pd.Series(["1"] * N, dtype="string"), "string"),
        (pd.Series(FLAGS, dtype="category"), "category"),
        (pd.to_datetime(pd.Series(INTEGERS)), "datetime64"),
        (pd.Series([1.0] * N, dtype="float16"), "float16"),
        (pd.Series([1j] * N), "complex128"),
        (pd.Series([None] * N, dtype=object), "object"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_columns_that_are_no_numbers(column, dtype):
    frame = pd.DataFrame({"good": FLOATS, "bad": column})
    with pytest.raises(TypeError, match=rf"^X has column 'bad' of dtype .*({dtype}).*; accepted: float32 or float64"):
        kernels.bce_loss_grad(frame, Y, np.ones(2), 0.0)
    with pytest.raises(TypeError, match=rf"^y has dtype .*({dtype}).*; accepted: "):
        kernels.bce_loss_grad(X, column, np.ones(D), 0.0)


def test_what_is_updated_is_no_table():
    with pytest.raises(TypeError, match="w is a Series; accepted: an array or tensor"):
        kernels.sgd_step_(X, Y, pd.Series([1.0] * D), np.zeros(1), lr=0.1)


# Sparse matrices

SPARSE = [
    getattr(scipy.sparse, f"{kind}_{form}")
    for kind in ("bsr", "coo", "csc", "csr", "dia", "dok", "lil")
    for form in ("matrix", "array")
]
MADE = pytest.mark.parametrize("make", SPARSE, ids=lambda make: make.__name__)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@MADE
def test_logit_plane_of_sparse_features(make, dtype):
    rng = np.random.default_rng(1)
    dense = (rng.normal(size=(50, 20)) * (rng.random((50, 20)) < 0.2)).astype(dtype)
    thetas = rng.normal(size=(3, 21))
    got, want = kernels.logit_plane(make(dense), *thetas), kernels.logit_plane(dense, *thetas)
    for one, other in zip(got, want, strict=True):
        assert (type(one), one.dtype, one.shape) == (np.ndarray, dtype, (50,))
        np.testing.assert_allclose(one, other, rtol=1e-6 if dtype == np.float32 else 1e-14, atol=1e-14)
    y = rng.integers(2, size=50)
    (block,) = kernels.logit_plane([(make(dense), y)], *thetas)
    assert same(block, (got, y))


def test_wide_sparse_features():
    """A million features: nothing as long as n x d."""
    X = scipy.sparse.random_array((300, 1_000_000), density=1e-5, format="csr", rng=np.random.default_rng(0))
    theta = np.random.default_rng(1).normal(size=(3, 1_000_001))
    want = X @ theta[:, :-1].T + theta[:, -1]
    np.testing.assert_allclose(kernels.logit_plane(X, *theta), want.T, rtol=1e-12)


@pytest.mark.parametrize("make", [scipy.sparse.csr_array, scipy.sparse.csc_matrix, scipy.sparse.coo_array])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_sparse_features_that_are_not_finite(make, value):
    dense = np.eye(6, 4)
    dense[3, 1] = value
    with pytest.raises(ValueError, match=rf"^X\[3, 1\] is {value}; accepted: finite"):
        kernels.logit_plane(make(dense), *np.eye(5)[:3])


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (scipy.sparse.csr_array(np.eye(3, dtype=int)), TypeError, r"X has dtype int64; accepted: float32 or float64"),
        (scipy.sparse.csr_array(np.eye(3, dtype=complex)), TypeError, r"X has dtype complex128"),
        (scipy.sparse.csr_array((0, 3)), ValueError, r"X has shape \(0, 3\); accepted: \(n, d\)"),
        (scipy.sparse.coo_array(np.ones(3)), ValueError, r"X has shape \(3,\); accepted: \(n, d\)"),
        (scipy.sparse.csr_array(np.eye(4)), ValueError, r"center has shape \(4,\); accepted: \(5,\)"),
    ],
)
def test_wrong_sparse_features(X, error, message):
    with pytest.raises(error, match=f"^{message}"):
        kernels.logit_plane(X, *np.eye(4)[:3])


@pytest.mark.parametrize("name", ["csr_matrix", "coo_array", "dok_matrix"])
@pytest.mark.parametrize("function", sorted(FUNCTIONS.keys() - {"logit_plane", "blocks"}))
def test_sparse_data_is_refused_by_name(function, name):
    make = getattr(scipy.sparse, name)
    sparse = make(X[:, 1:2]) if function in ("loss_surface", "LossSurface.compute", "study_starts") else make(X)
    message = rf"(X|x) is a scipy\.sparse {name}; accepted: a dense array, as .*\.toarray\(\) gives$"
    if function in ("surface_on_plane", "plan_surface"):
        with pytest.raises(TypeError, match=message.replace("(X|x)", r"plane\.offset")):
            kernels.surface_on_plane(LogitPlane(*[sparse] * 3), Y, AXIS, AXIS)
        return
    call = {
        "loss_surface": lambda: kernels.loss_surface(sparse, Y, AXIS, AXIS),
        "LossSurface.compute": lambda: LossSurface.compute((sparse, Y), 5, 5, resolution=4),
        "study_starts": lambda: study_starts((sparse, Y), 5, 5, 4, **RUN, seed=0),
    }.get(function, lambda: FUNCTIONS[function](sparse, Y, None))
    with pytest.raises(TypeError, match=message):
        call()


@pytest.mark.parametrize("name", ["y", "sample_weight", "w"])
def test_other_sparse_arguments(name):
    arguments = {"X": X, "y": Y, "w": np.ones(D), "b": 0.0, "sample_weight": WEIGHT}
    arguments[name] = scipy.sparse.csr_array(np.ones((1, N)))
    X_, y, w, b = (arguments.pop(key) for key in ("X", "y", "w", "b"))
    with pytest.raises(TypeError, match=rf"^{name} is a scipy\.sparse csr_array; accepted: a dense array"):
        kernels.bce_loss_grad(X_, y, w, b, **arguments)


@pytest.mark.parametrize("data", [scipy.sparse.csr_array(X), pd.DataFrame(X)], ids=["csr_array", "DataFrame"])
def test_linear_bce_takes_tensors_alone(data):
    w, b = torch.ones(D, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)
    with pytest.raises(TypeError, match=rf"^X is a {type(data).__name__}; accepted: a tensor"):
        kernels.linear_bce(data, w, b, torch.from_numpy(Y))
