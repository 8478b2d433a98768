"""Rates that members of `sgd_ensemble` have of their own, momentum and weight decay among them: each is the run by its
own, whatever the others have."""

import re

import numba
import numpy as np
import pytest
import torch

import kernels
from kernels.arguments import memory
from kernels.losses import LOSSES
from kernels.numba_cpu.training import ensemble, members
from kernels.results import Ensemble
from tests import problems
from tests.kernels.test_ensemble import assert_member, same, starts
from tests.training import of_member

BACKENDS = ("numba", "reference")
MOST = {"lr": 0.4, "momentum": 0.9, "weight_decay": 0.3}
# What members have their own of, and what is the same for all
FORMS = {
    "lr": (("lr",), {}),
    "momentum": (("momentum",), {"lr": 0.1}),  # of more, rounding errors grow, too
    "decay": (("weight_decay",), {"lr": 0.3}),
    "lr and decay": (("lr", "weight_decay"), {"momentum": 0.5}),
    "all": (tuple(MOST), {}),
    "none": ((), {"lr": 0.2, "momentum": 0.9, "weight_decay": 0.1}),
}
SHAPES = ((20, 1, 3), (20, 1, 20), (53, 2, 5), (31, 7, 1), (97, 30, 13))


def rates_of(form, k):
    """Of k members, the first with 0 of all that they have their own of, and the last with the most."""
    own, others = FORMS[form]
    share = np.random.default_rng(k).uniform(size=(len(own), k))
    share[:, 0], share[:, -1] = 0.0, 1.0
    return others | {name: MOST[name] * row for name, row in zip(own, share, strict=True)}


def of_members(settings, some):
    return {name: value[some] if name in MOST and np.ndim(value) else value for name, value in settings.items()}


def fields_of(ends, some):
    return Ensemble(*(field[some] for field in ends[:-1]), None)


# Members


def assert_members(X, y, k, **settings):
    """All of them, whose rounding errors momentum carries on: in the long run 1 / (1 - momentum) times."""
    w0, b0 = starts(k, X.shape[1], X.dtype)
    ends = kernels.sgd_ensemble(X, y, w0, b0, **settings, history_of=range(k))
    settings.pop("backend", None)
    for i in range(k):
        own = of_member(settings, i)
        assert_member(ends, i, X, y, w0, b0, spacings=8 / (1 - own.get("momentum", 0.0)), **own)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dtype", problems.DTYPES)
@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize(("n", "d", "batch_size"), SHAPES)
def test_members_are_runs_by_their_rates(n, d, batch_size, soft, dtype, form):
    X, y, *_ = problems.sgd_problem(n, d, dtype, soft=soft)
    for loss in LOSSES:
        assert_members(X, y, 6, **rates_of(form, 6), batch_size=batch_size, epochs=4, loss=loss)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", problems.DTYPES)
@pytest.mark.parametrize(("n", "d", "batch_size"), [(20, 1, 3), (53, 2, 5)])
def test_weighted_members_are_runs_by_their_rates(n, d, batch_size, dtype, backend):
    X, y, *_ = problems.sgd_problem(n, d, dtype, soft=True)
    weight = np.random.default_rng(n).exponential(size=n).astype(dtype)
    weight[::4] = 0.0
    for form in FORMS:
        options = {"batch_size": batch_size, "epochs": 4, "sample_weight": weight, "pos_weight": 2.5}
        assert_members(X, y, 5, **rates_of(form, 5), **options, backend=backend)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("n", "d", "batch_size"), SHAPES)
def test_both_backends_agree(n, d, batch_size, form):
    X, y, *_ = problems.sgd_problem(n, d)
    settings = {"batch_size": batch_size, "epochs": 5, "history_of": (69, 3, 3)} | rates_of(form, 70)
    ends, others = (kernels.sgd_ensemble(X, y, *starts(70, d), **settings, backend=backend) for backend in BACKENDS)
    for one, other in zip([*ends[:-1], *ends.history], [*others[:-1], *others.history], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-10)


