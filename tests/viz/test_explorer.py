"""The explorer: what is drawn is what is trained, whoever asks for it, a call, a mouse or a key."""

import gc
import weakref
from io import BytesIO
from itertools import combinations

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.backend_bases import KeyEvent, MouseEvent, ResizeEvent
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb, to_rgba
from PIL import Image

from kernels import sgd_run_
from kernels.language import speaking
from logreg import LabData, LossSurface
from tests.viz.boxes import out_of_picture, overlap, overlapping
from tests.viz.contrast import contrast, faint_texts
from viz import explore
from viz.explorer.controls import knobs_of
from viz.explorer.panels import MOST_DRAWN, drawn_of
from viz.explorer.problem import lab_data
from viz.explorer.run import Settings

matplotlib.use("Agg")

PIXEL = 0.11  # at most, in units of the lab's axes
LAB = {"lr": 2.0, "batch_size": 3, "epochs": 100}
CHANGES = [
    {},
    {"start": (-15.0, -10.0)},
    {"lr": 0.37},
    {"lr": 0.0},
    {"batch_size": 1},
    {"batch_size": 50},
    {"momentum": 0.9},
    {"epochs": 0},
    {"epochs": 7, "batch_size": 20},
    {"shuffle_seed": 4},
    {"loss": "mse"},
    {"loss": "mse", "momentum": 0.5, "shuffle_seed": 0, "batch_size": 7, "start": (3.0, -2.0)},
]


@pytest.fixture(autouse=True)
def pictures_when_asked_for(monkeypatch):
    """A figure without a window is drawn at each change, else."""
    monkeypatch.setattr(FigureCanvasAgg, "draw_idle", lambda canvas: None)


@pytest.fixture
def explorer():
    return explore()


def path_of(X, y, theta, loss="bce", **options):
    """Parameters (steps + 1, d + 1) of a run by kernels, the start first."""
    w, b = theta[:-1].copy(), theta[-1:].copy()
    run = sgd_run_(X, y, w, b, loss=loss, **options)
    return np.vstack([theta, np.column_stack([run.w, run.b])])


def path_on_screen(explorer):
    return explorer.surface.path.get_xydata()


def trained(explorer):
    """The path that the settings of an explorer of the lab's data lead to."""
    options = dict(vars(explorer.settings))
    return path_of(*lab_data(), np.array(options.pop("start")), **options)


def logits(explorer, theta):
    return explorer.problem.X @ theta[:, :-1].T + theta[:, -1]


def mouse(canvas, name, x, y, button=1):
    canvas.callbacks.process(name, MouseEvent(name, canvas, x, y, button))


def at(ax, s, t):
    """The pixel of a point of an Axes."""
    return ax.transData.transform((s, t))


def press_key(explorer, key):
    canvas = explorer.figure.canvas
    canvas.callbacks.process("key_press_event", KeyEvent("key_press_event", canvas, key))


def click(explorer, ax, x, y):
    mouse(explorer.figure.canvas, "button_press_event", *at(ax, x, y))
    mouse(explorer.figure.canvas, "button_release_event", *at(ax, x, y))


def pixels(explorer):
    return np.array(explorer.figure.canvas.buffer_rgba())


def test_the_data_is_the_labs():
    x, y = LabData()[:]
    X, labels = lab_data()
    np.testing.assert_array_equal(X, x.numpy())
    np.testing.assert_array_equal(labels, y.numpy().ravel())


@pytest.mark.parametrize("changes", CHANGES)
def test_the_path_is_that_of_the_training(changes, explorer):
    explorer.set(**changes)
    want = path_of(
        *lab_data(), np.array(changes.get("start", (5.0, 10.0))), **LAB | {"loss": "bce"} | without_start(changes)
    )
    np.testing.assert_array_equal(path_on_screen(explorer), want[drawn_of(len(want))])
    np.testing.assert_array_equal(explorer.surface.start.get_xydata(), want[:1])
    np.testing.assert_array_equal(explorer.surface.now.get_xydata(), want[-1:])


def without_start(changes):
    return {name: value for name, value in changes.items() if name != "start"}


