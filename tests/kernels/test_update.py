"""`sgd_run_` held to its contract: every step of its history against eager PyTorch, in place, and how it diverges."""

import math
import re

import numpy as np
import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

import kernels
from kernels.losses import LOSSES
from kernels.numba_cpu.training import gradient, update
from tests import oracle, problems
from tests.training import TORCH_LOSSES, run

BACKENDS = ("numba", "reference")
COMPILED = pytest.param("torch", marks=pytest.mark.long, id="torch compiled")
COSTS = tuple(LOSSES)
DIMENSIONS = (1, 2, 7, 8, 9, 16, 30)
LAB = {"lr": 2.0, "batch_size": 3, "epochs": 100}


def eager_path(problem, *, history=1, **settings):
    """Parameters (k, d + 1) after each kept step of torch.optim.SGD, and the minibatch's loss before it, in float64."""
    path, losses, _ = eager_run(problem, **settings)
    kept = slice(history - 1, None, history)
    return path[kept], losses[kept]


def eager_run(
    problem, *, lr, batch_size, epochs, loss="bce", shuffle_seed=None, sample_weight=None, pos_weight=None, **options
):
    """The path, its losses, and the velocity (d + 1,) at its end, NaN without momentum."""
    X, y, w, b = (torch.from_numpy(v.astype(np.float64)) for v in problem)
    weight = torch.ones_like(y) if sample_weight is None else torch.from_numpy(sample_weight)
    positive = None if pos_weight is None else torch.tensor(pos_weight, dtype=torch.float64)
    w, b = w.requires_grad_(), b.requires_grad_()
    optimiser = torch.optim.SGD([w, b], lr=lr, **options)
    orders = [np.arange(len(y))] * epochs
    if shuffle_seed is not None:
        orders = [np.random.default_rng([shuffle_seed, epoch]).permutation(len(y)) for epoch in range(epochs)]
    path, losses = [], []
    for rows in [order[k : k + batch_size] for order in orders for k in range(0, len(y), batch_size)]:
        z = X[rows] @ w + b
        if loss == "bce":
            value = binary_cross_entropy_with_logits(z, y[rows], weight=weight[rows], pos_weight=positive)
        else:
            value = (weight[rows] * TORCH_LOSSES[loss](z, y[rows])).mean()
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
        path.append(torch.cat([w, b]).detach().clone())
        losses.append(value.detach())
    buffers = [optimiser.state[part].get("momentum_buffer") for part in (w, b)]
    velocity = np.nan if buffers[0] is None else torch.cat(buffers).numpy()
    return torch.stack(path).numpy(), torch.stack(losses).numpy(), velocity


def assert_follows(history, problem, /, **settings):
    """Every step and column of a float64 history within 1e-10 (1 + max|column|) of the eager run."""
    path, losses = eager_path(problem, **settings)
    got = np.column_stack([history.w, history.b, history.loss])
    want = np.column_stack([path, losses])
    assert got.shape == want.shape
    wrong = ~(np.abs(got - want) <= 1e-10 * (1 + np.abs(want).max(axis=0)))
    assert not wrong.any(), f"first wrong (step, column): {np.argwhere(wrong)[0].tolist()}, {wrong.sum()} in all"


# Trajectories


@pytest.mark.parametrize(("backend", "d"), [*(("numba", d) for d in DIMENSIONS), ("reference", 1), ("reference", 9)])
@pytest.mark.parametrize("loss", COSTS)
@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize(("n", "batch_size", "epochs"), [(31, 5, 2), (41, 41, 5)])
def test_history_is_that_of_eager_pytorch(n, batch_size, epochs, soft, loss, backend, d):
    problem = problems.sgd_problem(n, d, soft=soft)
    settings = {"lr": 0.3, "batch_size": batch_size, "epochs": epochs, "loss": loss}
    history, w, b = run(problem, backend, **settings)
    assert [type(field) for field in history] == [np.ndarray] * 3
    assert {field.dtype for field in history} == {np.dtype(np.float64)}
    assert_follows(history, problem, **settings)
    np.testing.assert_array_equal(w, history.w[-1])
    np.testing.assert_array_equal(b, history.b[-1:])


@pytest.mark.parametrize("loss", COSTS)
@pytest.mark.parametrize("d", [1, 2, 9])
@pytest.mark.parametrize("batch_size", [*range(1, 10), 15, 16, 17, 18, 100])
def test_batches_around_the_lane_widths(batch_size, d, loss):
    """Of 17 samples, so that nearly every last batch is shorter; 100 is more than there are."""
    problem = problems.sgd_problem(17, d, soft=batch_size % 2 == 0)
    settings = {"lr": 0.5, "batch_size": batch_size, "epochs": 4, "loss": loss}
    history, _, _ = run(problem, **settings)
    assert len(history.b) == 4 * math.ceil(17 / batch_size)
    assert_follows(history, problem, **settings)


@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize("n", range(1, 11))
def test_the_last_batch_is_averaged_over_its_own_length(n, d):
    for batch_size in (4, 8, 9):
        settings = {"lr": 1.0, "batch_size": batch_size, "epochs": 3}
        problem = problems.sgd_problem(n, d)
        assert_follows(run(problem, **settings)[0], problem, **settings)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("d", [1, 3])
def test_labels_next_to_a_class_keep_their_distance(d, backend):
    """A label 1e-12 away from its class stops the logit at +-log(1e12), which rounding y first would move."""
    problem = problems.sgd_problem(2, d)
    for y in (np.array([1e-12, 1e-12]), np.array([0.0, 5e-324]), np.array([0.5, 0.5]), np.array([1.0, 1 - 1e-12])):
        problem = problem._replace(y=y, b=np.array([10.0]))
        settings = {"lr": 1.0, "batch_size": 1, "epochs": 30}
        assert_follows(run(problem, backend, **settings)[0], problem, **settings)


@pytest.mark.parametrize("loss", COSTS)
@pytest.mark.parametrize("d", [1, 2, 8])
def test_long_runs_from_bad_starts(d, loss):
    """Thousands of steps through saturated sigmoids, where eager PyTorch loses digits too: the NumPy oracle's path."""
    problem = problems.sgd_problem(20, d)._replace(w=np.full(d, -40.0), b=np.array([30.0]))
    settings = {"lr": 0.7, "batch_size": 3, "epochs": 300, "loss": loss}
    history, _, _ = run(problem, **settings)
    for got, want in zip(history, oracle.sgd_path(*problem, **settings), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-9 * (1 + np.abs(want).max()))


