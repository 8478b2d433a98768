"""Training, its history, and accuracy."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

import kernels
import kernels.numba_cpu.training.update
from kernels.losses import LOSSES
from logreg import LabData, LogisticRegression, LossSurface, accuracy, scores, train
from logreg.commands.eager import train_eagerly
from logreg.runs import path_of
from tests import oracle, problems
from tests.training import TORCH_LOSSES

LAB_RUN = {"lr": 2.0, "batch_size": 3, "epochs": 100}
COSTS = pytest.mark.parametrize("loss", LOSSES)


def parameters(model):
    layer = getattr(model, "linear", model)
    return [p.detach().clone() for p in (layer.weight, layer.bias)]


def seeded_model():
    torch.manual_seed(0)
    return LogisticRegression(1)


def train_on_logits(model, x, y, *, lr, batch_size, epochs, loss):
    """Autograd in eager PyTorch with stable losses of the logits: w (steps, d), b (steps,), loss (steps,)."""
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    path = []
    for _ in range(epochs):
        for rows in torch.arange(len(y)).split(batch_size):
            z = model.linear(x[rows])[:, 0]
            cost = TORCH_LOSSES[loss](z, y[rows]).mean()
            optimizer.zero_grad()
            cost.backward()
            optimizer.step()
            path.append([*model.linear.weight.detach()[0].tolist(), model.linear.bias.item(), cost.item()])
    path = np.array(path)
    return path[:, :-2], path[:, -2], path[:, -1]


def assert_columns_close(got, want, tolerance):
    """Every column within tolerance * (1 + max|column|)."""
    got, want = (np.column_stack(columns) for columns in (got, want))
    assert got.shape == want.shape
    worst = np.abs(got - want).max(axis=0) / (1 + np.abs(want).max(axis=0))
    assert (worst <= tolerance).all(), worst


# The run


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_history_of_the_lab(dtype, model_at):
    x, y = LabData()[:]
    model = model_at(5, 10, dtype)
    history = train(model, (x.to(dtype), y.to(dtype)), **LAB_RUN)
    assert (history.w.shape, history.b.shape, history.loss.shape) == ((700, 1), (700,), (700,))
    want = np.float32 if dtype == torch.float32 else np.float64
    assert history.w.dtype == history.b.dtype == history.loss.dtype == history.start_w.dtype == want
    assert history.start_w.tolist() == [5]
    assert history.start_b == 10
    assert history.steps_per_epoch == 7
    assert history.cost == "bce"
    assert (history.x.shape, history.y.shape) == ((20, 1), (20,))
    np.testing.assert_array_equal(model.linear.weight.detach()[0], history.w[-1])
    np.testing.assert_array_equal(model.linear.bias.detach(), history.b[-1:])


def test_result_of_the_lab(model_at):
    model = model_at(5, 10)
    history = train(model, LabData(), **LAB_RUN)
    assert history.w[-1, 0] == pytest.approx(15.6832, rel=1e-4)
    assert history.b[-1] == pytest.approx(-3.8269, rel=1e-4)
    assert history.loss[-1] == pytest.approx(9.877e-5, rel=1e-3)
    assert accuracy(model, LabData()) == 1


@COSTS
def test_equals_the_kernel(loss, model_at):
    x, y = problems.lab_data()
    w, b = np.full(1, -15, np.float32), np.full(1, -10, np.float32)
    run = kernels.sgd_run_(x[:, None], y, w, b, lr=2, batch_size=3, epochs=5, loss=loss)
    history = train(model_at(-15, -10), LabData(), lr=2, batch_size=3, epochs=5, loss=loss)
    for name in ("w", "b", "loss"):
        np.testing.assert_array_equal(getattr(history, name), getattr(run, name))


@pytest.mark.parametrize("start", [(5, 10), (-0.00749, 0.53644), (-15, -10)], ids=str)
@COSTS
def test_close_to_the_eager_loop_of_the_lab(loss, start, model_at):
    path = np.array(train_eagerly(model_at(*start), LabData(), **LAB_RUN, loss=loss))
    history = train(model_at(*start), LabData(), **LAB_RUN, loss=loss)
    assert_columns_close((history.w, history.b, history.loss), (path[:, :2], path[:, 2]), 1e-4)


@COSTS
def test_close_to_an_eager_loop_in_float64(loss, model_at):
    x, y = (column.double() for column in LabData()[:])
    want = train_on_logits(model_at(5, 10, torch.float64), x, y[:, 0], **LAB_RUN, loss=loss)
    history = train(model_at(5, 10, torch.float64), (x, y), **LAB_RUN, loss=loss)
    assert_columns_close((history.w, history.b, history.loss), want, 1e-10)


@COSTS
def test_many_features(loss, model_at, wide):
    x, y = torch.from_numpy(wide.X), torch.from_numpy(wide.y)
    settings = {"lr": 0.3, "batch_size": 13, "epochs": 20, "loss": loss}
    want = train_on_logits(model_at(wide.w, wide.b, torch.float64), x, y, **settings)
    model = model_at(wide.w, wide.b, torch.float64).linear
    assert isinstance(model, nn.Linear)
    history = train(model, (x, y), **settings)
    assert history.w.shape == (160, 30)
    assert_columns_close((history.w, history.b, history.loss), want, 1e-10)
    assert torch.equal(model.weight[0], torch.from_numpy(history.w[-1]))
    assert accuracy(model, (x, y)) == history.full_accuracy()[-1]


def test_no_epochs(model_at):
    model = model_at(5, 10)
    history = train(model, LabData(), lr=2, batch_size=3, epochs=0)
    assert (history.w.shape, history.b.shape, history.loss.shape) == ((0, 1), (0,), (0,))
    assert history.full_loss().shape == history.full_accuracy().shape == (0,)
    assert history.start_loss == pytest.approx(5.20085, abs=1e-5)
    assert history.steps_to_accuracy_1() is None
    assert [p.item() for p in parameters(model)] == [5, 10]


@pytest.mark.parametrize(("batch_size", "steps"), [(1, 20), (3, 7), (19, 2), (20, 1), (1000, 1)])
def test_steps_per_epoch(batch_size, steps, model_at):
    history = train(model_at(0, 0), LabData(), lr=1, batch_size=batch_size, epochs=2)
    assert history.steps_per_epoch == steps
    assert len(history.b) == 2 * steps


def test_the_model_stays_trainable(model_at):
    """Parameters keep requiring grad, keep their identity, and an optimiser made before goes on from where they are."""
    model = model_at(5, 10, torch.float64)
    weight, bias = model.parameters()
    optimizer = torch.optim.SGD(model.parameters(), lr=2.0)
    x, y = (column.double() for column in LabData()[:])
    train(model, (x, y), lr=2, batch_size=20, epochs=5)
    assert (model.linear.weight is weight, model.linear.bias is bias) == (True, True)
    assert (weight.requires_grad, bias.requires_grad) == (True, True)
    assert (weight.is_leaf, weight.grad) == (True, None)
    nn.functional.binary_cross_entropy(model(x), y).backward()
    optimizer.step()
    w, b, _ = oracle.sgd_path(x, y[:, 0], 5, 10, lr=2, batch_size=20, epochs=6)
    assert (weight.item(), bias.item()) == pytest.approx((w[-1, 0], b[-1]), rel=1e-12)


@pytest.mark.parametrize("frozen", ["weight", "bias"])
@COSTS
def test_frozen_parameters_stay(loss, frozen, model_at):
    """The other one moves as by an optimizer of what requires grad."""
    x, y = (column.double() for column in LabData()[:])
    model, eager = model_at(5, 10, torch.float64), model_at(5, 10, torch.float64)
    for one in (model, eager):
        getattr(one.linear, frozen).requires_grad_(False)
    history = train(model, (x, y), **LAB_RUN, loss=loss)
    want = train_on_logits(eager, x, y[:, 0], **LAB_RUN, loss=loss)
    assert_columns_close((history.w, history.b, history.loss), want, 1e-10)
    assert getattr(model.linear, frozen).item() == {"weight": 5, "bias": 10}[frozen]
    assert [p.requires_grad for p in model.parameters()] == [frozen != "weight", frozen != "bias"]


def test_a_model_of_which_nothing_is_trained_is_refused(model_at):
    model = model_at(5, 10).requires_grad_(False)
    with pytest.raises(ValueError, match=r"^model has no parameter that requires grad; accepted: weight or bias"):
        train(model, LabData(), **LAB_RUN)
    assert [p.item() for p in parameters(model)] == [5, 10]


# Weights, and runs that go on


@pytest.mark.parametrize(
    "weights", [{"sample_weight": True}, {"pos_weight": 2.5}, {"sample_weight": True, "pos_weight": 0.5}]
)
def test_weights_are_those_of_torch(weights, model_at, wide):
    """And the losses on all the data are the weighted ones that were minimised; accuracies count every sample."""
    x, y = torch.from_numpy(wide.X), torch.from_numpy(wide.y)
    weight = torch.rand(len(y), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    weight[::4] = 0
    chosen = weights | ({"sample_weight": weight} if "sample_weight" in weights else {})
    model, eager = (model_at(wide.w, wide.b, torch.float64) for _ in range(2))
    history = train(model, (x, y), lr=0.3, batch_size=13, epochs=3, **chosen)
    loss = nn.BCEWithLogitsLoss(
        chosen.get("sample_weight"), pos_weight=torch.tensor(weights.get("pos_weight", 1.0)).double()
    )
    optimizer = torch.optim.SGD(eager.parameters(), lr=0.3)
    path, losses = [], [loss(eager.linear(x)[:, 0], y).item()]
    for rows in [rows for _ in range(3) for rows in torch.arange(len(y)).split(13)]:
        part = None if "sample_weight" not in chosen else weight[rows]
        optimizer.zero_grad()
        cost = nn.BCEWithLogitsLoss(part, pos_weight=loss.pos_weight)(eager.linear(x[rows])[:, 0], y[rows])
        cost.backward()
        optimizer.step()
        path.append([*eager.linear.weight.detach()[0].tolist(), eager.linear.bias.item(), cost.item()])
        losses.append(loss(eager.linear(x)[:, 0], y).item())
    assert_columns_close((history.w, history.b, history.loss), (np.array(path),), 1e-10)
    np.testing.assert_allclose([history.start_loss, *history.full_loss()], losses, rtol=1e-10)
    assert history.end_loss == pytest.approx(losses[-1], rel=1e-10)
    assert history.until(3).end_loss == pytest.approx(losses[3], rel=1e-10)
    assert accuracy(model, (x, y)) == history.full_accuracy()[-1]


def test_a_history_keeps_its_own_weights(model_at):
    weight = np.ones(20)
    history = train(model_at(5, 10), LabData(), lr=2, batch_size=3, epochs=1, sample_weight=weight)
    before = history.end_loss
    weight[:] = 7
    assert history.end_loss == before


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_two_calls_are_one(dtype, model_at):
    data = tuple(column.to(dtype) for column in LabData()[:])
    settings = {"lr": 0.5, "batch_size": 3, "momentum": 0.9, "shuffle_seed": 1}
    one, other = (model_at(5, 10, dtype) for _ in range(2))
    whole = train(one, data, **settings, epochs=10)
    first = train(other, data, **settings, epochs=5)
    second = train(other, data, **settings, epochs=5, velocity=first.velocity, first_epoch=first.epoch)
    assert all(map(torch.equal, parameters(one), parameters(other)))
    np.testing.assert_array_equal(whole.w, np.concatenate([first.w, second.w]))
    np.testing.assert_array_equal(whole.velocity, second.velocity)
    assert (first.epoch, second.epoch, whole.epoch) == (5, 10, 10)
    assert first.until(3).velocity is first.until(3).epoch is None
    assert first.until(first.steps).velocity is first.velocity
    assert first.until(first.steps).epoch == 5


def test_progress(model_at):
    calls = []
    train(model_at(5, 10), LabData(), **LAB_RUN, progress=lambda *call: calls.append(call))
    assert calls[-1] == (700, 700)


def test_interrupted(model_at, monkeypatch):
    """The model holds the last step that was reported."""
    monkeypatch.setattr(kernels.numba_cpu.training.update, "LAUNCH_OPERATIONS", 10_000)
    want = train(model_at(5, 10), LabData(), **LAB_RUN)
    calls = []

    def stop(done, total):
        calls.append(done)
        if done > 200:
            raise KeyboardInterrupt

    model = model_at(5, 10)
    with pytest.raises(KeyboardInterrupt):
        train(model, LabData(), **LAB_RUN, progress=stop)
    assert 200 < calls[-1] < 700
    assert [p.item() for p in parameters(model)] == [want.w[calls[-1] - 1, 0], want.b[calls[-1] - 1]]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_divergence_leaves_the_last_finite_parameters(dtype, model_at):
    """Steps take b to 0.25 lr and -0.75 lr, and then w to 2 lr, which isn't finite."""
    x, y = torch.tensor([[0.0], [0.0], [2.0]], dtype=dtype), torch.tensor([0.75, 0, 1])
    lr = 0.8 * torch.finfo(dtype).max
    model = model_at(0, 0, dtype)
    with pytest.raises(FloatingPointError, match="step 3 of 6"):
        train(model, (x, y), lr=lr, batch_size=1, epochs=2)
    assert [p.item() for p in parameters(model)] == pytest.approx([0, -0.75 * lr], rel=1e-6)