@pytest.mark.parametrize("changes", CHANGES)
def test_losses_and_accuracies_are_those_of_all_the_data(changes, explorer):
    explorer.set(**changes)
    run, y = explorer.run, explorer.problem.y[:, None]
    z = logits(explorer, run.theta)
    p = 0.5 * (1 + np.tanh(z / 2))
    of_samples = (p - y) ** 2 if explorer.settings.loss == "mse" else np.logaddexp(0, z) - y * z
    np.testing.assert_allclose(run.loss, of_samples.mean(axis=0), rtol=1e-12, atol=1e-300)
    np.testing.assert_array_equal(run.accuracy, ((z > 0) == (y > 0.5)).mean(axis=0))
    for line, values in ((explorer.progress.loss, run.loss), (explorer.progress.accuracy, run.accuracy)):
        drawn = np.column_stack([run.steps, values])[drawn_of(len(run.steps))]
        np.testing.assert_array_equal(line.get_xydata(), drawn)


@pytest.mark.parametrize("loss", ["bce", "mse"])
def test_the_surface_is_that_of_the_cost(loss, explorer):
    explorer.set(loss=loss)
    grid, (x, y) = explorer.grids[loss], lab_data()
    z = grid.s[:, None] * x[:, 0] + grid.t[:, None, None]
    want = (0.5 * (1 + np.tanh(z / 2)) - y) ** 2 if loss == "mse" else np.logaddexp(0, z) - y * z
    np.testing.assert_allclose(grid.Z, want.mean(axis=-1), atol=1e-11)
    assert explorer.surface.contours.get_array().max() <= grid.Z.max() * (1 + 1e-9)