@pytest.mark.parametrize("loss", COSTS)
@pytest.mark.parametrize("d", [1, 4])
@pytest.mark.parametrize("backend", BACKENDS)
def test_float32_is_close_to_float64(d, loss, backend):
    wide = problems.sgd_problem(53, d)
    narrow = problems.SGDProblem(*(v.astype(np.float32) for v in wide))
    exact = problems.SGDProblem(*(v.astype(np.float64) for v in narrow))
    settings = {"lr": 0.3, "batch_size": 5, "epochs": 5, "loss": loss}
    history, w, b = run(narrow, backend, **settings)
    want, _, _ = run(exact, "reference", **settings)
    for got, truth in zip(history, want, strict=True):
        assert got.dtype == np.float32
        allowed = np.spacing(np.abs(truth).max().astype(np.float32)) * (0.51 if backend == "numba" else 200)
        assert np.abs(got - truth).max() <= allowed
    assert w.dtype == b.dtype == np.float32
    np.testing.assert_array_equal(w, history.w[-1])
    np.testing.assert_array_equal(b, history.b[-1:])


# The lab


@pytest.mark.parametrize("dtype", problems.DTYPES)
@pytest.mark.parametrize("backend", BACKENDS)
def test_lab(backend, dtype):
    x, y = problems.lab_data(dtype)
    w, b = np.array([5.0], dtype), np.array([10.0], dtype)
    history = kernels.sgd_run_(x[:, None], y, w, b, backend=backend, **LAB)
    assert [field.shape for field in history] == [(700, 1), (700,), (700,)]
    assert w[0] == pytest.approx(15.6832, abs=1e-4)
    assert b[0] == pytest.approx(-3.8269, abs=1e-4)
    assert history.loss[-1] == pytest.approx(9.877e-5, rel=1e-3)
    assert (((w[0] * x + b[0]) > 0) == (y > 0.5)).all()


def test_lab_history_is_that_of_the_eager_float32_run():
    x, y = problems.lab_data()
    problem = problems.SGDProblem(x[:, None], y, np.float32([5]), np.float32([10]))
    compiled, eager = (run(problem, backend, **LAB)[0] for backend in BACKENDS)
    for got, want in zip(compiled, eager, strict=True):
        np.testing.assert_allclose(got, want, rtol=0, atol=1e-4)


def test_lab_start_first_is_correct_at_step_10():
    x, y = problems.lab_data()
    history = kernels.sgd_run_(x[:, None], y, np.float32([-0.00749]), np.float32([0.53644]), **LAB)
    assert oracle.first_all_correct(x[:, None], y, history.w, history.b) == 9  # steps count from 1


# Momentum, weight decay, order, history

OPTIONS = (
    {"momentum": 0.9},
    {"weight_decay": 0.2},
    {"shuffle_seed": 0},
    {"history": 3},
    {"momentum": 0.7, "weight_decay": 0.01, "shuffle_seed": 12, "history": 4},
)