# What the history says


@pytest.fixture
def seeded_history():
    """The lab's run from the seeded start, which reaches accuracy 1 early and loses it again."""
    return train(seeded_model(), LabData(), **LAB_RUN)


def losses_along(history, X, y, cost):
    X1 = np.column_stack([X, np.ones(len(X))]).astype(np.float64)
    path = np.column_stack([history.w, history.b]).astype(np.float64)
    return np.array([oracle.cost_and_gradient(X1, y, theta, cost)[0] for theta in path])


@COSTS
def test_full_loss(loss, model_at):
    x, y = problems.lab_data()
    history = train(model_at(5, 10), LabData(), **LAB_RUN, loss=loss)
    losses = history.full_loss()
    assert losses.dtype == np.float64
    np.testing.assert_allclose(losses, losses_along(history, x, y, loss), rtol=1e-12)
    start = oracle.value_at(oracle.one_feature_plane(x), y, 5, 10, loss=loss)
    assert isinstance(history.start_loss, float)
    assert history.start_loss == pytest.approx(start, rel=1e-13, abs=0)


@COSTS
def test_full_loss_of_many_features(loss, model_at, wide):
    data = torch.from_numpy(wide.X), torch.from_numpy(wide.y)
    history = train(model_at(wide.w, wide.b, torch.float64), data, lr=0.3, batch_size=13, epochs=3, loss=loss)
    np.testing.assert_allclose(history.full_loss(), losses_along(history, wide.X, wide.y, loss), rtol=1e-11)
    correct = (wide.X @ history.w.T + history.b > 0) == (wide.y > 0.5)[:, None]
    np.testing.assert_array_equal(history.full_accuracy(), correct.sum(0) / 97)


