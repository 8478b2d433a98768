"""What the lab allocates beside its data: some of it at a time, and no copies."""

import tracemalloc
from functools import partial

import numpy as np
import pytest
import torch

import logreg.data
from kernels.losses import LOSSES
from kernels.numba_cpu.training import update
from logreg import LossLine, LossSurface, accuracy, sharpness, train
from logreg.choices import DIRECTIONS
from logreg.model import seeded_model
from logreg.penalised import train_penalised
from tests import oracle, problems

VALUES, LOGITS = 2**14, 2**12
N, D = 10_000, 100
SETTINGS = {"lr": 0.1, "batch_size": 500, "epochs": 3}
GRID = {"extent": 1.0, "resolution": 5}


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """As small beside this data as blocks are beside data that is large."""
    for module in (logreg.data, logreg.samples, logreg.scores):
        monkeypatch.setattr(module, "VALUES_AT_ONCE", VALUES)
    monkeypatch.setattr(logreg.scores, "LOGITS_AT_ONCE", LOGITS)
    monkeypatch.setattr(update, "LAUNCH_OPERATIONS", VALUES)


def data_of(n, d, dtype=np.float32):
    return problems.sgd_problem(n, d, dtype)[:2]


def trained(data, **settings):
    return train(seeded_model(data[0].shape[1], 0).to(torch.from_numpy(data[0]).dtype), data, **SETTINGS, **settings)


def peak_of(call):
    """Bytes of arrays in a call, at the peak; of a second call, as the first imports and compiles."""
    call()
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


# {name: the call that is measured, of a History and its data}
CALLS = {
    "train": lambda history, data: trained(data),
    "train, shuffled": lambda history, data: trained(data, shuffle_seed=0, momentum=0.9),
    "train_penalised": lambda history, data: train_penalised(seeded_model(D, 0), data, lr=0.1, steps=2, l2=0.1),
    "full_loss": lambda history, data: history.full_loss(),
    "full_accuracy": lambda history, data: history.full_accuracy(),
    "end_loss": lambda history, data: history.end_loss,
    "accuracy": lambda history, data: accuracy(seeded_model(D, 0), data),
    "line": lambda history, data: LossLine.between(seeded_model(D, 0), history, data, resolution=5),
    "sharpness": lambda history, data: sharpness(seeded_model(D, 0), data),
    **{
        f"around, {kind}": partial(
            lambda history, data, kind: LossSurface.around(history, data, directions=kind, **GRID), kind=kind
        )
        for kind in DIRECTIONS
    },
}


@pytest.mark.parametrize("name", CALLS)
def test_nothing_as_large_as_the_data_is_allocated(name):
    data = data_of(N, D)
    call = partial(CALLS[name], trained(data), data)
    assert peak_of(call) < data[0].nbytes / 4


def test_axes_take_no_matrix():
    """The matrix would take twice as much as this data."""
    data = data_of(1000, 1000)
    call = partial(LossSurface.around, seeded_model(1000, 0), data, directions="axes", **GRID)
    assert peak_of(call) < data[0].nbytes / 4


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("name", ["full_loss", "full_accuracy"])
def test_features_are_read_once_for_as_many_parameters_as_are_taken_at_once(name, loss, monkeypatch):
    data = data_of(1500, 4)
    history, read = train(seeded_model(4, 0), data, **SETTINGS | {"batch_size": 100}, loss=loss), []

    def spy(x, *most, original=logreg.scores.blocks):
        for rows, features in original(x, *most):
            read.append(len(features))
            yield rows, features

    monkeypatch.setattr(logreg.scores, "blocks", spy)
    values = {}
    for logits in (LOGITS, LOGITS // 4):
        monkeypatch.setattr(logreg.scores, "LOGITS_AT_ONCE", logits)
        read.clear()
        values[logits] = getattr(history, name)()
        passes = -(-len(history.b) // (logits // logreg.scores.LEAST_ROWS))
        assert sum(read) == passes * len(data[1])
        assert len(read) > passes
    assert len(history.b) == 45
    np.testing.assert_allclose(values[LOGITS], values[LOGITS // 4], rtol=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("loss", LOSSES)
def test_losses_of_more_rows_than_are_taken_at_once(loss, dtype):
    X, y = data_of(1500, 7, dtype)
    weight = np.random.default_rng(0).exponential(size=len(y))
    X1 = np.column_stack([X, np.ones(len(X))]).astype(np.float64)
    for factor, weights in ((1.0, {}), (weight, {"sample_weight": weight})):
        history = trained((X, y), loss=loss, **weights)
        path = np.column_stack([history.w, history.b]).astype(np.float64)
        want = [oracle.cost_and_gradient(X1, y.astype(np.float64), theta, loss, factor)[0] for theta in path]
        assert len(want) == 9
        np.testing.assert_allclose(history.full_loss(), want, rtol=1e-13)


@pytest.mark.parametrize("directions", ["axes", "random", "hessian"])
def test_surfaces_of_float32_are_those_of_the_same_numbers_in_float64(directions):
    """So nothing is rounded on the way, and blocks are put together in their order."""
    X, y = data_of(1500, 30)
    model = seeded_model(30, 0)
    settings = GRID | {"directions": directions, "seed": 0, "quantities": ("loss", "gradient", "accuracy")}
    narrow, wide = (LossSurface.around(model, (features, y), **settings) for features in (X, X.astype(np.float64)))
    for name in settings["quantities"]:
        np.testing.assert_array_equal(getattr(narrow, name), getattr(wide, name))
    theta = wide.plane.center + wide.s[1] * wide.plane.s_direction + wide.t[3] * wide.plane.t_direction
    X1 = np.column_stack([X, np.ones(len(X))]).astype(np.float64)
    assert wide.loss[3, 1] == pytest.approx(oracle.cost_and_gradient(X1, y.astype(np.float64), theta)[0], rel=1e-12)


def test_a_history_has_the_data_itself():
    X, y = data_of(50, 3)
    history = trained((X, y))
    trained_accuracy = history.full_accuracy()
    assert history.x is X
    assert np.shares_memory(history.y, y)
    penalised = train_penalised(seeded_model(3, 0), (X, y), lr=0.1, steps=2, l2=0.1)
    assert penalised.x is X
    y[:] = 1 - y
    np.testing.assert_allclose(history.full_accuracy(), 1 - trained_accuracy, rtol=1e-14)