@pytest.mark.parametrize(("backend", "d"), [("numba", 1), ("numba", 2), ("numba", 9), ("reference", 2)])
@pytest.mark.parametrize("loss", COSTS)
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("batch_size", [3, 8, 41])
def test_options_are_those_of_torch(batch_size, options, loss, backend, d):
    problem = problems.sgd_problem(41, d, soft=True)
    settings = {"lr": 0.3, "batch_size": batch_size, "epochs": 5, "loss": loss, **options}
    history, w, b = run(problem, backend, **settings)
    assert_follows(history, problem, **settings)
    path, _ = eager_path(problem, **settings | {"history": 1})
    np.testing.assert_allclose([*w, *b], path[-1], rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("steps", [1, 2, 5, 7])
@pytest.mark.parametrize("d", [1, 3])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_options_however_the_run_is_launched(options, d, steps, monkeypatch):
    problem = problems.sgd_problem(20, d)
    settings = {"lr": 0.3, "batch_size": 3, "epochs": 4, **options}
    want, *ends = run(problem, **settings)
    monkeypatch.setattr(update, "LAUNCH_OPERATIONS", steps * update.operations(3, d))
    got, *others = run(problem, **settings)
    for one, other in zip([*got, *others], [*want, *ends], strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("d", [1, 3])
@pytest.mark.parametrize("history", [0, 28, 29, 10**9])
def test_a_history_of_one_step_or_none(history, d, backend):
    problem = problems.sgd_problem(20, d)
    settings = {"lr": 0.3, "batch_size": 3, "epochs": 4, "backend": backend}
    want, w, b = run(problem, **settings)
    got, *ends = run(problem, **settings, history=history)
    kept = 1 if history == 28 else 0
    assert [field.shape for field in got] == [(kept, d), (kept,), (kept,)]
    for one, other in zip([*got, *ends], [*(field[28 - kept :] for field in want), w, b], strict=True):
        np.testing.assert_array_equal(one, other)


def test_histories_are_as_long_as_what_is_kept():
    """10**12 steps of 24 bytes don't fit; a history of none of them does, and is interrupted."""
    problem = problems.sgd_problem(3, 1)
    with pytest.raises(MemoryError):
        run(problem, lr=0.1, batch_size=1, epochs=10**12)

    def stop(done, total):
        raise RuntimeError(f"{total} steps")

    with pytest.raises(RuntimeError, match=f"{3 * 10**12} steps"):
        run(problem, lr=0.1, batch_size=1, epochs=10**12, history=0, progress=stop)


# Weights of the samples and of the positive class


def weights_of(n, seed=0):
    """Weights of which some are 0, those of the samples from 8 to 15 among them."""
    weight = np.random.default_rng(seed).exponential(size=n)
    weight[8:16] = weight[::5] = 0.0
    return weight


WEIGHTS = (
    {"sample_weight": weights_of(41)},
    {"pos_weight": 2.5},
    {"sample_weight": weights_of(41, 1), "pos_weight": 0.25, "shuffle_seed": 4},
    {"sample_weight": weights_of(41, 2), "momentum": 0.9, "weight_decay": 0.01, "history": 3},
)


@pytest.mark.parametrize(("backend", "d"), [("numba", 1), ("numba", 2), ("numba", 30), ("reference", 2)])
@pytest.mark.parametrize("weights", WEIGHTS, ids=["samples", "positive", "both shuffled", "with momentum"])
@pytest.mark.parametrize("batch_size", [3, 8, 41])
@pytest.mark.parametrize("soft", [False, True])
def test_weights_are_those_of_torch(soft, batch_size, weights, backend, d):
    """Batches of 8 have one whose weights are all 0."""
    problem = problems.sgd_problem(41, d, soft=soft)
    settings = {"lr": 0.2, "batch_size": batch_size, "epochs": 4, **weights}
    assert_follows(run(problem, backend, **settings)[0], problem, **settings)


@pytest.mark.parametrize(("backend", "d"), [("numba", 1), ("numba", 2), ("reference", 2)])
def test_weights_of_squared_errors(backend, d):
    problem = problems.sgd_problem(41, d, soft=True)
    settings = {"lr": 0.4, "batch_size": 8, "epochs": 4, "loss": "mse", "sample_weight": weights_of(41)}
    assert_follows(run(problem, backend, **settings)[0], problem, **settings)


@pytest.mark.parametrize("d", [1, 2, 30])
def test_weights_of_float32_runs(d):
    """Computed in float64 and rounded once."""
    problem = problems.SGDProblem(*(v.astype(np.float32) for v in problems.sgd_problem(41, d, soft=True)))
    settings = {"lr": 0.2, "batch_size": 8, "epochs": 4, "sample_weight": weights_of(41), "pos_weight": 1.7}
    history, *_ = run(problem, **settings)
    path, losses = eager_path(problem, **settings)
    for got, want in zip(history, (path[:, :-1], path[:, -1], losses), strict=True):
        assert got.dtype == np.float32
        assert np.abs(got - want).max() <= 0.51 * np.spacing(np.abs(want).max().astype(np.float32))


@pytest.mark.parametrize("seed", [None, 2])
def test_weights_in_large_batches(seed, monkeypatch):
    """That all threads share, and whose rows are gathered in pieces."""
    problem = problems.sgd_problem(700, 30, soft=True)
    settings = {"lr": 0.2, "batch_size": 300, "epochs": 3, "shuffle_seed": seed}
    settings |= {"sample_weight": weights_of(700), "pos_weight": 3.0, "momentum": 0.5}
    monkeypatch.setattr(update, "LARGE_BATCH", 1000)
    monkeypatch.setattr(update, "GATHERED", 2000)
    assert_follows(run(problem, **settings)[0], problem, **settings)


@pytest.mark.parametrize("weights", [{"sample_weight": np.full(20, 1e40)}, {"pos_weight": 1e40}])
def test_weights_that_the_reference_cannot_hold(weights):
    problem = problems.sgd_problem(20, 2, np.float32)
    w, b = problem.w.copy(), problem.b.copy()
    with pytest.raises(ValueError, match=r"^a weight of a sample is 1e\+40; accepted: weights in the range of float32"):
        kernels.sgd_run_(problem.X, problem.y, w, b, lr=0.1, batch_size=3, epochs=1, backend="reference", **weights)
    np.testing.assert_array_equal(w, problem.w)


@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize("backend", BACKENDS)
def test_weights_of_one_change_nothing(backend, d):
    problem = problems.sgd_problem(20, d)
    settings = {"lr": 0.3, "batch_size": 3, "epochs": 3}
    want, *_ = run(problem, backend, **settings)
    got, *_ = run(problem, backend, **settings, sample_weight=np.ones(20, int), pos_weight=np.array([1]))
    for one, other in zip(got, want, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize("loss", COSTS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_samples_of_no_weight_count_for_nothing(backend, loss, d):
    """Not even where their logits overflow."""
    problem = problems.sgd_problem(20, d)
    weight = np.ones(20)
    weight[::4] = 0.0
    huge = problem.X.copy()
    huge[::4] = 1.7e308
    settings = {"lr": 0.3, "batch_size": 3, "epochs": 3, "loss": loss, "sample_weight": weight}
    far = problem._replace(w=np.full(d, 5.0))
    want, got = run(far, backend, **settings)[0], run(far._replace(X=huge), backend, **settings)[0]
    for one, other in zip(got, want, strict=True):
        np.testing.assert_array_equal(one, other)


# Runs that go on


@pytest.mark.parametrize("dtype", problems.DTYPES)
@pytest.mark.parametrize("d", [1, 2, 9])
@pytest.mark.parametrize("batch_size", [3, 8, 41])
@pytest.mark.parametrize("seed", [None, 5])
def test_two_runs_are_one(seed, batch_size, d, dtype):
    """To the bit, of float32 data too."""
    problem = problems.sgd_problem(41, d, dtype, soft=True)
    settings = {"lr": 0.3, "batch_size": batch_size, "momentum": 0.9, "weight_decay": 0.01, "shuffle_seed": seed}
    whole, *ends = run(problem, **settings, epochs=10)
    w, b = problem.w.copy(), problem.b.copy()
    first = kernels.sgd_run_(problem.X, problem.y, w, b, **settings, epochs=5)
    assert first.velocity.shape == ((d + 1,) if dtype == np.float64 else (2, d + 1))
    before = first.velocity.copy()
    second = kernels.sgd_run_(problem.X, problem.y, w, b, **settings, epochs=5, velocity=before, first_epoch=5)
    np.testing.assert_array_equal(before, first.velocity)
    for one, *parts in zip(whole, first, second, strict=True):
        np.testing.assert_array_equal(one, np.concatenate(parts))
    for one, other in zip([*ends, whole.velocity], [w, b, second.velocity], strict=True):
        np.testing.assert_array_equal(one, other)


def test_two_runs_in_large_batches_are_one(monkeypatch):
    monkeypatch.setattr(update, "LARGE_BATCH", 1000)
    test_two_runs_are_one(3, 30, 9, np.float32)


def in_pieces(problem, pieces, **settings):
    """The runs of so many epochs each, every one with what the one before returned and nothing else."""
    w, b, on, runs = problem.w.copy(), problem.b.copy(), {}, []
    for epochs in pieces:
        runs.append(kernels.sgd_run_(problem.X, problem.y, w, b, **settings, epochs=epochs, **on))
        on = {"velocity": runs[-1].velocity, "first_epoch": runs[-1].epoch}
    return runs, w, b


WEIGHTED = {"sample_weight": np.linspace(0, 2, 41), "pos_weight": 2.5, "weight_decay": 0.01}


@pytest.mark.parametrize("dtype", problems.DTYPES)
@pytest.mark.parametrize("d", [1, 2, 9])
@pytest.mark.parametrize("batch_size", [3, 41])
@pytest.mark.parametrize("options", [{}, WEIGHTED | {"shuffle_seed": 5}, {"shuffle_seed": 0}], ids=len)
def test_a_run_in_three_pieces_is_one(options, batch_size, d, dtype):
    """To the bit; pieces of other lengths, so that a piece counts those before it and not itself alone."""
    problem = problems.sgd_problem(41, d, dtype, soft=True)
    settings = {"lr": 0.3, "batch_size": batch_size, "momentum": 0.9} | options
    runs, *ends = in_pieces(problem, (2, 0, 1, 4), **settings)
    whole, *others = run(problem, **settings, epochs=7)
    assert [piece.epoch for piece in runs] == [2, 2, 3, 7]
    assert whole.epoch == 7
    for one, *parts in zip(whole, *runs, strict=True):
        np.testing.assert_array_equal(one, np.concatenate(parts))
    for one, other in zip([*others, whole.velocity], [*ends, runs[-1].velocity], strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("tensors", [False, True])
@pytest.mark.parametrize("options", [{}, {"shuffle_seed": 2}, {"history": 0}], ids=str)
def test_the_epoch_is_those_before_and_those_of_the_run(options, tensors, backend):
    """By the short way, too, which a backend that is named doesn't take; as int, whatever first_epoch is."""
    X, y, w, b = (torch.from_numpy(v) if tensors else v for v in problems.sgd_problem(20, 3))
    settings = {"lr": 0.3, "batch_size": 3, **options}
    for chosen in (None, backend):
        for first, epochs in ((0, 2), (5, 3), (np.int64(5), 0)):
            path = kernels.sgd_run_(X, y, w, b, **settings, epochs=epochs, first_epoch=first, backend=chosen)
            assert path.epoch == first + epochs
            assert type(path.epoch) is int
            assert len(path) == 3


@pytest.mark.parametrize("how", ["divergence", "Ctrl-C"])
def test_what_was_kept_before_an_end_goes_on(how):
    """As the docstring says: copies of the parameters, with the run's velocity and epoch."""
    problem = problems.sgd_problem(41, 3, np.float32)
    settings = {"lr": 0.3, "batch_size": 3, "momentum": 0.9, "shuffle_seed": 4}
    whole, *ends = run(problem, **settings, epochs=5)
    first, w, b = run(problem, **settings, epochs=2)
    kept, on = (w.copy(), b.copy()), {"velocity": first.velocity, "first_epoch": first.epoch}

    def interrupt(done, total):
        raise KeyboardInterrupt

    wrong = {"lr": 1e38} if how == "divergence" else {"progress": interrupt}
    with pytest.raises((FloatingPointError, KeyboardInterrupt)):
        kernels.sgd_run_(problem.X, problem.y, w, b, **settings | wrong, epochs=3, **on)
    assert (w != kept[0]).any()
    rest = kernels.sgd_run_(problem.X, problem.y, *kept, **settings, epochs=3, **on)
    for one, other in zip([*ends, whole.velocity, whole.epoch], [*kept, rest.velocity, rest.epoch], strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(("backend", "d"), [("numba", 1), ("numba", 3), ("reference", 3)])
@pytest.mark.parametrize("batch_size", [3, 8])
def test_the_velocity_is_that_of_torch(batch_size, backend, d):
    problem = problems.sgd_problem(20, d)
    settings = {"lr": 0.3, "batch_size": batch_size, "epochs": 4, "momentum": 0.7, "weight_decay": 0.1}
    history, *_ = run(problem, backend, **settings)
    *_, want = eager_run(problem, **settings)
    np.testing.assert_allclose(history.velocity, want, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize(("backend", "d"), [("numba", 1), ("numba", 3), ("reference", 3)])
def test_a_run_starts_with_any_velocity(backend, d):
    """One step from (w, b) with the velocity v, the momentum m and no rate but of the velocity: the next is m v + g."""
    problem, v = problems.sgd_problem(20, d), np.arange(1.0, d + 2)
    history, w, _ = run(problem, backend, lr=0.5, batch_size=20, epochs=1, momentum=0.5, velocity=v)
    still, *_ = run(problem, backend, lr=0.5, batch_size=20, epochs=1)
    np.testing.assert_allclose(history.velocity, still.velocity + 0.5 * v, rtol=1e-14)
    np.testing.assert_allclose(w, problem.w - 0.5 * history.velocity[:-1], rtol=1e-13)


def test_changed_parameters_start_as_they_are():
    """What rounding took from those before is not added to them."""
    problem = problems.sgd_problem(20, 2, np.float32)
    settings = {"lr": 0.3, "batch_size": 3, "epochs": 2}
    history, w, b = run(problem, **settings)
    w[0] = 0.75
    velocity = history.velocity.copy()
    velocity[1, 0] = 0.75
    one, other = (
        kernels.sgd_run_(problem.X, problem.y, w.copy(), b.copy(), **settings, velocity=of)
        for of in (history.velocity, velocity)
    )
    for got, want in zip(one, other, strict=True):
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("backend", BACKENDS)
def test_tensors_go_on_with_tensors(backend):
    X, y, w, b = (torch.from_numpy(v) for v in problems.sgd_problem(20, 2, np.float32))
    settings = {"lr": 0.3, "batch_size": 3, "momentum": 0.9, "backend": backend}
    start = w.clone(), b.clone()
    whole = kernels.sgd_run_(X, y, *start, **settings, epochs=4)
    first = kernels.sgd_run_(X, y, w, b, **settings, epochs=2)
    second = kernels.sgd_run_(X, y, w, b, **settings, epochs=2, velocity=first.velocity)
    assert isinstance(second.velocity, torch.Tensor)
    assert second.velocity.dtype == torch.float64
    assert w.equal(start[0])
    assert b.equal(start[1])
    assert whole.velocity.equal(second.velocity)


# Frozen parameters


@pytest.mark.parametrize(("backend", "d"), [("numba", 1), ("numba", 3), ("reference", 3)])
@pytest.mark.parametrize("frozen", ["w", "b"])
@pytest.mark.parametrize("batch_size", [3, 20])
def test_frozen_parameters_stay(batch_size, frozen, backend, d, monkeypatch):
    """And the others move as if they were constants; batches of 20 are large ones."""
    monkeypatch.setattr(update, "LARGE_BATCH", update.operations(20, d))
    problem = problems.sgd_problem(20, d)
    settings = {"lr": 0.3, "batch_size": batch_size, "epochs": 4}
    options = {"momentum": 0.7, "weight_decay": 0.1}
    velocity = np.ones(d + 1)
    history, w, b = run(problem, backend, **settings, **options, frozen=frozen, velocity=velocity)
    X1, theta = np.column_stack([problem.X, np.ones(20)]), np.append(problem.w, problem.b)
    moving = np.append(np.full(d, frozen == "b"), frozen == "w")
    velocity = velocity * moving
    for step in range(len(history.b)):
        rows = slice(*(np.array([0, batch_size]) + step * batch_size % (-(-20 // batch_size) * batch_size)))
        _, gradient = oracle.cost_and_gradient(X1[rows], problem.y[rows], theta)
        velocity = (0.7 * velocity + gradient + 0.1 * theta) * moving
        theta = theta - 0.3 * velocity
        np.testing.assert_allclose([*history.w[step], history.b[step]], theta, rtol=0, atol=1e-12)
    np.testing.assert_allclose(history.velocity, velocity, rtol=0, atol=1e-12)
    stays, started = (w, problem.w) if frozen == "w" else (b, problem.b)
    np.testing.assert_array_equal(stays, started)


# Losses that leave the range


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize("batch_size", [1, 3, 9, 10])
@pytest.mark.parametrize("history", [0, 1])
def test_a_loss_that_overflows_is_a_divergence(history, batch_size, d, backend, monkeypatch):
    """The first step leads to parameters of 1e200 or so, by which the loss of the next is infinite: it isn't taken.
    Batches of 10 are large ones."""
    monkeypatch.setattr(update, "LARGE_BATCH", update.operations(10, d))
    problem = problems.sgd_problem(20, d)
    X, y = np.full((20, d), 1e200), np.arange(20) % 2.0
    w, b = problem.w * 1e-200, np.zeros(1)
    settings = {"lr": 1.0, "batch_size": batch_size, "epochs": 2, "history": history, "backend": backend}
    with np.errstate(all="ignore"), pytest.raises(FloatingPointError, match=r"step 2 of"):
        kernels.sgd_run_(X, y, w, b, **settings)
    reached = problem.w * 1e-200, np.zeros(1)
    first = slice(0, batch_size)
    kernels.sgd_run_(X[first], y[first], *reached, **settings | {"epochs": 1, "backend": "reference"})
    np.testing.assert_allclose(w, reached[0], rtol=1e-12)
    np.testing.assert_allclose(b, reached[1], rtol=1e-12, atol=1e-12)
    assert np.abs(w).max() > 1e198


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize("batch_size", [2, 8])
def test_the_range_of_a_loss_is_that_of_the_data(batch_size, d, backend):
    """float32: finite in float64, where the run computes."""
    X, y = np.full((8, d), 10, np.float32), np.zeros(8, np.float32)
    for loss, raises in (("bce", True), ("mse", False)):
        w, b = np.full(d, 3e38, np.float32), np.zeros(1, np.float32)
        settings = {"lr": 0.0, "batch_size": batch_size, "epochs": 1, "loss": loss, "backend": backend}
        if raises:
            with np.errstate(over="ignore"), pytest.raises(FloatingPointError, match="step 1 of"):
                kernels.sgd_run_(X, y, w, b, **settings)
        else:
            run = kernels.sgd_run_(X, y, w, b, **settings)
            np.testing.assert_allclose(run.loss, 1.0)
        np.testing.assert_array_equal(w, np.float32(3e38))


@pytest.mark.parametrize("steps", [1, 3])
def test_a_loss_that_overflows_ends_any_launch(steps, monkeypatch):
    monkeypatch.setattr(update, "LAUNCH_OPERATIONS", steps * update.operations(3, 1))
    X, y = np.array([1, 1, 1, 1, 1, 1, 1e10, 1, 1])[:, None], np.zeros(9)
    w, b = np.array([1e299]), np.zeros(1)
    with pytest.raises(FloatingPointError, match="step 3 of 3"):
        kernels.sgd_run_(X, y, w, b, lr=1.0, batch_size=3, epochs=1)
    assert w[0] == 1e299
    assert b[0] == pytest.approx(-2)


def beyond_the_range(d):
    """Twelve samples, of which the losses of the last six, of 5e307 each, have means in range but no sums."""
    X = np.random.default_rng(d).normal(size=(12, d))
    X[:, 0] = np.arange(12) >= 6
    w = np.zeros(d)
    w[0] = 5e307
    return X, np.where(X[:, 0] > 0, 0.0, np.arange(12) % 2), w, np.ones(1)


@pytest.mark.usefixtures("graphs")
@pytest.mark.parametrize("backend", ["numba", "torch", COMPILED, "reference"])
@pytest.mark.parametrize("d", [1, 2, 9])
@pytest.mark.parametrize("shuffle_seed", [None, 3])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("large", [False, True])
def test_means_are_in_range_of_sums_that_are_not(large, weighted, shuffle_seed, d, backend, monkeypatch):
    if large:
        monkeypatch.setattr(update, "LARGE_BATCH", 1)
    X, y, w, b = beyond_the_range(d)
    weight = np.linspace(0.5, 1.5, 12)[::-1].copy() if weighted else None
    order = np.arange(12) if shuffle_seed is None else np.random.default_rng([shuffle_seed, 0]).permutation(12)
    settings = {"sample_weight": weight, "shuffle_seed": shuffle_seed, "backend": backend}
    history = kernels.sgd_run_(X, y, w.copy(), b.copy(), lr=0.1, batch_size=6, epochs=1, **settings)
    theta, wide = np.append(w, b).astype(np.longdouble), np.column_stack([X, np.ones(12)]).astype(np.longdouble)
    for step, rows in enumerate((order[:6], order[6:])):
        share = (np.ones(12) if weight is None else weight)[rows] / np.longdouble(6)
        z = wide[rows] @ theta
        loss, slopes = (share * (np.logaddexp(0, z) - y[rows] * z)).sum(), share * (1 / (1 + np.exp(-z)) - y[rows])
        theta = theta - np.longdouble(0.1) * (slopes @ wide[rows])
        assert history.loss[step] == pytest.approx(float(loss), rel=1e-13, abs=0)
        np.testing.assert_allclose(history.w[step], theta[:-1].astype(float), rtol=1e-13, atol=1e-13)
        assert history.b[step] == pytest.approx(float(theta[-1]), rel=1e-12, abs=0)
    assert max(history.loss) > 1e307


@pytest.mark.usefixtures("graphs")
@pytest.mark.parametrize("backend", ["numba", "torch", COMPILED, "reference"])
@pytest.mark.parametrize("d", [1, 2, 9])
@pytest.mark.parametrize("large", [False, True])
def test_gradients_are_in_range_of_sums_that_are_not(large, d, backend, monkeypatch):
    """Their mean is 7.5e307."""
    if large:
        monkeypatch.setattr(update, "LARGE_BATCH", 1)
    X, lr = np.full((12, d), 1.5e308), 2.0**-1023
    w, b = np.zeros(d), np.zeros(1)
    history = kernels.sgd_run_(X, np.zeros(12), w, b, lr=lr, batch_size=12, epochs=1, backend=backend)
    np.testing.assert_allclose(w, -lr * 7.5e307, rtol=1e-14)
    assert history.loss[0] == pytest.approx(np.log(2))
    np.testing.assert_allclose(history.velocity, [*[7.5e307] * d, 0.5], rtol=1e-14)


@pytest.mark.usefixtures("graphs")
@pytest.mark.parametrize("backend", ["numba", "torch", COMPILED])
@pytest.mark.parametrize("large", [False, True])
def test_samples_that_are_right_may_have_infinite_logits(large, backend, monkeypatch):
    """They change nothing, as if they had no weight."""
    if large:
        monkeypatch.setattr(update, "LARGE_BATCH", 1)
    X, y = np.random.default_rng(0).normal(size=(12, 3)), np.arange(12) % 2.0
    X[:, 0], X[::3, 0] = 0.0, np.where(y[::3] > 0, 1e200, -1e200)
    w, b = np.array([1e200, 0.5, -0.5]), np.zeros(1)
    settings = {"lr": 0.1, "batch_size": 6, "epochs": 2, "history": 1}
    history = kernels.sgd_run_(X, y, w.copy(), b.copy(), backend=backend, **settings)
    weight = np.ones(12)
    weight[::3] = 0.0
    X[::3, 0] = 0.0
    want = kernels.sgd_run_(X, y, w.copy(), b.copy(), sample_weight=weight, backend="reference", **settings)
    for got, wanted in zip(history, want, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-13)


@pytest.mark.parametrize("rows", [33, 5000])
def test_sums_of_float32_losses_do_not_overflow(rows):
    """A product of 1 + e^-|z| = 2 for each sample, in float32."""
    for d in range(1, 41):
        X = np.random.default_rng(d).normal(size=(rows, d)).astype(np.float32)
        result = kernels.bce_loss_grad(X, np.ones(rows, np.float32), np.zeros(d, np.float32), np.zeros(1, np.float32))
        assert result.loss == pytest.approx(np.log(2), rel=1e-6), d


# In place, any layout, tensors


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("d", [1, 3])
def test_no_epochs_and_no_rate_change_nothing(d, backend):
    problem = problems.sgd_problem(7, d)
    history, w, b = run(problem, backend, lr=1.0, batch_size=2, epochs=0)
    assert [field.shape for field in history] == [(0, d), (0,), (0,)]
    np.testing.assert_array_equal(w, problem.w)
    np.testing.assert_array_equal(b, problem.b)
    history, w, b = run(problem, backend, lr=0.0, batch_size=2, epochs=2)
    np.testing.assert_array_equal(history.w, np.tile(problem.w, (8, 1)))
    np.testing.assert_array_equal(w, problem.w)
    np.testing.assert_array_equal(b, problem.b)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", problems.DTYPES)
@pytest.mark.parametrize("d", [1, 3])
def test_layouts(d, dtype, backend):
    problem = problems.sgd_problem(20, d, dtype)
    settings = {"lr": 0.3, "batch_size": 3, "epochs": 2, "backend": backend}
    want = kernels.sgd_run_(problem.X, problem.y, problem.w.copy(), problem.b.copy(), **settings)
    for layout in ("contiguous", "strided", "negative", "read-only", "fortran"):
        X, y = (problems.layouts(v)[layout] for v in (problem.X, problem.y))
        w, b = (problems.layouts(v)[layout if layout != "read-only" else "contiguous"] for v in (problem.w, problem.b))
        base = w if w.base is None else w.base
        others = np.isnan(base).sum()
        history = kernels.sgd_run_(X, y, w, b, **settings)
        sums_in_another_order = layout == "fortran" and settings["backend"] == "numba"
        for got, expected in zip(history, want, strict=True):
            if sums_in_another_order:
                np.testing.assert_allclose(got, expected, rtol=0, atol=32 * np.finfo(dtype).eps)
            else:
                np.testing.assert_array_equal(got, expected, err_msg=layout)
        np.testing.assert_array_equal(X, problem.X)
        np.testing.assert_array_equal(y, problem.y)
        np.testing.assert_array_equal(w, history.w[-1])
        np.testing.assert_array_equal(b, history.b[-1:])
        assert np.isnan(base).sum() == others  # what lies between strided parameters


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("d", [1, 3])
def test_steps_that_are_kept_too_rarely_leave_no_history(d, backend):
    """However rarely: the number needn't fit into 64 bits."""
    result = kernels.sgd_run_(
        np.ones((5, d)),
        np.ones(5),
        np.zeros(d),
        np.zeros(1),
        lr=1,
        batch_size=2,
        epochs=3,
        history=2**64,
        backend=backend,
    )
    assert [field.shape for field in result] == [(0, d), (0,), (0,)]


@pytest.mark.parametrize(("d", "kernel"), [(1, "run_one_feature"), (3, "run_features")])
@pytest.mark.parametrize("layout", ["contiguous", "strided", "negative", "fortran"])
def test_data_is_copied_once_at_the_most(layout, d, kernel, monkeypatch):
    """Not in every launch, which would take time that grows with the square of n."""
    launched, run = [], getattr(update, kernel)
    monkeypatch.setattr(update, kernel, lambda *args: launched.append(args) or run(*args))
    monkeypatch.setattr(update, "LAUNCH_OPERATIONS", 1000)
    rng = np.random.default_rng(0)
    X, y = (problems.layouts(a)[layout] for a in (rng.normal(size=(200, d)), rng.uniform(size=200)))
    kernels.sgd_run_(X, y, np.zeros(d), np.zeros(1), lr=0.1, batch_size=4, epochs=3)
    assert len(launched) > 3
    data = [[arg.ctypes.data for arg in args if isinstance(arg, np.ndarray)][:2] for args in launched]
    assert data == data[:1] * len(data)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("d", [1, 3])
def test_parameters_may_be_parts_of_one_array(d, backend):
    problem = problems.sgd_problem(20, d)
    theta = np.concatenate([problem.w, problem.b, [77.0]])
    settings = {"lr": 0.3, "batch_size": 3, "epochs": 2, "backend": backend}
    history = kernels.sgd_run_(problem.X, problem.y, theta[:d], theta[d : d + 1], **settings)
    np.testing.assert_array_equal(theta, [*history.w[-1], history.b[-1], 77.0])


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", problems.DTYPES)
def test_labels_of_any_kind(dtype, backend):
    problem = problems.sgd_problem(20, 2, dtype)
    settings = {"lr": 0.3, "batch_size": 3, "epochs": 2}
    want, _, _ = run(problem, backend, **settings)
    kinds = [problem.y.astype(kind) for kind in (bool, np.int8, np.uint16, np.int64, np.float32, np.float64)]
    for y in [*kinds, problem.y[:, None], list(problem.y), torch.from_numpy(problem.y).bool()]:
        got, _, _ = run(problem._replace(y=y), backend, **settings)
        for one, other in zip(got, want, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", problems.DTYPES)
def test_tensors_in_tensors_out(dtype, backend):
    problem = problems.sgd_problem(20, 2, dtype)
    settings = {"lr": 0.3, "batch_size": 3, "epochs": 2, "backend": backend}
    want, _, _ = run(problem, **settings)
    X, y, w, b = (torch.from_numpy(v.copy()) for v in problem)
    X.requires_grad_()
    w = torch.nn.Parameter(w)
    got = kernels.sgd_run_(X, y[:, None], w, b, **settings)
    for one, other in zip(got, want, strict=True):
        assert isinstance(one, torch.Tensor)
        assert not one.requires_grad
        np.testing.assert_array_equal(one.numpy(), other)
    np.testing.assert_array_equal(w.detach().numpy(), want.w[-1])
    np.testing.assert_array_equal(b.numpy(), want.b[-1:])


def test_numpy_data_may_train_tensors_and_tensors_arrays():
    problem = problems.sgd_problem(20, 2)
    settings = {"lr": 0.3, "batch_size": 3, "epochs": 2}
    want, _, _ = run(problem, **settings)
    w, b = torch.from_numpy(problem.w.copy()), torch.from_numpy(problem.b.copy())
    assert type(kernels.sgd_run_(problem.X, problem.y, w, b, **settings).w) is np.ndarray
    np.testing.assert_array_equal(w.numpy(), want.w[-1])
    w, b = problem.w.copy(), problem.b.copy()
    kernels.sgd_run_(torch.from_numpy(problem.X), problem.y, w, b, **settings)
    np.testing.assert_array_equal(w, want.w[-1])


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("update", ["step", "run", "run that diverges", "none"])
def test_autograd_knows_that_parameters_changed(update, backend):
    X, y, w, b = (torch.from_numpy(v.copy()) for v in problems.sgd_problem(20, 2))
    w.requires_grad_()
    loss = (w**3).sum() + b
    if update == "step":
        kernels.sgd_step_(X, y, w, b, lr=0.3, backend=backend)
    elif update == "run":
        kernels.sgd_run_(X, y, w, b, lr=0.3, batch_size=3, epochs=2, backend=backend)
    elif update == "none":
        with pytest.raises(ValueError, match="y"):
            kernels.sgd_run_(X, y + 2, w, b, lr=0.3, batch_size=3, epochs=2, backend=backend)
        kernels.sgd_run_(X, y, w, b, lr=0.3, batch_size=3, epochs=0, backend=backend)
        loss.sum().backward()
        return
    else:
        with pytest.raises(FloatingPointError):
            kernels.sgd_run_(X, y, w, b, lr=1.0, batch_size=3, epochs=2, weight_decay=1e160, backend=backend)
    assert b._version > 0
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.sum().backward()


# However the run is split into launches


@pytest.mark.parametrize("loss", COSTS)
@pytest.mark.parametrize("d", [1, 3])
@pytest.mark.parametrize("steps", [1, 2, 5, 7, 13])
def test_same_bits_for_any_launches(steps, d, loss, monkeypatch):
    problem = problems.sgd_problem(20, d)
    settings = {"lr": 0.3, "batch_size": 3, "epochs": 4, "loss": loss}
    want, *ends = run(problem, **settings)
    monkeypatch.setattr(update, "LAUNCH_OPERATIONS", steps * update.operations(3, d))
    calls = []
    got, *others = run(problem, **settings, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(min(done, 28), 28) for done in range(steps, 28 + steps, steps)]
    for one, other in zip([*got, *others], [*want, *ends], strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.fixture
def large_batches(monkeypatch):
    """Every batch counts as large, in launches of 7 rows of three features and, shuffled, in pieces of 5."""
    monkeypatch.setattr(update, "LARGE_BATCH", 0)
    monkeypatch.setattr(update, "GATHERED", 15)
    monkeypatch.setattr(gradient, "LAUNCH_OPERATIONS", 7 * update.operations(1, 3))


@pytest.mark.parametrize("loss", COSTS)
@pytest.mark.parametrize("d", [1, 3, 16, 1000])
@pytest.mark.parametrize("options", [{}, {"shuffle_seed": 3, "momentum": 0.5, "weight_decay": 0.1, "history": 2}])
@pytest.mark.usefixtures("large_batches")
def test_large_batches(options, d, loss):
    """In batches of 21 samples; the last one has 11."""
    problem = problems.sgd_problem(53, d, soft=True)
    settings = {"lr": 0.3 / d, "batch_size": 21, "epochs": 3, "loss": loss, **options}
    history, w, b = run(problem, **settings)
    assert_follows(history, problem, **settings)
    if not options:
        np.testing.assert_array_equal(w, history.w[-1])
        np.testing.assert_array_equal(b, history.b[-1:])


# Extreme logits


@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize("batch_size", [1, 5])
@pytest.mark.parametrize("z", [800.0, -800.0, 40.0, 1e4, -1e300])
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_wrong_sample_has_the_whole_gradient_however_wrong(backend, z, batch_size, d):
    X, y = np.zeros((batch_size, d)), np.full(batch_size, float(z < 0))
    X[:, 0] = 0.5
    w, b = np.zeros(d), np.array([z])
    history = kernels.sgd_run_(X, y, w, b, lr=1.0, batch_size=batch_size, epochs=1, backend=backend)
    sign = math.copysign(1, z)
    assert history.loss[0] == pytest.approx(abs(z), rel=1e-15, abs=0)
    assert w[0] == pytest.approx(-0.5 * sign, rel=1e-15, abs=0)
    assert b[0] == pytest.approx(z - sign, rel=1e-15, abs=0)


@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize("batch_size", [1, 5])
@pytest.mark.parametrize("loss", COSTS)
@pytest.mark.parametrize("z", [700.0, -740.0, 800.0, -5000.0, 1e300, -1e300])
def test_a_soft_label_has_its_gradient_however_far(z, loss, batch_size, d):
    """Members, too, as they have their own exponentials."""
    X, y = np.zeros((batch_size, d)), np.full(batch_size, 0.25)
    X[:, 0] = 0.5
    at = torch.tensor(z, dtype=torch.float64, requires_grad=True)
    TORCH_LOSSES[loss](at, torch.tensor(0.25, dtype=torch.float64)).backward()
    settings = {"lr": 1.0, "batch_size": batch_size, "epochs": 1, "loss": loss}
    w, b = np.array([2 * z, *np.zeros(d - 1)]), np.zeros(1)
    ends = kernels.sgd_ensemble(X, y, w[None].copy(), b.copy(), **settings)
    kernels.sgd_run_(X, y, w, b, **settings)
    np.testing.assert_allclose([b[0], ends.b[0]], -at.grad, rtol=1e-14, atol=1e-300)


@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize("batch_size", [1, 5])
@pytest.mark.parametrize("loss", COSTS)
@pytest.mark.parametrize("z", [800.0, -800.0, 1e4, -1e300])
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_right_sample_moves_nothing(backend, z, loss, batch_size, d):
    X, y = np.ones((batch_size, d)), np.full(batch_size, float(z > 0))
    w, b = np.zeros(d), np.array([z])
    history = kernels.sgd_run_(X, y, w, b, lr=1.0, batch_size=batch_size, epochs=1, loss=loss, backend=backend)
    assert 0 <= history.loss[0] <= 1e-307
    assert np.abs(w).max() <= 1e-307
    assert b[0] == z


@pytest.mark.parametrize("loss", COSTS)
@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize("label", [0.0, 0.3, 1.0])
def test_one_step_at_every_logit(label, d, loss):
    """Loss and gradient relative to mpmath's, from one step of rate 1, down to the tails."""
    for z in (-700.0, -300.0, -40.0, -36.5, -20.0, -1.0, -1e-5, 0.0, 1e-5, 1.0, 20.0, 36.5, 40.0, 300.0, 700.0):
        x = np.full((1, d), 1 / d)
        w, b = np.zeros(d), np.array([z])
        history = kernels.sgd_run_(x, np.array([label]), w, b, lr=1.0, batch_size=1, epochs=1, loss=loss)
        plane = oracle.one_feature_plane([1.0])
        slope = oracle.value_at(plane, [label], 0.0, z, "gradient", loss=loss)[0]
        value = oracle.value_at(plane, [label], 0.0, z, loss=loss)
        relative = 2e-15 * (1 if label in (0, 1) else max(1, abs(z)))
        assert history.loss[0] == pytest.approx(value, rel=relative, abs=1e-307)
        assert -w.sum() == pytest.approx(slope, rel=relative, abs=1e-307)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("loss", COSTS)
def test_features_whose_products_overflow(loss, backend):
    """The two samples of a batch cancel exactly, so the parameters and the losses stay what they are."""
    X, y, w, b = np.full((6, 1), 1e160), np.array([0.0, 1.0] * 3), np.zeros(1), np.zeros(1)
    history = kernels.sgd_run_(X, y, w, b, lr=1.0, batch_size=2, epochs=2, loss=loss, backend=backend)
    assert (w.tolist(), b.tolist()) == ([0.0], [0.0])
    half = float(oracle.value_at(oracle.one_feature_plane([0.0]), [1.0], 0.0, 0.0, loss=loss))
    np.testing.assert_array_almost_equal_nulp(history.loss, np.full(6, half))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("loss", COSTS)
@pytest.mark.parametrize("batch_size", [1, 3, 5])
@pytest.mark.parametrize("d", [1, 3, 40])
@pytest.mark.parametrize("label", [0.0, 1.0])
def test_saturated_slopes_of_huge_features_are_zero(label, d, batch_size, loss, backend):
    """Of samples that are right; by the squared error of those that are wrong too."""
    for sign in (1, -1) if loss == "mse" else (1,):
        X, y = np.full((10, d), sign * (1e300 if label else -1e300)), np.full(10, label)
        w, b = np.full(d, 1 / d), np.zeros(1)
        settings = {"lr": 1.0, "batch_size": batch_size, "epochs": 2, "loss": loss, "backend": backend}
        history = kernels.sgd_run_(X, y, w, b, **settings)
        assert (w.tolist(), b.tolist()) == ([1 / d] * d, [0.0])
        if sign > 0:
            assert history.loss.max() <= 1e-307


@pytest.mark.parametrize("dtype", problems.DTYPES)
@pytest.mark.parametrize("d", [1, 2, 8, 40])
def test_a_pass_over_saturated_samples_of_huge_features_has_no_gradient(d, dtype):
    X = np.full((50, d), np.finfo(dtype).max / 4, dtype)
    loss, grad_w, grad_b = kernels.bce_loss_grad(X, np.ones(50, dtype), np.full(d, 1 / d, dtype), 0.0)
    assert (loss, grad_w.any(), grad_b) == (0, False, 0)


# Divergence


def diverging(dtype, d=1):
    """The second of three samples has a hundredfold gradient: with `lr` its step, the second, leaves the range."""
    X = np.zeros((3, d), dtype)
    X[:, 0] = 1.0, -100.0, 1.0
    lr = 1.5e307 if dtype == np.float64 else 1.5e37
    problem = problems.SGDProblem(X, np.zeros(3, dtype), np.zeros(d, dtype), np.zeros(1, dtype))
    return problem, {"lr": lr, "batch_size": 1, "epochs": 2}


@pytest.mark.parametrize("d", [1, 2, 9])
@pytest.mark.parametrize("dtype", problems.DTYPES)
@pytest.mark.parametrize("backend", BACKENDS)
def test_divergence_names_the_step_and_keeps_the_last_finite_parameters(backend, dtype, d):
    problem, settings = diverging(dtype, d)
    w, b = problem.w.copy(), problem.b.copy()
    with pytest.raises(FloatingPointError, match=r"step 2 of 6\b"):
        kernels.sgd_run_(problem.X, problem.y, w, b, backend=backend, **settings)
    half = dtype(-0.5 * settings["lr"])
    assert w.tolist() == [half] + [0.0] * (d - 1)
    assert b.tolist() == [half]


@pytest.mark.parametrize("dtype", problems.DTYPES)
@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("d", [1, 2])
def test_divergence_in_large_batches_and_in_later_launches(d, large, dtype, monkeypatch):
    problem, settings = diverging(dtype, d)
    copies = problem._replace(X=np.repeat(problem.X, 4, axis=0), y=np.zeros(12, dtype))
    monkeypatch.setattr(update, "LARGE_BATCH", 0 if large else 10**9)
    monkeypatch.setattr(update, "LAUNCH_OPERATIONS", 1)
    w, b = problem.w.copy(), problem.b.copy()
    with pytest.raises(FloatingPointError, match=r"step 2 of 6\b"):
        kernels.sgd_run_(copies.X, copies.y, w, b, **settings | {"batch_size": 4})
    half = dtype(-0.5 * settings["lr"])
    assert w.tolist() == [half] + [0.0] * (d - 1)
    assert b.tolist() == [half]


@pytest.mark.parametrize("dtype", problems.DTYPES)
@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("d", [1, 2])
def test_a_bias_that_diverges_alone(d, large, dtype, monkeypatch):
    """Features are 0 and every step repeats the first: the third one leaves the range."""
    monkeypatch.setattr(update, "LARGE_BATCH", 0 if large else 10**9)
    lr = 0.9 * float(np.finfo(dtype).max)
    w, b = np.zeros(d, dtype), np.zeros(1, dtype)
    with pytest.raises(FloatingPointError, match=r"step 3 of 5\b"):
        kernels.sgd_run_(np.zeros((3, d), dtype), np.zeros(3), w, b, lr=lr, batch_size=3, epochs=5, momentum=1.0)
    assert not w.any()
    assert float(b[0]) == pytest.approx(-lr, rel=1e-6)


@pytest.mark.parametrize("dtype", problems.DTYPES)
@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("d", [1, 2])
def test_the_largest_number_is_no_divergence(d, large, dtype, monkeypatch):
    monkeypatch.setattr(update, "LARGE_BATCH", 0 if large else 10**9)
    top = np.finfo(dtype).max
    w, b = np.full(d, top), np.array([-top])
    kernels.sgd_run_(np.zeros((3, d), dtype), np.zeros(3), w, b, lr=0.0, batch_size=3, epochs=2)
    assert w.tolist() == [top] * d
    assert b.tolist() == [-top]


@pytest.mark.parametrize("loss", COSTS)
@pytest.mark.parametrize("dtype", problems.DTYPES)
@pytest.mark.parametrize("d", [1, 2])
def test_both_backends_diverge_at_the_same_step(d, dtype, loss):
    """Parameters that grow by a tenth of the range a step, all logits of the wrong sign, finite or not."""
    top = float(np.finfo(dtype).max)
    X, y = np.zeros((6, d), dtype), np.zeros(6, dtype)
    X[:, 0] = 1
    for share in (0.9, 0.3, 0.11):
        outcomes = []
        for backend in BACKENDS:
            w, b = np.zeros(d, dtype), np.zeros(1, dtype)
            kwargs = {"lr": share * top, "batch_size": 2, "epochs": 5, "loss": loss, "backend": backend}
            try:
                kernels.sgd_run_(X, y, w, b, **kwargs)
                step = None
            except FloatingPointError as error:
                step = int(re.search(r"step (\d+) of", str(error))[1])
            outcomes.append((step, w[0], b[0]))
        assert outcomes[0][0] == outcomes[1][0]
        np.testing.assert_allclose(outcomes[0][1:], outcomes[1][1:], rtol=1e-6)