@pytest.mark.parametrize("name", ["lr", "batch_size", "momentum", "epochs", "shuffle_seed"])
def test_a_slider_is_a_setting(name, explorer):
    """By mouse events on it, at three of its notches."""
    slider, values = explorer.controls.sliders[name], explorer.controls.knobs[name].values
    for notch in (len(values) - 1, 1, len(values) // 2):
        click(explorer, slider.ax, notch, 0.5)
        assert getattr(explorer.settings, name) == values[notch]
        assert slider.valtext.get_text() == explorer.controls.knobs[name].written(values[notch])
        np.testing.assert_array_equal(path_on_screen(explorer), trained(explorer)[drawn_of(len(explorer.run.steps))])


def test_a_wheel_turns_the_slider_under_it(explorer):
    canvas, ax = explorer.figure.canvas, explorer.controls.sliders["batch_size"].ax
    for step, size in ((1, 4), (1, 5), (-1, 4)):
        x, y = at(ax, 10, 0.5)
        canvas.callbacks.process("scroll_event", MouseEvent("scroll_event", canvas, x, y, step=step))
        assert explorer.settings.batch_size == size
    x, y = at(explorer.surface.ax, 0, 0)
    canvas.callbacks.process("scroll_event", MouseEvent("scroll_event", canvas, x, y, step=1))
    assert explorer.settings == Settings((5.0, 10.0), batch_size=4)


def test_values_between_notches_are_kept(explorer):
    explorer.set(lr=0.37, momentum=1.5, epochs=3, shuffle_seed=1000)
    sliders = explorer.controls.sliders
    assert [sliders[name].valtext.get_text() for name in ("lr", "momentum")] == ["0.37", "1.5"]
    assert sliders["shuffle_seed"].valtext.get_text() == "shuffled, seed 1000"
    assert explorer.settings.lr == 0.37


@pytest.mark.parametrize("samples", [1, 2, 20, 569, 100_000])
def test_notches_increase_and_reach_all(samples):
    knobs = knobs_of(samples)
    for name, knob in knobs.items():
        values = [value for value in knob.values if value is not None]
        assert values == sorted(set(values)), name
        assert [knob.nearest(value) for value in knob.values] == list(range(len(knob.values)))
    assert (knobs["batch_size"].values[0], knobs["batch_size"].values[-1]) == (1, samples)
    assert {0.001, 0.1, 1, 2, 100} <= set(knobs["lr"].values)
    assert {30, 100, 1000} <= set(knobs["epochs"].values)


def test_the_cost_is_chosen_by_mouse(explorer):
    explorer.figure.canvas.draw()
    ax = explorer.controls.cost.ax
    for label, cost in (("squared error", "mse"), ("cross-entropy", "bce")):
        text = next(text for text in explorer.controls.cost.labels if text.get_text() == label)
        x, y = text.get_window_extent().p0 + 3
        mouse(explorer.figure.canvas, "button_press_event", x, y)
        mouse(explorer.figure.canvas, "button_release_event", x, y)
        assert explorer.settings.loss == cost
        np.testing.assert_array_equal(path_on_screen(explorer), trained(explorer))
    assert ax.get_label() == "loss"


def test_the_start_is_dragged(explorer):
    canvas, ax = explorer.figure.canvas, explorer.surface.ax
    mouse(canvas, "button_press_event", *at(ax, -10, -5))
    for point in ((-10, -5), (-8, 3), (0, 0.5), (12, 14)):
        mouse(canvas, "motion_notify_event", *at(ax, *point))
        np.testing.assert_allclose(explorer.settings.start, point, atol=PIXEL)
        np.testing.assert_array_equal(path_on_screen(explorer), trained(explorer))
    mouse(canvas, "motion_notify_event", *at(ax, 99, -99))  # beyond the corner
    np.testing.assert_allclose(explorer.settings.start, (20, -15))
    mouse(canvas, "button_release_event", *at(ax, 99, -99))
    mouse(canvas, "motion_notify_event", *at(ax, 0, 0))
    np.testing.assert_allclose(explorer.settings.start, (20, -15))


def test_the_step_is_dragged(explorer):
    canvas, ax = explorer.figure.canvas, explorer.progress.ax
    mouse(canvas, "button_press_event", *at(ax, 3.2, 1))
    assert explorer.shown == 3
    for step in (0, 41, 700, 5000, 12):
        mouse(canvas, "motion_notify_event", *at(ax, step, 1))
        assert explorer.shown == min(step, 700)
    np.testing.assert_array_equal(explorer.surface.walked.get_xydata(), trained(explorer)[:13])


def test_other_mouse_buttons_and_toolbars_are_left_alone(explorer):
    canvas, ax = explorer.figure.canvas, explorer.surface.ax
    mouse(canvas, "button_press_event", *at(ax, -10, -5), 3)
    owner = object()
    canvas.widgetlock(owner)
    mouse(canvas, "button_press_event", *at(ax, -10, -5))
    canvas.widgetlock.release(owner)
    mouse(canvas, "button_press_event", 2, 2)  # outside of everything
    mouse(canvas, "motion_notify_event", *at(ax, -10, -5))
    assert explorer.settings.start == (5.0, 10.0)


def test_a_drag_is_that_of_its_own_button(explorer):
    canvas, ax = explorer.figure.canvas, explorer.surface.ax
    mouse(canvas, "button_press_event", *at(ax, -10, -5))
    mouse(canvas, "button_press_event", *at(ax, -10, -5), 3)
    mouse(canvas, "button_release_event", *at(ax, -10, -5), 3)
    mouse(canvas, "motion_notify_event", *at(ax, 3, 4))
    np.testing.assert_allclose(explorer.settings.start, (3, 4), atol=PIXEL)


def test_a_double_click_that_nothing_ends_drags_nothing(explorer):
    canvas, ax = explorer.figure.canvas, explorer.surface.ax
    x, y = at(ax, -10, -5)
    event = MouseEvent("button_press_event", canvas, x, y, 1, dblclick=True)
    canvas.callbacks.process("button_press_event", event)
    mouse(canvas, "motion_notify_event", *at(ax, 3, 4))
    np.testing.assert_allclose(explorer.settings.start, (-10, -5), atol=PIXEL)


def test_a_step_shows_its_model(explorer):
    theta, x = trained(explorer), explorer.problem.X[:, 0]
    for step in (0, 1, 25, 699, 700):
        explorer.show_step(step)
        w, b = theta[step]
        at, heights = explorer.data.sigmoid.get_data()
        np.testing.assert_allclose(heights, 1 / (1 + np.exp(-(w * at + b))), atol=1e-12)
        wrong = (w * x + b > 0) != (explorer.problem.y > 0.5)
        np.testing.assert_array_equal(explorer.data.wrong.get_xdata(), x[wrong])
        side, edges = explorer.data.side, np.clip([-b / w, np.inf], explorer.data.left, explorer.data.right)
        np.testing.assert_allclose([side.get_x(), side.get_x() + side.get_width()], edges, atol=1e-12)
        assert explorer.words[0].startswith(
            f"step {step} of 700 (epoch {-(-step // 7)}): w = {w:.3f}, b = {b:.3f}; loss "
        )
        np.testing.assert_array_equal(explorer.progress.line.get_xdata(), step)


@pytest.mark.parametrize(
    ("theta", "side"), [((2, 0.5), (-0.25, 9)), ((-2, 0.5), (-9, 0.25)), ((0, 1), (-9, 9)), ((0, -1), (-9, -9))]
)
def test_the_side_of_class_1(theta, side, explorer):
    explorer.set(start=theta, lr=0)
    low, width = explorer.data.side.get_x(), explorer.data.side.get_width()
    want = np.clip(side, explorer.data.left, explorer.data.right)
    np.testing.assert_allclose([low, low + width], want, atol=1e-12)


def test_keys(explorer):
    steps = {"left": -1, "right": 1, "down": -10, "up": 10}
    explorer.show_step(300)
    for key, by in steps.items():
        before = explorer.shown
        press_key(explorer, key)
        assert explorer.shown == before + by
    for key, shown in (("home", 0), ("left", 0), ("end", 700), ("right", 700)):
        press_key(explorer, key)
        assert explorer.shown == shown
    moves = {"shift+left": (-0.8, 0), "shift+right": (0.8, 0), "shift+down": (0, -0.6), "shift+up": (0, 0.6)}
    for key, by in moves.items():
        before = np.array(explorer.settings.start)
        press_key(explorer, key)
        np.testing.assert_allclose(explorer.settings.start - before, by, atol=1e-12)
    for key, name, value in (("+", "lr", 2.2), ("-", "lr", 2), ("-", "lr", 1.8), ("b", "batch_size", 4)):
        press_key(explorer, key)
        assert getattr(explorer.settings, name) == value
    for key, name, value in (
        ("B", "batch_size", 3),
        ("m", "momentum", 0.05),
        ("M", "momentum", 0),
        ("M", "momentum", 0),
    ):
        press_key(explorer, key)
        assert getattr(explorer.settings, name) == value
    for key, name, value in (("s", "shuffle_seed", 0), ("s", "shuffle_seed", 1), ("S", "shuffle_seed", 0)):
        press_key(explorer, key)
        assert getattr(explorer.settings, name) == value
    press_key(explorer, "e")
    assert explorer.settings.epochs > 100
    press_key(explorer, "c")
    assert explorer.settings.loss == "mse"
    press_key(explorer, "c")
    assert explorer.settings.loss == "bce"
    np.testing.assert_array_equal(path_on_screen(explorer), trained(explorer))
    press_key(explorer, "r")
    assert (explorer.settings.start, explorer.settings.lr, explorer.settings.shuffle_seed) == ((5.0, 10.0), 2.0, None)
    for seen in (True, False):
        press_key(explorer, "h")
        assert explorer.card.get_visible() is seen


def test_matplotlibs_own_keys_turn_no_axis(explorer):
    """`l` and `k` would make axes logarithmic, `g` draw a grid, `s` ask for a file."""
    before = explorer.surface.ax.get_xscale(), explorer.surface.ax.get_yscale()
    for key in ("l", "k", "g", "o", "p", None, "x"):
        press_key(explorer, key)
    assert (explorer.surface.ax.get_xscale(), explorer.surface.ax.get_yscale()) == before
    assert explorer.settings.start == (5.0, 10.0)


def test_q_closes_the_window(explorer):
    press_key(explorer, "q")
    assert plt.get_fignums() == []


def test_a_run_is_played_from_its_start_to_its_end(explorer):
    press_key(explorer, " ")
    assert (explorer.playing, explorer.shown) == (True, 0)
    assert explorer.controls.buttons["play"].label.get_text() == "pause"
    seen = [0]
    while explorer.playing:
        explorer.advance()
        seen.append(explorer.shown)
    assert seen[:8] == list(range(8))
    assert (np.diff(seen) > 0).all()
    assert np.diff(seen)[-2] > 5
    assert seen[-1] == 700
    assert explorer.controls.buttons["play"].label.get_text() == "play"


def test_playing_pauses_and_goes_on(explorer):
    button = explorer.controls.buttons["play"].ax
    explorer.show_step(40)
    click(explorer, button, 0.5, 0.5)
    explorer.advance()
    assert explorer.playing
    assert explorer.shown > 40
    click(explorer, button, 0.5, 0.5)
    assert not explorer.playing
    for name, by in (("back", -1), ("forward", 1)):
        before = explorer.shown
        click(explorer, explorer.controls.buttons[name].ax, 0.5, 0.5)
        assert explorer.shown == before + by
    click(explorer, explorer.controls.buttons["keys"].ax, 0.5, 0.5)
    assert explorer.card.get_visible()


def test_a_step_stays_while_the_start_is_moved(explorer):
    explorer.show_step(30)
    explorer.set(start=(1, 1))
    assert explorer.shown == 30
    explorer.set(epochs=2)
    assert explorer.shown == 14
    explorer.set(epochs=50)  # the end stays the end
    assert explorer.shown == 350


@pytest.mark.parametrize("points", [1, 2, 700, 1000, 1001, 20_000, 100_001])
def test_of_many_points_the_first_the_last_and_some_between_are_drawn(points):
    drawn = drawn_of(points)
    assert (drawn[0], drawn[-1]) == (0, points - 1)
    assert (np.diff(drawn) > 0).all()
    np.testing.assert_array_equal(drawn[:80], np.arange(min(points, 80)))
    assert np.diff(drawn).max(initial=1) <= max(1, 2 * points / MOST_DRAWN)
    assert len(drawn) <= 2 * MOST_DRAWN
    if points <= MOST_DRAWN:
        np.testing.assert_array_equal(drawn, np.arange(points))


def test_of_much_data_some_is_drawn():
    x = np.linspace(-1, 1, 30_001)
    explorer = explore((x, x > 0.5), start=(-1, 0), epochs=1)
    w, b = explorer.run.theta[-1]
    drawn = np.concatenate([points.get_xdata() for points in explorer.data.points])
    assert len(drawn) == MOST_DRAWN
    assert set(drawn) < set(x)
    assert np.ptp(drawn) == 2
    wrong = (w * drawn + b > 0) != (drawn > 0.5)
    np.testing.assert_array_equal(np.sort(explorer.data.wrong.get_xdata()), np.sort(drawn[wrong]))
    assert explorer.data.ax.get_xlabel() == "x; 1,000 of 30,001 samples"


def test_a_step_stays_where_points_are_other_steps():
    """Points of a longer run of much data are further apart."""
    x = np.linspace(-1, 1, 20_000)
    explorer = explore((x, x > 0.5), batch_size=400, epochs=1)
    assert explorer.last == 50
    explorer.show_step(30)
    explorer.set(epochs=20)
    assert explorer.run.steps[explorer.shown] in (20, 40)


@pytest.mark.parametrize("x", [[0.5], [0.0], [3, 3]])
def test_data_without_a_width(x):
    explorer = explore((x, np.ones(len(x))), epochs=3)
    explorer.figure.canvas.draw()
    click(explorer, explorer.controls.sliders["batch_size"].ax, 0.3, 0.5)
    np.testing.assert_array_equal(explorer.surface.start.get_xydata(), [explorer.settings.start])


DRAWN = [{"start": (-12, 3)}, {"lr": 20}, {"epochs": 3}, {"batch_size": 1, "epochs": 400}, {"loss": "mse"}]


@pytest.mark.parametrize("changes", DRAWN)
def test_what_is_drawn_in_layers_is_what_is_drawn_whole(changes, explorer):
    """To the pixel: after a change, after another step, and after a window was resized."""
    canvas = explorer.figure.canvas
    canvas.draw()
    explorer.set(**changes)
    explorer.play()
    canvas.draw()
    explorer.pause()
    explorer.show_step(9)
    canvas.draw()
    in_layers = pixels(explorer)
    explorer.figure.stale = True
    canvas.draw()
    np.testing.assert_array_equal(in_layers, pixels(explorer))
    explorer.figure.set_size_inches(12, 7.5)
    canvas.callbacks.process("resize_event", ResizeEvent("resize_event", canvas))
    canvas.draw()
    assert pixels(explorer).shape[:2] == (750, 1200)
    explorer.set(start=(0, 0))
    canvas.draw()
    resized = pixels(explorer)
    explorer.figure.stale = True
    canvas.draw()
    np.testing.assert_array_equal(resized, pixels(explorer))


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("size", [(10, 6), (13.66, 6.5), (13.66, 7.68), (10.24, 6), (8, 7), (20, 8)])
def test_parts_that_change_leave_nothing_and_take_nothing(language, size):
    """To the pixel, after all of them have changed and changed again."""
    with speaking(language):
        explorer = explore()
        canvas = explorer.figure.canvas
        explorer.figure.set_size_inches(size)
        canvas.callbacks.process("resize_event", ResizeEvent("resize_event", canvas))
        canvas.draw()
        changes = {"lr": 20, "batch_size": 20, "momentum": 0.99, "epochs": 1000, "shuffle_seed": 30, "loss": "mse"}
        for name, value in changes.items():
            explorer.set(**{name: value})
            explorer.play()
            canvas.draw()
            explorer.pause()
            canvas.draw()
        in_layers = pixels(explorer)
    explorer.figure.stale = True
    canvas.draw()
    np.testing.assert_array_equal(in_layers, pixels(explorer))


LONG = {"start": (-12, 14), "lr": 5.4, "batch_size": 1, "momentum": 1.5, "epochs": 900, "loss": "mse"}


@pytest.mark.parametrize("size", [(10, 6), (13.66, 6.5), (13.66, 7.68), (10.24, 6), (8, 7), (20, 8)])
def test_long_sentences_have_their_place_and_leave_it(size):
    with speaking("es"):
        explorer = explore(**LONG)
        canvas = explorer.figure.canvas
        explorer.figure.set_size_inches(size)
        canvas.callbacks.process("resize_event", ResizeEvent("resize_event", canvas))
        canvas.draw()
        assert overlapping(explorer.figure) == []
        assert explorer.sentences[2].get_text().count("\n") == 2
        explorer.sentences[2].set_text("...")  # and nothing else changes
        canvas.draw()
    in_layers = pixels(explorer)
    explorer.figure.stale = True
    canvas.draw()
    np.testing.assert_array_equal(in_layers, pixels(explorer))


@pytest.mark.parametrize("size", [(10, 6), (13.66, 6.5), (8, 7), (20, 8)])
@pytest.mark.parametrize("changes", [{}, {"shuffle_seed": 30, "batch_size": 1, "epochs": 1000, "start": (-19, 14)}])
def test_each_part_has_its_box(changes, size):
    """Which no other part draws on, and all of it is in there."""
    with speaking("es"):
        explorer = explore(**changes)
    figure = explorer.figure
    figure.set_size_inches(size)
    figure.canvas.callbacks.process("resize_event", ResizeEvent("resize_event", figure.canvas))
    figure.canvas.draw()
    boxes = [part.box.transformed(figure.transFigure) for part in figure.parts]
    assert not [1 for one, other in combinations(boxes, 2) if overlap(one, other)]
    for part, box in zip(figure.parts, boxes, strict=True):
        for artist in part.artists:
            drawn = artist.get_tightbbox(figure.canvas.get_renderer())
            assert drawn.x0 >= box.x0 - 1, artist
            assert drawn.y0 >= box.y0 - 1, artist
            assert drawn.x1 <= box.x1 + 1, artist
            assert drawn.y1 <= box.y1 + 1, artist


def test_a_drag_draws_no_contours_again(explorer, monkeypatch):
    explorer.figure.canvas.draw()
    calls = []
    monkeypatch.setattr(explorer.surface.contours, "draw", lambda renderer: calls.append("contours"))
    monkeypatch.setattr(explorer.surface.ax.xaxis, "draw", lambda renderer: calls.append("axis"))
    for k in range(5):
        explorer.set(start=(k, k))
        explorer.figure.canvas.draw()
    assert calls == []
    explorer.surface.ax.set_xlim(-5, 5)  # a toolbar's zoom
    explorer.figure.canvas.draw()
    assert set(calls) == {"contours", "axis"}


@pytest.mark.parametrize("seen", [True, False])
def test_a_saved_picture_is_that_on_the_screen(seen, explorer):
    """To the pixel: nothing is drawn twice; and what is on the screen after it, too."""
    explorer.set(lr=20)
    explorer.show_step(9)
    if seen:
        explorer.figure.canvas.draw()
    file = BytesIO()
    explorer.figure.savefig(file, dpi=100)
    explorer.figure.canvas.draw()
    np.testing.assert_array_equal(np.asarray(Image.open(file)), pixels(explorer))
    explorer.set(start=(0, 0))
    explorer.figure.savefig(BytesIO(), dpi=100)
    explorer.figure.canvas.draw()
    in_layers = pixels(explorer)
    explorer.figure.stale = True
    explorer.figure.canvas.draw()
    np.testing.assert_array_equal(in_layers, pixels(explorer))


@pytest.mark.parametrize("format", ["png", "svg", "pdf"])
def test_it_is_saved_with_all_that_moves(format, explorer):
    file = BytesIO()
    explorer.figure.savefig(file, format=format, dpi=50)
    if format == "png":
        image = np.asarray(Image.open(file).convert("RGBA"))
        assert (image == np.round(255 * np.array(to_rgba(explorer.surface.now.get_color())))).all(axis=-1).any()
    assert len(file.getvalue()) > 5000
    explorer.figure.canvas.draw()
    assert pixels(explorer).shape[:2] == (600, 1000)


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("size", [(10, 6), (13.66, 6.5), (8, 7), (20, 8)])
@pytest.mark.parametrize("changes", [{}, {"shuffle_seed": 30, "batch_size": 1, "start": (-19, 14), "lr": 100}])
def test_nothing_written_overlaps(language, size, changes):
    with speaking(language):
        explorer = explore(**changes)
    canvas = explorer.figure.canvas
    explorer.figure.set_size_inches(size)
    canvas.callbacks.process("resize_event", ResizeEvent("resize_event", canvas))
    canvas.draw()
    assert overlapping(explorer.figure) == []
    assert out_of_picture(explorer.figure) == []


@pytest.mark.parametrize("style", ["default", "dark_background", "Solarize_Light2"])
def test_all_that_is_written_can_be_read(style):
    with plt.style.context(style):
        explorer = explore(lr=0.1)
        ground = np.array(to_rgb(explorer.data.ax.get_facecolor()))
        for line in (explorer.data.sigmoid, explorer.progress.loss, explorer.progress.accuracy, explorer.progress.line):
            assert contrast(np.array(to_rgb(line.get_color())), ground) >= 3
        assert contrast(np.array(to_rgb(explorer.data.wrong.get_markeredgecolor())), ground) >= 3
        assert faint_texts(explorer.figure) == {}


def test_it_lives_as_long_as_its_figure():
    figure = explore().figure
    gc.collect()
    click_on = figure.axes[0]
    mouse(figure.canvas, "button_press_event", *at(click_on, -3, 4))
    drawn = [line.get_xydata() for line in click_on.lines]
    assert any(len(points) == 1 and np.allclose(points, (-3, 4), atol=PIXEL) for points in drawn)


def test_closing_leaves_nothing_listening(explorer):
    canvas = explorer.figure.canvas
    names = "button_press_event", "motion_notify_event", "key_press_event", "resize_event", "close_event"
    explorer.close()
    path = path_on_screen(explorer).copy()
    click(explorer, explorer.surface.ax, -3, 4)
    click(explorer, explorer.controls.sliders["lr"].ax, 1, 0.5)
    press_key(explorer, "c")
    np.testing.assert_array_equal(path_on_screen(explorer), path)
    known = explorer.hands.connections
    assert not [cid for name in names for cid in canvas.callbacks.callbacks.get(name, {}) if cid in known]


def test_a_closed_figure_is_forgotten():
    explorer = explore()
    gone = weakref.ref(explorer)
    plt.close(explorer.figure)
    del explorer
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"lr": -1}, ValueError, "lr is -1"),
        ({"lr": np.nan}, ValueError, "lr is nan"),
        ({"batch_size": 0}, ValueError, "batch_size is 0; accepted: an integer >= 1"),
        ({"batch_size": 1.5}, TypeError, "batch_size is 1.5; accepted: an integer >= 1"),
        ({"momentum": -0.1}, ValueError, "momentum is -0.1"),
        ({"epochs": -1}, ValueError, "epochs is -1; accepted: an integer >= 0"),
        ({"shuffle_seed": -1}, ValueError, "shuffle_seed is -1"),
        ({"loss": "focal"}, ValueError, "loss is 'focal'; accepted: 'bce', 'mse'"),
        ({"start": (1, 2, 3)}, ValueError, r"start is \(1, 2, 3\); accepted: two numbers, \(w, b\) or \(s, t\)"),
        ({"start": (1, np.inf)}, ValueError, "start has 1 NaN or infinite values"),
        ({"start": (1e200, 0)}, ValueError, r"start leads to parameters up to 1e\+200; accepted: below 1e\+100"),
        ({"start": "ab"}, TypeError, "start has dtype"),
    ],
)
def test_what_cannot_be_changes_nothing(changes, error, message, explorer):
    before, path = explorer.settings, path_on_screen(explorer).copy()
    with pytest.raises(error, match=message):
        explorer.set(**{"epochs": 3} | changes)
    assert explorer.settings == before
    np.testing.assert_array_equal(path_on_screen(explorer), path)
    figures = plt.get_fignums()
    with pytest.raises(error, match=message):
        explore(**changes)
    assert plt.get_fignums() == figures


