"""The drop-ins, called as the cells of the original notebook call them."""

import re
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.backend_bases import CloseEvent, FigureManagerBase
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from torch import nn

from kernels.losses import LOSSES
from logreg import LabData
from tests import oracle
from viz import PlotStuff, plot_error_surfaces

NOTEBOOKS = Path(__file__).parent / "notebooks"


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
    move(model, 5, 10)
    return model


def move(model, w, b):
    with torch.no_grad():
        model.linear.weight.fill_(w)
        model.linear.bias.fill_(b)


def record(surface, model, *pairs):
    for w, b in pairs:
        move(model, w, b)
        surface.set_para_loss(model, 1.0)


def path_in(ax):
    return next(filter(is_path, ax.lines))


def is_path(line):
    return line.get_label() == "path"


def axes_with_path(surface):
    return [ax for figure in surface.figures.values() for ax in figure.axes if any(map(is_path, ax.lines))]


def full_loss(surface, w, b, loss):
    plane = oracle.one_feature_plane(surface.x.ravel())
    return oracle.value_at(plane, surface.y.ravel(), w, b, loss=loss)


@cache
def run_cells(name):
    """What the cells of a notebook define, and how many lines each Axes has that a cell leaves to pyplot, which are
    closed then, as a notebook does."""
    defined, left = {}, []
    for cell in re.split(r"^# %%", (NOTEBOOKS / f"{name}.py").read_text(), flags=re.MULTILINE)[1:]:
        exec(compile(f"# %%{cell}", name, "exec"), defined)
        left += [[len(ax.lines) for ax in plt.figure(number).axes] for number in plt.get_fignums()]
        plt.close("all")
    return defined, left