# The same bits


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dtype", problems.DTYPES)
@pytest.mark.parametrize(("n", "d", "batch_size"), [(20, 1, 3), (20, 1, 20), (53, 2, 5), (97, 30, 13)])
def test_same_bits_by_rates_of_all_and_by_as_many_of_members(n, d, batch_size, dtype, weighted):
    """Of a learning rate alone, also beside members with all that there is."""
    X, y, *_ = problems.sgd_problem(n, d, dtype, soft=True)
    (w0, b0), k = starts(70, d, dtype), 70
    settings = {"batch_size": batch_size, "epochs": 4, "history_of": [69, 2]}
    if weighted:
        settings["sample_weight"] = np.random.default_rng(n).exponential(size=n)
    want, zeros = kernels.sgd_ensemble(X, y, w0, b0, **settings, lr=0.3), np.zeros(k)
    own = {"lr": np.full(k, 0.3)}
    for rates in (own, own | {"momentum": zeros}, {"lr": 0.3, "weight_decay": zeros}):
        assert_same_bits(kernels.sgd_ensemble(X, y, w0, b0, **settings, **rates), want)
    beside = {name: np.where(np.arange(k) % 3 == 2, 0.7 * most, zeros) for name, most in MOST.items()}
    beside["lr"][beside["lr"] == 0] = 0.3
    got, plain = kernels.sgd_ensemble(X, y, w0, b0, **settings, **beside), np.arange(k) % 3 != 2
    same(fields_of(got, plain), fields_of(want, plain))
    assert not (got.w[~plain] == want.w[~plain]).any()
    rates = {"lr": 0.3, "momentum": 0.9, "weight_decay": 0.1}
    of_each = {name: np.full(k, rate) for name, rate in rates.items()}
    of_all, of_each = (kernels.sgd_ensemble(X, y, w0, b0, **settings, **some) for some in (rates, of_each))
    assert_same_bits(of_each, of_all)


def assert_same_bits(got, want):
    for one, other in zip([*got[:-1], *got.history[:3]], [*want[:-1], *want.history[:3]], strict=True):
        assert one.tobytes() == other.tobytes()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("d", [1, 3])