def test_unknown_settings_are_refused(explorer):
    with pytest.raises(
        TypeError, match="set has no setting 'rate'; accepted: start, lr, batch_size, momentum, epochs, "
    ):
        explorer.set(rate=3)


@pytest.mark.parametrize(
    ("data", "surface", "error", "message"),
    [
        ((np.ones((4, 2)), np.ones(4)), None, ValueError, "data x has 2 features and there is no plane; accepted: one"),
        ((np.ones(4), np.ones(3)), None, ValueError, r"data y has shape \(3,\); accepted: \(4,\) or \(4, 1\)"),
        (
            (np.ones(4), 2 * np.ones(4)),
            None,
            ValueError,
            r"data y has values from 2 to 2; accepted: labels in \[0, 1\]",
        ),
        (([1e-300, 0], [0, 1]), None, ValueError, "data x has no value above 1e-300 in size; accepted: one of 1e-90"),
        ((np.ones((2, 2, 2)), np.ones(2)), None, ValueError, r"data x has shape \(2, 2, 2\); accepted: \(n, d\) or"),
        (([], []), None, ValueError, r"data x has shape \(0, 1\); accepted"),
        (3, None, TypeError, "data is a int; accepted"),
        (None, 3, TypeError, "surface is a int without w, b; accepted"),
    ],
)
def test_wrong_data(data, surface, error, message):
    with pytest.raises(error, match=message):
        explore(data, surface)
    assert plt.get_fignums() == []


def test_data_of_one_feature_has_a_window_of_its_scale():
    x = np.array([10.0, 20, 30, 40, 50])
    explorer = explore((x, x > 25), start=(0.1, 0.2), epochs=2)
    np.testing.assert_allclose(explorer.problem.s[[0, -1]], (-0.4, 0.4))
    want = path_of(x[:, None], (x > 25) * 1.0, np.array([0.1, 0.2]), lr=0.5, batch_size=5, epochs=2)
    np.testing.assert_array_equal(path_on_screen(explorer), want)


def test_a_surface_gives_the_window():
    surface = LossSurface.compute(LabData(), (-3, 7), 2, resolution=9)
    explorer = explore(None, surface)
    assert explorer.surface.ax.get_xlim() == (-3, 7)
    assert explorer.surface.ax.get_ylim() == (-2, 2)
    np.testing.assert_allclose(explorer.settings.start, (-1.5, 1.4))
