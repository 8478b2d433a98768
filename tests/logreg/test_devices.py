"""Training and surfaces on a CUDA device: data moved there once, NumPy arrays and a model on the CPU after."""

import shutil
from importlib import import_module

import numpy as np
import pytest
import torch

from kernels.arguments import arrays
from kernels.losses import LOSSES
from logreg import LossLine, LossSurface, devices, record, study_rates, study_starts, train
from tests import oracle, problems

SETTINGS = {"lr": 0.3, "batch_size": 13, "epochs": 3}


@pytest.fixture(params=["simulated", pytest.param("cuda", marks=pytest.mark.cuda)])
def device(request, monkeypatch):
    """A CUDA device, or the CPU where its tensors take the path of CUDA tensors."""
    if request.param == "simulated":
        if not (shutil.which("g++") or shutil.which("clang++")):
            pytest.skip("no C++ compiler for Inductor")
        monkeypatch.setattr(arrays, "is_cuda", arrays.is_tensor)
        for module in ("training", "surface", "studies", "line"):
            monkeypatch.setattr(
                import_module(f"logreg.{module}"), "card_of", lambda device: device and torch.device(device)
            )
    return {"simulated": "cpu", "cuda": "cuda"}[request.param]


@pytest.fixture
def moves(monkeypatch):
    """Shapes of the arrays that are moved to the device."""
    shapes = []

    def moved(card, *arrays):
        shapes.extend(values.shape for values in arrays if card is not None)
        return devices.moved(card, *arrays)

    for module in ("training", "evaluation", "starts", "rates", "studies"):
        monkeypatch.setattr(import_module(f"logreg.{module}"), "moved", moved)
    return shapes


def test_a_model_is_trained_there_and_stays_here(wide, model_at, device, moves):
    model = model_at(wide.w, wide.b, torch.float64)
    history = train(model, (wide.X, wide.y), **SETTINGS, device=device)
    assert moves == [wide.X.shape, wide.y.shape]
    path = oracle.sgd_path(*wide, **SETTINGS)
    for got, want in zip((history.w, history.b, history.loss, history.x, history.y), (*path, *wide[:2]), strict=True):
        assert isinstance(got, np.ndarray)
        np.testing.assert_allclose(got, want, rtol=1e-11, atol=1e-12)
    assert model.linear.weight.device == model.linear.bias.device == torch.device("cpu")
    np.testing.assert_array_equal(model.linear.weight.detach()[0], history.w[-1])
    np.testing.assert_array_equal(model.linear.bias.detach()[0], history.b[-1])


def test_weights_and_velocities_go_there_and_come_back(wide, model_at, device, moves):
    model, weight = model_at(wide.w, wide.b, torch.float64), np.linspace(0, 2, len(wide.y))
    weights = {"sample_weight": weight, "pos_weight": 2.0, "momentum": 0.5}
    first = train(model, (wide.X, wide.y), **SETTINGS, **weights, device=device)
    on = {"velocity": first.velocity, "first_epoch": first.epoch}
    second = train(model, (wide.X, wide.y), **SETTINGS, **weights, **on, device=device)
    assert (first.epoch, second.epoch) == (3, 6)
    assert sorted(moves) == sorted([wide.X.shape, wide.y.shape, weight.shape] * 2)
    path = oracle.sgd_path(*wide, **SETTINGS | {"epochs": 6}, **weights)
    for name, want in zip(("w", "b", "loss"), path, strict=True):
        got = np.concatenate([getattr(first, name), getattr(second, name)])
        np.testing.assert_allclose(got, want, rtol=1e-11, atol=1e-12)
    assert isinstance(second.velocity, np.ndarray)


def test_divergence_leaves_the_model_where_it_got_to(wide, model_at, device):
    model = model_at(wide.w, wide.b, torch.float64)
    with pytest.raises(FloatingPointError, match="step 2 of 24"):
        train(model, (wide.X * 1e200, wide.y), **SETTINGS | {"lr": 1e108}, device=device)
    assert model.linear.weight.isfinite().all()
    assert (model.linear.weight.detach()[0].numpy() != wide.w).any()


def test_a_surface_has_its_data_moved_once(device, moves):
    """Its faint part, which is evaluated again, too."""
    x = np.linspace(-1, 1, 41)
    arguments = (x, (x > 0.2) * 1.0), (-300, 300), (-20, 20)
    surface = LossSurface.compute(*arguments, resolution=700, device=device)
    assert moves == [x.shape] * 4
    want = LossSurface.compute(*arguments, resolution=700)
    assert isinstance(surface.Z, np.ndarray)
    np.testing.assert_allclose(surface.Z, want.Z, rtol=1e-9)


def test_a_line_has_its_logits_moved_once(wide, device, moves):
    """Weights, too, and the quantities whose weights are others."""
    arguments = np.zeros(31), np.append(wide.w, wide.b), (wide.X, wide.y)
    options = {"quantities": oracle.QUANTITIES, "resolution": 9, "class_weight": {1: 2.0}, "l2": 0.1}
    line, want = (LossLine.between(*arguments, **options, device=where) for where in (device, None))
    assert moves == [wide.y.shape] * 5
    for name in oracle.QUANTITIES:
        assert isinstance(getattr(line, name), np.ndarray)
        np.testing.assert_allclose(getattr(line, name), getattr(want, name), rtol=1e-11, atol=1e-14)


@pytest.mark.long
def test_starts_are_trained_there(device, moves):
    data = problems.lab_data(np.float64)
    settings = {"lr": 2.0, "batch_size": 3, "epochs": 3, "seed": 0, "costs": tuple(LOSSES)}
    study = study_starts(data, 15, 13, 50, **settings, device=device)
    want = study_starts(data, 15, 13, 50, **settings)
    assert moves == [(20, 1), (20,), (50, 1), (50,)]
    for cost in LOSSES:
        np.testing.assert_allclose(study.loss[cost], want.loss[cost], rtol=1e-9)
        np.testing.assert_array_equal(study.steps[cost], want.steps[cost])
        np.testing.assert_array_equal(study.accuracy[cost], want.accuracy[cost])


def test_rates_are_trained_there(device, moves):
    data, arguments = problems.lab_data(np.float64), ([0.5, 4.0], [3, 20], 15, 13, 10)
    settings = {"epochs": 3, "seed": 0, "costs": ["mse"], "sample_weight": np.linspace(0, 2, 20)}
    study = study_rates(data, *arguments, **settings, device=device)
    want = study_rates(data, *arguments, **settings)
    assert moves[:3] == [(20,), (20, 1), (20,)]
    assert set(moves[3:]) == {(10, 1), (10,), (20, 1), (20,)}
    np.testing.assert_allclose(study.loss["mse"], want.loss["mse"], rtol=1e-9)
    for name in ("accuracy", "correct", "steps", "oscillating", "diverging"):
        np.testing.assert_allclose(getattr(study, name)["mse"], getattr(want, name)["mse"], rtol=1e-12)


@pytest.mark.cuda
def test_recording_steps_waits_for_no_card():
    model = torch.nn.Linear(3, 1, device="cuda")
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    path, x = record(optimizer, model), torch.randn(20, 3, device="cuda")
    mode = torch.cuda.get_sync_debug_mode()
    torch.cuda.set_sync_debug_mode("error")
    try:
        for _ in range(3):
            optimizer.zero_grad()
            model(x).sum().backward()
            optimizer.step()
    finally:
        torch.cuda.set_sync_debug_mode(mode)
    assert path.thetas.shape == (4, 4)
    np.testing.assert_array_equal(path.end_w, model.weight.detach()[0].cpu().numpy())
