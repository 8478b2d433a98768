"""python -m logreg surface: the data, the window, what is printed and drawn."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn import datasets as sklearn_datasets
from sklearn import linear_model
from sklearn.preprocessing import StandardScaler

from kernels import reference
from kernels.results import Plan
from logreg import LabData, __main__, datasets, speaking, train
from logreg.commands import planes, trials
from logreg.commands.planes import run_surface
from logreg.commands.surface import Exploration
from logreg.model import seeded_model
from logreg.penalised import train_penalised


def test_defaults():
    assert Exploration() == Exploration(
        "breast_cancer", "pca", None, 300, ("loss", "accuracy", "gradient", "hessian"), 0.0, Path("out"), 0, "cpu"
    )


def test_breast_cancer_is_standardised():
    x, y = datasets.load("breast_cancer")
    raw, labels = sklearn_datasets.load_breast_cancer(return_X_y=True)
    np.testing.assert_allclose(x, StandardScaler().fit_transform(raw), atol=1e-12)
    np.testing.assert_array_equal(y, labels)


def test_digits_are_zeros_and_ones():
    x, y = datasets.load("digits")
    raw, labels = sklearn_datasets.load_digits(return_X_y=True)
    raw, labels = raw[labels < 2], labels[labels < 2]
    np.testing.assert_allclose(x, StandardScaler().fit_transform(raw), atol=1e-12)
    np.testing.assert_array_equal(y, labels)
    assert x.shape == (360, 64)
    assert (x[:, 0] == 0).all()


def test_the_lab_is_as_it_is():
    x, y = datasets.load("lab")
    np.testing.assert_array_equal(x, LabData().x)
    np.testing.assert_array_equal(y[:, None], LabData().y)


def test_real_data_without_scikit_learn(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(ValueError, match=r"data is 'digits', which needs scikit-learn \(pip .*\); accepted: 'lab'"):
        datasets.load("digits")
    assert len(datasets.load("lab")[1]) == 20


@pytest.mark.parametrize("name", ["iris", "", None])
def test_unknown_data(name):
    with pytest.raises(ValueError, match=r"name is .*; accepted: 'breast_cancer', 'digits', 'lab'"):
        datasets.load(name)


def test_start_is_that_of_the_seed():
    weights = [seeded_model(3, seed).linear.weight.tolist() for seed in (1, 1, 2)]
    assert weights[0] == weights[1] != weights[2]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"data": "lab", "directions": "axes"}, ("lab: n = 20, d = 1, trained to accuracy 1", "8 x 8 points of loss")),
        ({"directions": "hessian", "quantities": ("accuracy",)}, ("breast_cancer: n = 569", "is not drawn: 99.")),
        ({"data": "digits", "quantities": ("gradient", "hessian", "mse")}, ("digits: n = 360, d = 64", "direct: ")),
        ({"data": "lab", "directions": "random", "l2": 0.1, "extent": 2.0}, ("lab: ", "none interpolated")),
    ],
)
def test_what_is_printed_and_drawn(settings, words, tmp_path, capsys):
    settings = Exploration(**settings, resolution=8, out=tmp_path / "new")
    surface = run_surface(settings)
    text = capsys.readouterr().out
    for part in words:
        assert part in text
    name = f"{settings.data}-{settings.directions}"
    drawn = {tmp_path / "new" / f"{stem}.png" for stem in (name, f"{name}-3d")}
    assert set((tmp_path / "new").iterdir()) == drawn
    assert all(f"drawn: {path}" in text for path in drawn)
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in drawn)
    assert all(getattr(surface, quantity) is not None for quantity in settings.quantities)
    assert surface.l2 == settings.l2
    if settings.extent:
        assert surface.s[-1] == settings.extent


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (
            {"data": "lab", "directions": "axes"},
            (
                "lab: n = 20, d = 1, entrenado hasta exactitud 1",
                "8 x 8 puntos de pérdida, exactitud, gradiente, hessiana en ",
                "directo: ",
            ),
        ),
        (
            {"data": "lab", "l2": 0.1},
            (
                "lab: n = 20, d = 1, entrenado con l2 = 0.1 hasta exactitud ",
                "se evalúa cada punto, ninguno se interpola",
            ),
        ),
        ({"directions": "hessian"}, ("la trayectoria del entrenamiento no se dibuja: el 99.",)),
    ],
)
def test_what_is_printed_in_spanish(settings, words, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(planes, "draw_plane", lambda *_: None)
    monkeypatch.setattr(planes, "draw_plane_3d", lambda *_: None)
    monkeypatch.setattr(planes, "save", lambda _, path: path)
    with speaking("es"):
        run_surface(Exploration(**{"resolution": 8} | settings, out=tmp_path))
    text = capsys.readouterr().out
    assert all(part in text for part in words)
    assert f"dibujado: {tmp_path}" in text
    assert not {"trained", "points", "direct", "loss", "gradient", "drawn"} & set(re.findall(r"\w+", text))


def test_how_a_surface_was_evaluated():
    direct, spectral = Plan("direct", None, 0.0, "few points"), Plan("spectral", (12, 7), 3.5e-9, "many")
    assert planes.way_of(direct) == "direct: every point is evaluated, none interpolated"
    assert planes.way_of(spectral) == "spectral: interpolated between 12 x 7 nodes; error bound 3.5e-09"
    with speaking("es"):
        assert planes.way_of(spectral) == "espectral: interpolado entre 12 x 7 nodos; cota de error 3.5e-09"


def test_components_hold_most_of_the_path(tmp_path):
    surface = run_surface(Exploration(quantities=("loss",), resolution=5, out=tmp_path))
    assert 0.95 < sum(surface.plane.explained) < 1
    assert surface.plane.explained[0] > surface.plane.explained[1] > 0.01


@pytest.mark.parametrize("l2", [0.01, 0.3, 100.0])
@pytest.mark.parametrize("data", ["digits", "breast_cancer", "lab"])
def test_what_is_penalised_is_trained_so(data, l2, tmp_path, capsys, monkeypatch):
    """The model lies at the minimum of the surface that is drawn, the one that scikit-learn finds."""
    monkeypatch.setattr(planes, "draw", lambda *_: None)
    options = {"directions": "hessian", "resolution": 41, "extent": 1.0, "quantities": ("loss",)}
    surface = run_surface(Exploration(data=data, l2=l2, out=tmp_path, **options))
    assert f"trained with l2 = {l2:g} to accuracy" in capsys.readouterr().out
    assert np.abs(surface.minimum[:2]).max() < 0.051  # a cell
    x, y = datasets.load(data)
    best = linear_model.LogisticRegression(C=1 / (len(y) * l2), tol=1e-10, max_iter=10_000).fit(x, y)
    losses = np.logaddexp(0, np.where(y > 0.5, -1, 1) * best.decision_function(x))
    want = losses.mean() + l2 / 2 * (best.coef_**2).sum()
    assert want - 1e-9 <= surface.loss[20, 20] < want + 1e-4 * max(1, want)


@pytest.mark.parametrize("l2", [0.0, 1e-3, 1.0, 1e6])
def test_steps_with_a_penalty(l2, wide, model_at):
    """The first ones, by autograd; the start and the parameters of the model; nothing decays the bias."""
    model, data = model_at(wide.w, wide.b, torch.float64), (wide.X, wide.y)
    history = train_penalised(model, data, lr=0.3, steps=4, l2=l2)
    w, b = (torch.tensor(part, dtype=torch.float64, requires_grad=True) for part in (wide.w, np.reshape(wide.b, 1)))
    for k in range(4):
        loss = reference.linear_bce(torch.from_numpy(wide.X), w, b, torch.from_numpy(wide.y))
        assert history.loss[k] == pytest.approx(loss.item(), rel=1e-12)
        grad_w, grad_b = torch.autograd.grad(loss, (w, b))
        with torch.no_grad():
            w.sub_(0.3 * grad_w).div_(1 + 0.3 * l2)
            b.sub_(0.3 * grad_b)
        np.testing.assert_allclose(history.w[k], w.detach(), rtol=1e-11, atol=1e-14)
        np.testing.assert_allclose(history.b[k], b.item(), rtol=1e-11, atol=1e-14)
    np.testing.assert_array_equal(history.start_w, wide.w)
    np.testing.assert_array_equal(history.end_w, history.w[-1])
    np.testing.assert_array_equal(model.linear.weight.detach()[0], history.w[-1])
    assert (history.steps, history.steps_per_epoch, model.linear.bias.item()) == (4, 1, history.end_b)


def test_training_without_a_penalty_is_that_of_minibatches(monkeypatch, tmp_path):
    monkeypatch.setattr(planes, "train_penalised", lambda *_, **__: pytest.fail("all the data was in a step"))
    run_surface(Exploration(data="lab", resolution=3, quantities=("loss",), out=tmp_path))


# The command line


@pytest.fixture
def asked(monkeypatch):
    calls = []
    monkeypatch.setattr(planes, "run_surface", calls.append)
    monkeypatch.setattr(trials, "run_lab", lambda settings: pytest.fail("the lab was run"))
    return calls


@pytest.mark.parametrize(
    ("arguments", "changes"),
    [
        ("", {}),
        ("--data digits", {"data": "digits"}),
        ("--directions random --seed 3", {"directions": "random", "seed": 3}),
        ("--extent 2.5", {"extent": 2.5}),
        ("--resolution 30", {"resolution": 30}),
        ("--quantities loss mse", {"quantities": ("loss", "mse")}),
        ("--l2 0.1", {"l2": 0.1}),
        ("--out some/where", {"out": Path("some/where")}),
    ],
)
def test_options(arguments, changes, asked):
    assert __main__.main(["surface", *arguments.split()]) is None
    assert asked == [Exploration(**changes)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["surface", "--data", "iris"], "--data is 'iris'; accepted: breast_cancer, digits, lab\n"),
        (["surface", "--directions", "svd"], "--directions is 'svd'; accepted: axes, "),
        (["surface", "--quantities", "margin"], "--quantities is 'margin'; accepted: loss, mse, "),
        (["surface", "--extent", "wide"], "--extent is 'wide'; accepted: a number"),
        (["surface", "--epochs", "3"], "--epochs is no option; accepted: --help, "),
        (["--lr", "3", "surface"], "surface is after options; accepted: a command before its options"),
    ],
)
def test_what_is_refused(arguments, message, asked, capsys):
    with pytest.raises(SystemExit) as stop:
        __main__.main(arguments)
    assert stop.value.code == 2
    assert message in capsys.readouterr().err
    assert asked == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--resolution", "1"], "--resolution is 1; accepted"),
        (["--extent", "-1"], "--extent is -1; accepted: a finite number > 0"),
        (["--extent", "0"], "--extent is 0; accepted: a finite number > 0"),
        (["--extent", "nan"], "--extent is nan; accepted: a finite number > 0"),
        (["--extent", "inf"], "--extent is inf; accepted: a finite number > 0"),
        (["--l2", "-1"], "--l2 is -1.0; accepted"),
        (["--seed", "-1"], "--seed is -1; accepted"),
        (["--resolution", "10000000"], "GB"),
        (["--out", __file__], "test_surface_command"),
    ],
)
def test_wrong_values(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        __main__.main(["surface", "--data", "lab", *arguments])
    assert stop.value.code == 2
    assert message in capsys.readouterr().err.rpartition("python -m logreg surface: error: ")[2]
    assert list(tmp_path.rglob("*.png")) == []


def test_help_names_the_options(capsys):
    with pytest.raises(SystemExit) as stop:
        __main__.main(["surface", "--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    options = ("data", "directions", "extent", "resolution", "quantities", "l2", "out", "seed")
    assert all(f"--{option} " in text for option in options)


def test_the_device_and_the_time_are_those_of_the_work(tmp_path, monkeypatch, capsys):
    """Everything is asked to run on the device, and what is timed is the surface alone."""
    clock, devices = iter([7.0, 7.125]), []

    def on_device(function):
        def called(*arguments, device, **options):
            devices.append(device)
            return function(*arguments, device="cpu", **options)

        return called

    monkeypatch.setattr(planes, "perf_counter", lambda: next(clock))
    monkeypatch.setattr(planes, "card_of", devices.append)
    monkeypatch.setattr(planes, "train", on_device(train))
    monkeypatch.setattr(planes.LossSurface, "around", on_device(planes.LossSurface.around))
    run_surface(
        Exploration(data="lab", directions="axes", resolution=5, quantities=("loss",), out=tmp_path, device="cuda:3")
    )
    assert devices == ["cuda:3"] * 3
    assert "5 x 5 points of loss in 0.125 s" in capsys.readouterr().out