def test_full_loss_does_not_saturate(model_at):
    history = train(model_at(400, -400), LabData(), lr=0, batch_size=20, epochs=1)
    assert history.full_loss()[0] == history.start_loss == pytest.approx(7 * 400 * 0.4 / 20, rel=1e-6)


def test_accuracy_is_reached_and_lost(seeded_history):
    share = seeded_history.full_accuracy()
    assert seeded_history.steps_to_accuracy_1() == 10
    assert (share[:9] < 1).all()
    assert share[9] == 1
    assert np.count_nonzero(share[10:] < 1) == 43
    assert share[-1] == 1


@pytest.mark.parametrize(("start", "epochs", "want"), [((5, 10), 100, 25), ((5, 10), 3, None), ((15, -4), 2, 0)])
def test_steps_to_accuracy_1(start, epochs, want, model_at):
    history = train(model_at(*start), LabData(), lr=2, batch_size=3, epochs=epochs)
    assert history.steps_to_accuracy_1() == want
    path = np.append(start[0], history.w[:, 0])[:, None], np.append(start[1], history.b)
    first = oracle.first_all_correct(*(column.numpy() for column in (LabData().x, LabData().y[:, 0])), *path)
    assert first == (-1 if want is None else want)


def test_until(seeded_history):
    part = seeded_history.until(14)
    for name in ("w", "b", "loss"):
        np.testing.assert_array_equal(getattr(part, name), getattr(seeded_history, name)[:14])
    np.testing.assert_array_equal(part.full_loss(), seeded_history.full_loss()[:14])
    assert part.start_loss == seeded_history.start_loss
    assert part.steps_per_epoch == 7
    assert len(seeded_history.b) == 700
    assert seeded_history.until(9).steps_to_accuracy_1() is None
    assert seeded_history.until(10).steps_to_accuracy_1() == 10
    assert len(seeded_history.until(0).full_loss()) == 0