@pytest.mark.parametrize(
    ("name", "loss", "start", "steps_a_record", "records", "accuracy"),
    [
        ("cross_entropy", "bce", (5, 10), 1, 700, 1.0),
        ("mean_squared_error", "mse", (-5, -10), 1, 700, 0.65),
        ("copy_of_2018", "bce", (-0.0074882, 0.5364435), 7, 8, 0.95),
    ],
)
def test_notebooks_record_their_training(name, loss, start, steps_a_record, records, accuracy):
    defined, _ = run_cells(name)
    surface = defined["get_surface"]
    options = {"lr": 2, "batch_size": 3, "epochs": records * steps_a_record // 7, "loss": loss}
    w, b, losses = oracle.sgd_path(surface.x, surface.y.ravel(), [start[0]], start[1], **options)
    recorded = slice(steps_a_record - 1, None, steps_a_record)
    assert surface.n == records
    np.testing.assert_allclose(surface.W, w[recorded, 0], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(surface.B, b[recorded], rtol=1e-4, atol=1e-4)
    sums = losses.reshape(records, -1).sum(axis=1)
    np.testing.assert_allclose([float(value) for value in surface.LOSS], sums, rtol=1e-3, atol=1e-5)
    assert [surface.W[-1], surface.B[-1]] == [parameter.item() for parameter in defined["model"].parameters()]
    assert defined["accuracy"].item() == pytest.approx(accuracy)


@pytest.mark.parametrize(
    ("name", "loss"), [("cross_entropy", "bce"), ("mean_squared_error", "mse"), ("copy_of_2018", "bce")]
)
def test_notebooks_draw_their_path_on_the_surface_of_their_cost(name, loss):
    surface = run_cells(name)[0]["get_surface"]
    assert surface.Z.shape == (30, 30)
    for row, column in np.random.default_rng(0).integers(0, 30, (20, 2)):
        w, b = surface.w[row, column], surface.b[row, column]
        np.testing.assert_allclose(surface.Z[row, column], full_loss(surface, w, b, loss), rtol=1e-11)
    figures = surface.figures
    assert list(figures) == ["surface", "contour", "iteration", "final surface", "final contour"]
    np.testing.assert_array_equal(path_in(figures["final contour"].axes[0]).get_data(), (surface.W, surface.B))
    *_, heights = path_in(figures["final surface"].axes[0]).get_data_3d()
    inside = np.flatnonzero(np.abs(surface.W) <= 15)
    for step in inside[:: len(inside) // 5]:
        height = full_loss(surface, surface.W[step], surface.B[step], loss)
        np.testing.assert_allclose(heights[step], height, rtol=1e-11)


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("cross_entropy", [[2], [1], [2]]),
        ("mean_squared_error", [[2], [10], [1]]),
        ("copy_of_2018", [[1, 1], [2]]),
    ],
)
def test_what_the_cells_of_notebooks_plot_is_theirs_alone(name, lines):
    assert run_cells(name)[1] == lines


def test_corrections_of_the_notebooks_are_unavoidable():
    data = torch.utils.data.TensorDataset(*LabData()[:])
    with pytest.raises(IndexError):
        data[:, 1]
    with pytest.raises(RuntimeError, match="dtype"):
        torch.mean((data[:][1] > 0.5).type(torch.ByteTensor))


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


@pytest.mark.parametrize("loss", LOSSES)
def test_surface_is_the_mean_cost(lab, loss):
    surface = plot_error_surfaces(15, 13, *lab, n_samples=5, go=False, loss=loss)
    cells = [full_loss(surface, w, b, loss) for w, b in zip(surface.w.ravel(), surface.b.ravel(), strict=True)]
    np.testing.assert_allclose(surface.Z.ravel(), cells, rtol=1e-11)


def test_data_are_kept_as_arrays(lab):
    surface = plot_error_surfaces(15, 13, *lab, go=False)
    np.testing.assert_array_equal(surface.x, lab[0].numpy())
    np.testing.assert_array_equal(surface.y, lab[1].numpy())
    assert (surface.W, surface.B, surface.LOSS, surface.n) == ([], [], [], 0)


def test_one_dimensional_arrays_will_do(lab, model):
    surface = plot_error_surfaces(15, 13, *(values.numpy().ravel() for values in lab))
    surface.set_para_loss(model, 5.2)
    surface.plot_ps()
    assert surface.figures["iteration"].axes[0].get_title() == "Data Space Iteration: 1"


def test_loss_is_kept_as_given(lab, model):
    surface = plot_error_surfaces(15, 13, *lab, go=False)
    loss = torch.tensor(5.2)
    surface.set_para_loss(model, loss)
    assert surface.LOSS[0] is loss
    assert (surface.W, surface.B, surface.n) == ([5.0], [10.0], 1)


def test_losses_that_require_a_gradient_can_be_plotted(lab, model):
    X, Y = lab
    surface = plot_error_surfaces(15, 13, X, Y, go=False)
    loss = nn.BCELoss()(model(X), Y)
    surface.set_para_loss(model, loss)
    surface.set_para_loss(model, loss.tolist())
    assert not surface.LOSS[0].requires_grad
    np.testing.assert_array_equal(plt.plot(surface.LOSS)[0].get_ydata(), [loss.item()] * 2)


def test_the_name_of_2018_records_too(lab, model):
    surface = plot_error_surfaces(15, 13, *lab, go=False)
    surface.get_stuff(model, 5.2)
    assert (surface.W, surface.B, surface.LOSS, surface.n) == ([5.0], [10.0], [5.2], 1)


def test_what_is_no_model_is_refused(lab):
    surface = plot_error_surfaces(15, 13, *lab, go=False)
    with pytest.raises(TypeError, match=r"model is a NoneType; accepted: a torch\.nn\.Module"):
        surface.set_para_loss(None, 1.0)
    assert (surface.W, surface.LOSS, surface.n) == ([], [], 0)


@pytest.mark.parametrize(
    "model", [nn.Linear(2, 1), nn.Linear(1, 1, bias=False), nn.Sequential(nn.Linear(1, 3))], ids=str
)
def test_models_of_other_parameters_are_refused(lab, model):
    surface = plot_error_surfaces(15, 13, *lab, go=False)
    with pytest.raises(
        ValueError, match=r"model has first parameters of shapes \[.*; accepted: one weight, then one bias"
    ):
        surface.set_para_loss(model, 1.0)
    assert (surface.W, surface.B, surface.LOSS, surface.n) == ([], [], [], 0)


def test_iterations_are_drawn_so_far(lab, model):
    surface = plot_error_surfaces(15, 13, *lab, go=False)
    for count, pair in enumerate([(5, 10), (6, 8), (7, 3)], 1):
        record(surface, model, pair)
        surface.plot_ps()
        left, right, *_ = surface.figures["iteration"].axes
        assert left.get_title() == f"Data Space Iteration: {count}"
        assert right.get_title() == f"Loss Surface Contour Iteration: {count}"
        if count > 1:
            np.testing.assert_array_equal(path_in(right).get_data(), (surface.W, surface.B))
        line = next(line for line in left.lines if line.get_label() == "line w x + b")
        x, y = line.get_data()
        np.testing.assert_allclose(y, pair[0] * x + pair[1])


@pytest.mark.parametrize("before_training", [True, False])
def test_the_first_mark_is_not_called_the_start(lab, model, before_training):
    surface = plot_error_surfaces(15, 13, *lab, go=False)
    if before_training:
        surface.set_para_loss(model, None)
    record(surface, model, (6.8, 8), (7, 6))
    surface.set_para_loss(model, torch.tensor(1.0, requires_grad=True))
    surface.plot_ps()
    surface.final_plot()
    for ax in axes_with_path(surface):
        marks = {line.get_label(): line.get_data() for line in ax.lines}
        texts = [text.get_text() for text in ax.get_legend().get_texts()]
        assert "start" not in {*marks, *texts}
        assert "first recorded" in texts
        np.testing.assert_array_equal(marks["first recorded"], [surface.W[:1], surface.B[:1]])
    assert surface.W[0] == (5 if before_training else pytest.approx(6.8))
    losses = plt.plot(surface.LOSS)[0].get_ydata(orig=False)
    np.testing.assert_array_equal(losses, [np.nan] * before_training + [1, 1, 1])


def test_the_window_is_kept_when_the_path_leaves(lab, model):
    surface = plot_error_surfaces(15, 13, *lab, go=False)
    record(surface, model, (5, 10), (40, 10))
    surface.final_plot()
    for figure in surface.figures.values():
        ax = figure.axes[0]
        np.testing.assert_allclose(ax.get_xlim(), (-15, 15))
        assert any("the path leaves the window" in text.get_text() for text in ax.texts)


NAN, INF = float("nan"), float("inf")
NOT_FINITE = {
    "end": [(5, 10), (6, 8), (NAN, 8)],
    "start": [(NAN, NAN), (5, 10), (6, 8)],
    "middle": [(5, 10), (5, INF), (-INF, 2), (6, 8)],
    "overflowing logits": [(5, 10), (6, 8), (1.7e308, 0), (1e308, 1e308)],
}


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("case", NOT_FINITE)
def test_the_finite_part_of_the_path_is_drawn(lab, model, case, loss):
    X, Y = lab
    surface = plot_error_surfaces(15, 13, 2 * X, Y, go=False, loss=loss)
    record(surface, model.double(), *NOT_FINITE[case])
    surface.plot_ps()
    surface.final_plot()
    lost, steps = len(surface.W) - 2, len(surface.W)
    for ax in axes_with_path(surface):
        np.testing.assert_array_equal(path_in(ax).get_data(), [(5, 6), (10, 8)])
        assert f"{lost} of {steps} recorded steps not finite" in ax.get_title()
    left = surface.figures["iteration"].axes[0]
    assert left.get_title() == f"Data Space Iteration: {surface.W.index(6) + 1}"
    *_, heights = path_in(surface.figures["final surface"].axes[0]).get_data_3d()
    np.testing.assert_allclose(heights, [full_loss(surface, *pair, loss) for pair in [(5, 10), (6, 8)]], rtol=1e-11)


def test_without_a_finite_step_the_surface_is_drawn(lab, model):
    surface = plot_error_surfaces(15, 13, *lab, go=False)
    record(surface, model, (NAN, NAN))
    surface.plot_ps()
    surface.final_plot()
    left, right, *_ = surface.figures["iteration"].axes
    assert left.get_title() == "Data Space: no finite model"
    assert right.get_title() == "Loss Surface Contour Iteration: 1\n1 of 1 recorded steps not finite"
    for figure in surface.figures.values():
        figure.canvas.draw()


def test_a_loss_that_is_not_finite_is_no_matter(lab, model):
    surface = plot_error_surfaces(15, 13, *lab, go=False)
    surface.set_para_loss(model, NAN)
    surface.plot_ps()
    assert surface.figures["iteration"].axes[1].get_title() == "Loss Surface Contour Iteration: 1"


@pytest.mark.parametrize("call", ["plot_ps", "final_plot"])
def test_drawing_before_recording_is_refused(lab, call):
    surface = plot_error_surfaces(15, 13, *lab, go=False)
    with pytest.raises(ValueError, match=f"{call} has no recorded step; accepted: one or more, each by set_para_loss"):
        getattr(surface, call)()
    assert surface.figures == {}


def test_pyplot_goes_on_with_its_own_figure(lab, model):
    with matplotlib.rc_context({"figure.max_open_warning": 1}):
        mine = plt.figure()
        surface = plot_error_surfaces(15, 13, *lab)
        for _ in range(3):
            record(surface, model, (5, 10))
            surface.plot_ps()
        surface.final_plot()
        assert plt.get_fignums() == [mine.number]
        assert plt.gcf() is mine
        assert mine.axes == []


def test_figures_can_be_laid_out_anew_and_saved(lab, model, tmp_path):
    surface = plot_error_surfaces(15, 13, *lab)
    record(surface, model, (5, 10), (6, 8))
    surface.plot_ps()
    surface.final_plot()
    for name, figure in surface.figures.items():
        figure.tight_layout()
        figure.savefig(tmp_path / f"{name}.png")
        assert (plt.imread(tmp_path / f"{name}.png")[..., :3] < 0.9).any()


@pytest.fixture
def shown(monkeypatch):
    """What is shown in windows or displayed by IPython, in order; "closed" for a window that is."""
    shown = []
    ipython = ModuleType("IPython")
    ipython.display = ModuleType("IPython.display")
    ipython.display.display = shown.append
    ipython.get_ipython, ipython.version_info = lambda: None, (9, 0)
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", ipython.display)
    before = matplotlib.get_backend()
    yield shown
    plt.switch_backend(before)


def switch_backend(monkeypatch, name, canvas):
    backend = ModuleType(name)
    backend.FigureCanvas = canvas
    monkeypatch.setitem(sys.modules, name, backend)
    plt.switch_backend(f"module://{name}")


def test_notebooks_display_each_figure_as_it_is_drawn(lab, model, shown, monkeypatch):
    switch_backend(monkeypatch, "backend_inline", FigureCanvasAgg)
    surface = plot_error_surfaces(15, 13, *lab)
    assert shown == [surface.figures["surface"], surface.figures["contour"]]
    record(surface, model, (5, 10))
    surface.plot_ps()
    first = surface.figures["iteration"]
    surface.plot_ps()
    assert shown[2:] == [first, surface.figures["iteration"]]
    surface.final_plot()
    assert shown[4:] == [surface.figures["final surface"], surface.figures["final contour"]]
    assert len(set(shown)) == 6
    assert plt.get_fignums() == []


def test_windows_show_the_latest_of_each_kind(lab, model, shown, monkeypatch):
    class Window(FigureManagerBase):
        def show(self):
            shown.append(self.canvas.figure)

        def destroy(self):
            shown.append("closed")
            self.close()

        def close(self):
            self.canvas.callbacks.process("close_event", CloseEvent("close_event", self.canvas))

    class Canvas(FigureCanvasAgg):
        manager_class = Window

    switch_backend(monkeypatch, "windows", Canvas)
    surface = plot_error_surfaces(15, 13, *lab)
    record(surface, model, (5, 10))
    surface.plot_ps()
    assert shown == [surface.figures[name] for name in ("surface", "contour", "iteration")]
    surface.plot_ps()
    assert shown[3:] == ["closed", surface.figures["iteration"]]
    surface.figures["iteration"].canvas.manager.close()  # as a user does
    surface.plot_ps()
    assert shown[5:] == [surface.figures["iteration"]]
    assert plt.get_fignums() == []


@pytest.mark.parametrize(
    "ranges", [(0, 13), (15, -13), (np.inf, 13), (15, np.nan), ("15", 13), (15, None), ([1, 2], 3)]
)
def test_bad_ranges_are_refused(lab, ranges):
    with pytest.raises(
        (TypeError, ValueError),
        match=r"[wb]_range (is|has) .*; accepted: (numbers > 0|one number|real numbers|finite values)$",
    ):
        plot_error_surfaces(*ranges, *lab)


def test_ranges_may_be_of_one_element(lab):
    surface = plot_error_surfaces(torch.tensor([15.0]), np.array(13), *lab, go=False)
    assert (surface.w[0, -1], surface.b[-1, 0]) == (15, 13)


@pytest.mark.parametrize("n_samples", [1, 30.5, True, None])
def test_points_that_are_no_number_of_them_are_refused(lab, n_samples):
    with pytest.raises((TypeError, ValueError), match="n_samples"):
        plot_error_surfaces(15, 13, *lab, n_samples=n_samples)


def test_grids_that_do_not_fit_into_memory_are_refused_at_once(lab):
    with pytest.raises(MemoryError, match=r"an array \(10000000, 10000000, 3\) of float64 takes"):
        plot_error_surfaces(15, 13, *lab, n_samples=10_000_000)


def test_figures_have_the_size_that_the_style_says(lab, model):
    with plt.rc_context({"figure.figsize": (5, 4)}):
        surface = plot_error_surfaces(15, 13, *lab, n_samples=4)
        record(surface, model, (5, 10), (6, 8))
        surface.plot_ps()
    assert surface.figures["surface"].get_size_inches().tolist() == [5, 4]
    assert surface.figures["contour"].get_size_inches().tolist() == [5, 4]
    assert surface.figures["iteration"].get_size_inches().tolist() == [10, 4]


def test_data_of_two_features_are_refused(lab):
    X, Y = lab
    with pytest.raises(ValueError, match=r"data x has shape \(20, 2\); accepted: \(n, 1\) or \(n,\)"):
        plot_error_surfaces(15, 13, torch.hstack([X, X]), Y)


def test_other_losses_are_refused(lab):
    with pytest.raises(ValueError, match="loss is 'hinge'; accepted: 'bce', 'mse'"):
        plot_error_surfaces(15, 13, *lab, loss="hinge")


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


@pytest.mark.parametrize("style", ["default", *plt.style.available])
def test_plot_stuff_can_be_seen_under_every_style(lab, model, style):
    with plt.style.context(style):
        _, ax = plt.subplots()
        _, labels = PlotStuff(*lab, model, 0)
        light, dark = sorted(map(luminance, (labels.get_color(), ax.get_facecolor())), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5


def luminance(color):
    """Relative luminance as WCAG 2.1 has it."""
    srgb = np.array(to_rgb(color))
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    return linear @ (0.2126, 0.7152, 0.0722)