@pytest.mark.parametrize("dtype", problems.DTYPES)
def test_same_bits_wherever_a_member_stands(dtype, d, form):
    X, y, *_ = problems.sgd_problem(20, d, dtype)
    for k in (1, 16, 65, 300):
        (w0, b0), settings = starts(k, d, dtype), {"batch_size": 3, "epochs": 3} | rates_of(form, k)
        ends = kernels.sgd_ensemble(X, y, w0, b0, **settings)
        for i in {0, k // 2, k - 1}:
            alone = slice(i, i + 1)
            found = kernels.sgd_ensemble(X, y, w0[alone], b0[alone], **of_members(settings, alone))
            same(fields_of(ends, alone), found)
        order = np.random.default_rng(0).permutation(k)
        same(fields_of(ends, order), kernels.sgd_ensemble(X, y, w0[order], b0[order], **of_members(settings, order)))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("d", [1, 3])
@pytest.mark.parametrize("dtype", problems.DTYPES)
def test_same_bits_for_any_launches_and_threads(dtype, d, form, monkeypatch):
    """Launches that end within a batch, with an epoch and beyond; groups one after the other; watched or not."""
    X, y, *_ = problems.sgd_problem(20, d, dtype)
    arguments = {"batch_size": 6, "epochs": 4, "history_of": [299, 5]} | rates_of(form, 300)
    want = kernels.sgd_ensemble(X, y, *starts(300, d, dtype), **arguments)
    each, before = members.LANES[np.dtype(dtype).char] * ensemble.operations(d + 1), numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        assert_same_bits(kernels.sgd_ensemble(X, y, *starts(300, d, dtype), **arguments), want)
    finally:
        numba.set_num_threads(before)
    for samples, watched in ((1, False), (7, False), (33, True)):
        monkeypatch.setattr(members, "OPERATIONS_PER_THREAD", samples * each)
        monkeypatch.setattr(ensemble, "losses_may_overflow", lambda *_, watched=watched: watched)
        assert_same_bits(kernels.sgd_ensemble(X, y, *starts(300, d, dtype), **arguments), want)


# Rates that diverge


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", problems.DTYPES)
@pytest.mark.parametrize("d", [1, 2])
def test_rates_that_diverge_disturb_nobody(d, dtype, backend):
    """The largest of each, alone and together, among others."""
    X, y, *_ = problems.sgd_problem(20, d, dtype)
    top = 0.9 * float(np.finfo(dtype).max)
    rates = [(0.3, 0.0, 0.0), (top, 0.0, 0.0), (0.3, top, 0.0), (0.3, 0.0, top), (0.2, 0.9, 0.1), (top, top, top)]
    rates = [*rates, (0.3, 100.0, 0.0), (2.0, 0.5, 500.0), (0.0, 0.9, 0.3), (0.1, 0.5, 0.0)]
    columns, (w0, b0) = dict(zip(MOST, np.transpose(rates), strict=True)), starts(len(rates), d, dtype)
    settings = {"batch_size": 3, "epochs": 30, "backend": backend}
    everybody = range(len(rates))
    ends = kernels.sgd_ensemble(X, y, w0, b0, **settings, **columns, history_of=everybody)
    diverged = np.isnan(ends.b)
    assert diverged[[2, 3, 5, 6, 7]].all()
    assert not diverged[[0, 4, 8, 9]].any()
    for i in everybody:
        own, (w, b) = of_member(settings | columns, i), (w0[i].copy(), b0[i : i + 1].copy())
        if diverged[i]:
            with pytest.raises(FloatingPointError):
                kernels.sgd_run_(X, y, w, b, **own)
            assert np.isnan([*ends.w[i], ends.loss[i], ends.accuracy[i]]).all()
            assert ends.steps[i] == -1
            finite = np.isfinite(ends.history.b[i])
            assert (finite[1:] <= finite[:-1]).all()
            np.testing.assert_array_equal(np.isfinite(ends.history.w[i]).all(axis=1), finite)
            continue
        kernels.sgd_run_(X, y, w, b, **own)
        close = 1e-5 if dtype == np.float32 else 1e-12
        np.testing.assert_allclose(np.append(ends.w[i], ends.b[i]), np.append(w, b), rtol=close, atol=close)
    calm = {name: column[~diverged] for name, column in columns.items()}
    alone = kernels.sgd_ensemble(X, y, w0[~diverged], b0[~diverged], **settings, **calm)
    if backend == "numba":
        same(fields_of(ends, ~diverged), alone)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", problems.DTYPES)
@pytest.mark.parametrize("d", [1, 2])
def test_a_decay_beyond_the_range_is_nothing_to_parameters_that_are_0(d, dtype, backend):
    """Nor is the product with the learning rate, by which runs go on from 0 for a step."""
    root = 0.9 * float(np.finfo(dtype).max)
    X, y = np.ones((4, d), dtype), np.array([1, 1, 1, 0])
    settings = {"lr": [0.25 * root], "weight_decay": [root], "batch_size": 4, "backend": backend, "history_of": [0]}
    ends = kernels.sgd_ensemble(X, y, np.zeros((1, d), dtype), np.zeros(1, dtype), **settings, epochs=2)
    np.testing.assert_allclose(ends.history.w[0, 0], 0.25 * 0.25 * root, rtol=1e-6)
    assert np.isnan([*ends.history.w[0, 1], *ends.b]).all()


# What comes in


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", problems.DTYPES)
def test_rates_of_any_kind(dtype, backend):
    X, y, *_ = problems.sgd_problem(20, 2, dtype)
    settings = {"batch_size": 3, "epochs": 2, "history_of": [3], "backend": backend}
    rates = {"lr": np.array([1.0, 0.0, 2.0, 0.5]), "momentum": np.array([0.5, 0.0, 0.25, 1.0])}
    want = kernels.sgd_ensemble(X, y, *starts(4, 2, dtype), **settings, **rates)
    kinds = [np.ndarray.tolist, tuple, torch.from_numpy, np.float32, lambda v: np.repeat(v, 2)[::2]]
    kinds += [lambda v: np.broadcast_to(v, 4), lambda v: torch.tensor(v, requires_grad=True)]
    for kind in kinds:
        given = {name: kind(rate) for name, rate in rates.items()}
        same(kernels.sgd_ensemble(X, y, *starts(4, 2, dtype), **settings, **given), want)
    tensors = [torch.from_numpy(array) for array in (X, y, *starts(4, 2, dtype))]
    got = kernels.sgd_ensemble(*tensors, **settings, **rates)
    for field, expected in zip([*got[:-1], *got.history[:3]], [*want[:-1], *want.history[:3]], strict=True):
        np.testing.assert_array_equal(field.numpy(), expected)
    one = kernels.sgd_ensemble(X, y, *starts(4, 2, dtype), **settings, lr=1, momentum=np.float32(0.5), weight_decay=0)
    as_tensors = {"lr": torch.tensor(1.0), "momentum": torch.tensor(0.5), "weight_decay": torch.tensor(0)}
    same(kernels.sgd_ensemble(X, y, *starts(4, 2, dtype), **settings, **as_tensors), one)


def test_memory_for_rates_and_last_steps_counts(monkeypatch):
    monkeypatch.setattr(memory, "free_memory", lambda: 0)
    k, settings, sizes = 10**6, {"lr": 0.1, "batch_size": 1, "epochs": 0}, []
    own, w0 = np.broadcast_to(0.1, k), np.broadcast_to(0.0, (k, 1))
    for rates in ({}, {"lr": own}, {"momentum": 0.9}, {"lr": own, "momentum": own}):
        with pytest.raises(MemoryError, match=r"^an array \(\d+,\) of float64") as caught:
            kernels.sgd_ensemble(np.ones((2, 1)), np.zeros(2), w0, w0[:, 0], **settings | rates)
        sizes.append(int(re.findall(r"\d+", str(caught.value))[0]))
    alone, of_lr, of_momentum, of_both = sizes
    assert alone + 2 * k <= of_lr
    assert of_lr + 4 * k <= of_momentum == of_both  # two rates more, and the last steps (d + 1,)