@pytest.mark.parametrize("options", [{}, {"shuffle_seed": 3, "momentum": 0.5, "weight_decay": 0.01}])
@pytest.mark.parametrize("every", [1, 2, 7, 700])
def test_thinned_histories_are_parts_of_whole_ones(every, options, model_at):
    whole = train(model_at(-0.00749, 0.53644), LabData(), **LAB_RUN, **options)
    thin = train(model_at(-0.00749, 0.53644), LabData(), **LAB_RUN, **options, history=every)
    kept = slice(every - 1, None, every)
    for name in ("w", "b", "loss"):
        np.testing.assert_array_equal(getattr(thin, name), getattr(whole, name)[kept])
    assert thin.steps_per_epoch == 7
    assert thin.start_loss == whole.start_loss
    np.testing.assert_allclose(thin.full_loss(), whole.full_loss()[kept], rtol=1e-12)
    np.testing.assert_array_equal(thin.full_accuracy(), whole.full_accuracy()[kept])
    np.testing.assert_array_equal(thin.until(14).w, whole.until(14).w[kept])
    perfect = np.flatnonzero(whole.full_accuracy()[kept] == 1)
    assert thin.steps_to_accuracy_1() == ((perfect[0] + 1) * every if len(perfect) else None)


def test_no_history(model_at):
    whole, model = train(model_at(5, 10), LabData(), **LAB_RUN), model_at(5, 10)
    history = train(model, LabData(), **LAB_RUN, history=0)
    assert history.w.shape == (0, 1)
    assert len(history.full_loss()) == len(history.until(100).b) == 0
    assert history.start_loss == whole.start_loss
    assert [p.item() for p in parameters(model)] == [whole.w[-1, 0], whole.b[-1]]


