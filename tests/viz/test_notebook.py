"""The drop-ins, called as the cells of the original notebook call them."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from torch import nn

from viz import PlotStuff, plot_error_surfaces


class LogisticRegression(nn.Module):
    def __init__(self, n_inputs):
        super().__init__()
        self.linear = nn.Linear(n_inputs, 1)

    def forward(self, x):
        return torch.sigmoid(self.linear(x))


@pytest.fixture
def lab():
    X = torch.arange(-1, 1, 0.1).view(-1, 1)
    return X, (X > 0.2).float()


@pytest.fixture
def model():
    model = LogisticRegression(1)
    with torch.no_grad():
        model.linear.weight.fill_(5)
        model.linear.bias.fill_(10)
    return model


def full_loss(x, y, w, b):
    z = np.float64(w) * x.astype(np.float64) + b
    return np.mean(y * np.logaddexp(0, -z) + (1 - y) * np.logaddexp(0, z))


def test_the_notebook_runs_from_end_to_end(lab, model):
    X, Y = lab
    get_surface = plot_error_surfaces(15, 13, X, Y, 30)
    assert len(plt.get_fignums()) == 2
    trainloader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(X, Y), batch_size=3)
    optimizer, criterion = torch.optim.SGD(model.parameters(), lr=2), nn.BCELoss()
    for epoch in range(21):
        for x, y in trainloader:
            loss = criterion(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            get_surface.set_para_loss(model, loss.tolist())
        if epoch % 20 == 0:
            get_surface.plot_ps()
    get_surface.final_plot()

    assert get_surface.n == len(get_surface.W) == len(get_surface.B) == len(get_surface.LOSS) == 147
    assert get_surface.W[-1] == model.linear.weight.item()
    assert get_surface.B[-1] == model.linear.bias.item()
    assert get_surface.LOSS[-1] == loss.tolist()
    first, last, solid, flat = map(plt.figure, plt.get_fignums()[2:])
    assert [ax.get_title() for ax in first.axes[:2]] == ["Data Space Iteration: 7", "Loss Surface Contour Iteration: 7"]
    assert last.axes[0].get_title() == "Data Space Iteration: 147"
    for ax, steps in (first.axes[1], 7), (last.axes[1], 147), (flat.axes[0], 147):
        assert path_in(ax).get_xdata().tolist() == get_surface.W[:steps]
        assert path_in(ax).get_ydata().tolist() == get_surface.B[:steps]
    _, _, heights = path_in(solid.axes[0]).get_data_3d()
    losses = [full_loss(X.numpy(), Y.numpy(), w, b) for w, b in zip(get_surface.W, get_surface.B, strict=True)]
    np.testing.assert_allclose(heights, losses)
    for number in plt.get_fignums():
        plt.figure(number).canvas.draw()


def path_in(ax):
    return next(line for line in ax.lines if line.get_label() == "path")


@pytest.mark.parametrize("n_samples", [2, 30, 47])
def test_grids_have_the_size_asked_for(lab, n_samples):
    surface = plot_error_surfaces(15, 13, *lab, n_samples=n_samples, go=False)
    for grid in surface.w, surface.b, surface.Z:
        assert grid.shape == (n_samples, n_samples)
        assert grid.dtype == np.float64
    np.testing.assert_array_equal(surface.w[0, [0, -1]], [-15, 15])
    np.testing.assert_array_equal(surface.b[[0, -1], 0], [-13, 13])
    assert (np.ptp(surface.w, axis=0) == 0).all()
    assert plt.get_fignums() == []


def test_surface_is_the_mean_cross_entropy(lab):
    x, y = (values.numpy() for values in lab)
    surface = plot_error_surfaces(15, 13, *lab, n_samples=5, go=False)
    np.testing.assert_allclose(
        surface.Z,
        [[full_loss(x, y, w, b) for w, b in zip(*row, strict=True)] for row in zip(surface.w, surface.b, strict=True)],
        rtol=1e-10,
    )
    assert (surface.Z >= 0).all()


def test_data_are_kept_as_arrays(lab):
    surface = plot_error_surfaces(15, 13, *lab, go=False)
    np.testing.assert_array_equal(surface.x, lab[0].numpy())
    np.testing.assert_array_equal(surface.y, lab[1].numpy())
    assert (surface.W, surface.B, surface.LOSS, surface.n) == ([], [], [], 0)


def test_one_dimensional_arrays_will_do(lab, model):
    surface = plot_error_surfaces(15, 13, *(values.numpy().ravel() for values in lab))
    surface.set_para_loss(model, 5.2)
    surface.plot_ps()
    assert len(plt.get_fignums()) == 3


def test_loss_is_kept_as_given(lab, model):
    surface = plot_error_surfaces(15, 13, *lab, go=False)
    loss = torch.tensor(5.2)
    surface.set_para_loss(model, loss)
    assert surface.LOSS[0] is loss
    assert (surface.W, surface.B, surface.n) == ([5.0], [10.0], 1)


def test_the_window_is_kept_when_the_path_leaves(lab, model):
    surface = plot_error_surfaces(15, 13, *lab, go=False)
    surface.set_para_loss(model, 0)
    model.linear.weight.data.fill_(40)
    surface.set_para_loss(model, 0)
    surface.final_plot()
    for number in plt.get_fignums():
        (ax, *_) = plt.figure(number).axes
        np.testing.assert_allclose(ax.get_xlim(), (-15, 15))
        assert any("the path leaves the window" in text.get_text() for text in ax.texts)


@pytest.mark.parametrize("call", ["plot_ps", "final_plot"])
def test_drawing_before_recording_is_refused(lab, call):
    surface = plot_error_surfaces(15, 13, *lab, go=False)
    with pytest.raises(ValueError, match=f"{call} needs a recorded step: call set_para_loss"):
        getattr(surface, call)()
    assert plt.get_fignums() == []


@pytest.mark.parametrize(("w_range", "b_range", "n_samples"), [(0, 13, 30), (15, -13, 30), (15, 13, 1)])
def test_bad_ranges_are_refused(lab, w_range, b_range, n_samples):
    with pytest.raises(ValueError, match="w_range and b_range must be positive and finite and n_samples at least 2"):
        plot_error_surfaces(w_range, b_range, *lab, n_samples=n_samples)


def test_data_of_two_features_are_refused(lab):
    X, Y = lab
    with pytest.raises(ValueError, match=r"data x must be \(n, 1\) or \(n,\)"):
        plot_error_surfaces(15, 13, torch.hstack([X, X]), Y)


def test_plot_stuff_draws_on_the_current_axes(lab, model):
    X, Y = lab
    _, ax = plt.subplots()
    PlotStuff(X, Y, model, 0, leg=False)
    assert ax.get_legend() is None
    PlotStuff(X, Y, model, 5)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["epoch 0", "epoch 5"]
    curve, drawn_labels = ax.lines[2:]
    np.testing.assert_array_equal(curve.get_ydata(), model(X).detach().numpy().ravel())
    np.testing.assert_array_equal(drawn_labels.get_ydata(), Y.numpy().ravel())
    assert len(plt.get_fignums()) == 1