@pytest.mark.parametrize("every", [0, 3, 9, 10**6])
def test_a_history_knows_the_end_that_it_did_not_keep(every, model_at):
    whole, model = train(model_at(5, 10), LabData(), **LAB_RUN), model_at(5, 10)
    thin = train(model, LabData(), **LAB_RUN, history=every)
    assert (thin.steps, thin.end_w, thin.end_b) == (700, whole.w[-1], whole.b[-1])
    assert [p.item() for p in parameters(model)] == [thin.end_w[0], thin.end_b]
    assert thin.end_loss == pytest.approx(whole.full_loss()[-1], rel=1e-12)
    assert thin.until(700) is thin
    part = thin.until(32)
    kept = 32 // every * every if every else 0
    assert (part.steps, part.end_b) == (kept, whole.b[kept - 1] if kept else 10)
    center = LossSurface.around(thin, LabData(), extent=1, resolution=3).plane.center
    np.testing.assert_array_equal(center, [whole.w[-1, 0], whole.b[-1]])
    path = path_of(thin)
    assert len(path) == 1 + len(thin.b) + 1
    np.testing.assert_array_equal(path[-1], center)
    np.testing.assert_array_equal(path_of(part)[-1], [part.end_w[0], part.end_b])


@pytest.mark.parametrize("at_once", [1, 50, 1000, 10_000])
def test_long_histories_in_chunks(at_once, seeded_history, monkeypatch):
    history = seeded_history.until(70)
    whole = history.full_loss(), history.full_accuracy(), history.steps_to_accuracy_1()
    shapes = []

    def spy(z, y, original=scores.is_correct):
        shapes.append(z.shape)
        return original(z, y)

    monkeypatch.setattr(scores, "is_correct", spy)
    monkeypatch.setattr(scores, "LOGITS_AT_ONCE", at_once)
    np.testing.assert_allclose(history.full_loss(), whole[0], rtol=1e-14)
    np.testing.assert_array_equal(history.full_accuracy(), whole[1])
    assert sum(steps for steps, _ in shapes) == 70
    assert max(steps for steps, _ in shapes) == min(70, max(1, at_once // 20))
    assert history.steps_to_accuracy_1() == whole[2] == 10


# Accuracy of a model


@pytest.mark.parametrize(
    ("w", "b", "want"), [(5, 10, 0.35), (-15, -10, 0.45), (0, 0, 0.65), (1, -0.25, 1.0), (-1, 0.25, 0.0)]
)
def test_accuracy(w, b, want, model_at):
    got = accuracy(model_at(w, b), LabData())
    assert isinstance(got, float)
    assert got == want == oracle.accuracy_at(oracle.one_feature_plane(problems.lab_data()[0]), LabData().y[:, 0], w, b)
    assert accuracy(model_at(w, b).linear, LabData()[:]) == want


def test_accuracy_is_decided_in_float64(model_at):
    """The logit is 2^-30, which float32 rounds to 0."""
    x = torch.tensor([[1 + 2.0**-15]])
    assert accuracy(model_at(1 + 2.0**-15, -(1 + 2.0**-14)), (x, torch.ones(1))) == 1


BAD_FOR_ACCURACY = {
    "two features": (torch.zeros(3, 2), torch.zeros(3)),
    "no samples": (torch.zeros(0, 1), torch.zeros(0)),
    "not finite": (torch.full((3, 1), torch.nan), torch.zeros(3)),
    "too few labels": (torch.zeros(3, 1), torch.zeros(2)),
    "one label": (torch.zeros(3, 1), torch.zeros(1)),
    "labels of 5": (torch.zeros(3, 1), torch.full((3,), 5.0)),
}


@pytest.mark.parametrize("kind", BAD_FOR_ACCURACY)
def test_accuracy_of_bad_data(kind, model_at):
    with pytest.raises(ValueError, match="accepted"):
        accuracy(model_at(1, 0), BAD_FOR_ACCURACY[kind])


# What is refused


class WithHiddenLayer(nn.Module):
    """Has a layer `linear` of one output, but isn't logistic regression."""

    def __init__(self):
        super().__init__()
        self.hidden, self.linear = nn.Linear(1, 1), nn.Linear(1, 1)

    def forward(self, x):
        return torch.sigmoid(self.linear(torch.tanh(self.hidden(x))))


NOT_MODELS = {
    "none": lambda: None,
    "class": lambda: LogisticRegression,
    "two outputs": lambda: nn.Linear(1, 2),
    "no bias": lambda: nn.Linear(1, 1, bias=False),
    "sequence": lambda: nn.Sequential(nn.Linear(1, 1), nn.Sigmoid()),
    "data": LabData,
    "hidden layer": WithHiddenLayer,
    "without values": lambda: LogisticRegression(1).to("meta"),
    "bfloat16": lambda: LogisticRegression(1).bfloat16(),
}


@pytest.mark.parametrize("kind", NOT_MODELS)
def test_wrong_models(kind):
    model = NOT_MODELS[kind]()
    before = [p.clone() for p in model.parameters()] if isinstance(model, nn.Module) else []
    with pytest.raises((TypeError, ValueError), match=r"model|accepted"):
        train(model, LabData(), **LAB_RUN)
    assert all(p.is_meta or torch.equal(p, q) for p, q in zip(before, before and model.parameters(), strict=True))


@pytest.mark.parametrize("model", [LogisticRegression(2), LogisticRegression(1).double()], ids=["features", "dtype"])
def test_models_that_do_not_fit_the_data(model):
    before = parameters(model)
    with pytest.raises((TypeError, ValueError), match="accepted"):
        train(model, LabData(), **LAB_RUN)
    assert all(map(torch.equal, before, parameters(model)))


def test_parametrised_weights_are_trained_or_refused():
    """The weight of such a layer is computed anew at each access: writing to it changes nothing."""
    model = weight_norm(nn.Linear(1, 1))
    try:
        history = train(model, LabData(), **LAB_RUN)
    except TypeError:
        return
    assert model.weight.item() == pytest.approx(history.w[-1, 0])


x, y = LabData()[:]
BAD_DATA = {
    "integers": (x.long(), y),
    "half": (x.half(), y),
    "complex": (x.to(torch.complex64), y),
    "empty": (x[:0], y[:0]),
    "three axes": (x[:, None], y),
    "not a number": (torch.where(x > 0.5, torch.nan, x), y),
    "infinite": (torch.where(x > 0.5, torch.inf, x), y),
    "label 2": (x, 2 * y),
    "negative label": (x, -y),
    "label not a number": (x, y / 0 * y),
    "few labels": (x, y[:7]),
    "labels in a table": (x, y.reshape(4, 5)),
    "elsewhere": (x.to("meta"), y),
    "labels elsewhere": (x, y.to("meta")),
}


@pytest.mark.parametrize("kind", BAD_DATA)
def test_bad_data(kind, model_at):
    model = model_at(5, 10)
    with pytest.raises((TypeError, ValueError), match="accepted"):
        train(model, BAD_DATA[kind], **LAB_RUN)
    assert [p.item() for p in parameters(model)] == [5, 10]


BAD_SETTINGS = [
    ("lr", -1),
    ("lr", float("nan")),
    ("lr", float("inf")),
    ("lr", "fast"),
    ("lr", None),
    ("batch_size", 0),
    ("batch_size", -3),
    ("batch_size", 2.5),
    ("batch_size", None),
    ("epochs", -1),
    ("epochs", 1e2),
    ("loss", "nll"),
    ("loss", None),
    ("device", "cuda:99"),
    ("device", "cuda:98"),
    ("device", "meta"),
    ("device", torch.device("meta")),
    ("device", "no such device"),
    ("device", 1.5),
    ("progress", "yes"),
    ("pos_weight", -1),
    ("pos_weight", "balanced"),
    ("first_epoch", -1),
]


@pytest.mark.parametrize(("name", "value"), BAD_SETTINGS)
def test_bad_settings(name, value, model_at):
    model = model_at(5, 10)
    with pytest.raises((TypeError, ValueError), match=rf"{name} is .*accepted"):
        train(model, LabData(), **(LAB_RUN | {name: value}))
    assert [p.item() for p in parameters(model)] == [5, 10]


def test_history_too_long_for_memory(model_at):
    model = model_at(5, 10)
    with pytest.raises(MemoryError, match="GB"):
        train(model, LabData(), lr=2, batch_size=3, epochs=10**13)
    assert [p.item() for p in parameters(model)] == [5, 10]


@pytest.mark.parametrize("device", [None, "cpu", torch.device("cpu")], ids=str)
def test_devices(device, model_at):
    assert len(train(model_at(5, 10), LabData(), lr=2, batch_size=3, epochs=1, device=device).b) == 7


def test_model_and_data_must_fit():
    x, y = LabData()[:]
    with pytest.raises(TypeError, match="model has parameters of float32; accepted: float64, the dtype of data x"):
        train(LogisticRegression(1), (x.double(), y), **LAB_RUN)
    with pytest.raises(ValueError, match="data x has 1 features; accepted: 3, as the model has weights"):
        train(LogisticRegression(3), (x, y), **LAB_RUN)
