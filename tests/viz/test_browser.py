"""The explorer in a browser, as a person has it: a page of Chromium, a mouse, and what is then on the screen."""

import base64
import http.client
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from io import BytesIO
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from PIL import Image

from kernels import sgd_run_
from viz import explore
from viz.explorer.panels import PATH
from viz.explorer.problem import lab_data

sync_api = pytest.importorskip("playwright.sync_api")
pytest.importorskip("tornado")
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
if CHROMIUM is None:
    pytest.skip("needs chromium or google-chrome", allow_module_level=True)

ROOT = Path(__file__).parents[2]
ALONE = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
ALONE += ["--disable-background-networking", "--disable-component-update"]
VIEW = {"width": 1366, "height": 650}
PATIENCE = 60_000  # milliseconds that a page has on a machine that does other things too


class Served:
    """The command in a process of its own, and where its page is."""

    def __init__(self, *options):
        command = [sys.executable, "-m", "logreg", "explore", "--web", *options]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, **pipes)
        self.said = self.process.stdout.readline()
        self.address = re.search(r"http://127\.0\.0\.1:\d+/", self.said)[0]

    def stop(self):
        """Its exit status, and what it wrote beside the address."""
        self.process.send_signal(signal.SIGINT)
        text, errors = self.process.communicate(timeout=60)
        return self.process.returncode, text + errors


@pytest.fixture(scope="module")
def served():
    served = Served()
    yield served
    if served.process.poll() is None:
        served.stop()


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with sync_api.sync_playwright() as playwright:
        folder = tmp_path_factory.mktemp("chromium")
        context = playwright.chromium.launch_persistent_context(
            folder, executable_path=CHROMIUM, args=ALONE, viewport=VIEW, timeout=PATIENCE
        )
        yield context
        context.close()


@pytest.fixture
def page(browser, served):
    """A new page of the explorer; nothing on its console may be amiss in the end."""
    page, complaints = browser.new_page(), []
    page.set_default_timeout(PATIENCE)
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("requestfailed", lambda request: complaints.append(request.url))
    page.goto(served.address)
    settle(page)
    yield page
    page.close()
    assert complaints == []


@pytest.fixture
def twin(monkeypatch):
    """An explorer of the page's size, to be brought where the page is to be."""
    monkeypatch.setattr(FigureCanvasAgg, "draw_idle", lambda canvas: None)
    twin = explore()
    twin.figure.set_size_inches(VIEW["width"] / 100, VIEW["height"] / 100)
    twin.hands.on_resize(None)
    yield twin
    plt.close(twin.figure)


def settle(page):
    """Waits until no picture has come for a while."""
    page.evaluate("""() => new Promise(done => {
        let seen = null, still = 0;
        const look = () => {
            const now = figure.imageObj.src;
            const idle = now && now === seen && !figure.waiting && !decoding && !asked;
            still = idle ? still + 1 : 0;
            seen = now;
            still >= 8 ? done() : setTimeout(look, 100);
        };
        look();
    })""")


def screen(page):
    """What is seen of the page, (height, width, 3)."""
    return np.asarray(Image.open(BytesIO(page.screenshot())).convert("RGB"))


def place(ax, s, t):
    """Where a point of an Axes is on the page."""
    x, y = ax.transData.transform((s, t))
    return float(x), VIEW["height"] - float(y)


def is_drawn(picture, twin, path):
    """Share of a path in the window, ten points a step, that has its colour on the screen, marks left out."""
    ax, (first, *_, last) = twin.surface.ax, path
    between = np.arange(10 * len(path) - 9) / 10
    path = np.column_stack([np.interp(between, np.arange(len(path)), values) for values in path.T])
    points = np.array([place(ax, *point) for point in path])
    inside = [ax.viewLim.contains(*point) for point in path]
    ends = np.array([place(ax, *first), place(ax, *last)])
    apart = np.hypot(*(points[:, None] - ends).transpose(2, 0, 1)).min(axis=1) > 14
    x, y = points[inside & apart].round().astype(int).T
    around = np.stack([picture[y + dy, x + dx] for dy in (-1, 0, 1) for dx in (-1, 0, 1)])
    near = np.abs(around - 255.0 * np.array(to_rgb(PATH))).max(axis=-1).min(axis=0) < 60
    assert len(near) > 20
    return near.mean()


def run_from(start, **changes):
    w, b = np.array([start[0]], float), np.array([start[1]], float)
    options = {"lr": 2.0, "batch_size": 3, "epochs": 100} | changes
    run = sgd_run_(*lab_data(), w, b, **options)
    return np.vstack([start, np.column_stack([run.w[:, 0], run.b])])


def start_at(x, y, twin):
    """The start that is set by the mouse at a point of the page."""
    return twin.surface.ax.transData.inverted().transform((x, VIEW["height"] - y))


def drag(page, *points):
    page.mouse.move(*points[0])
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*point, steps=5)
    page.mouse.up()
    settle(page)


def test_the_path_follows_the_start(page, twin):
    """Before, after a drag, and not where it was before."""
    ax = twin.surface.ax
    first = run_from((5.0, 10.0))
    assert is_drawn(screen(page), twin, first) > 0.95
    x, y = map(round, place(ax, -12, -8))
    drag(page, place(ax, 5, 10), place(ax, 0, 3), (x, y))
    after, path = screen(page), run_from(start_at(x, y, twin))
    assert is_drawn(after, twin, path) > 0.95
    assert is_drawn(after, twin, first[:8]) == 0
    click = tuple(map(round, place(ax, -3, 12)))
    page.mouse.click(*click)
    settle(page)
    assert is_drawn(screen(page), twin, run_from(start_at(*click, twin))) > 0.95


def test_a_slider_changes_the_path(page, twin):
    knob, slider = twin.controls.knobs["lr"], twin.controls.sliders["lr"]
    notch = knob.nearest(0.1)
    drag(page, place(slider.ax, slider.val, 0.5), place(slider.ax, 30, 0.5), place(slider.ax, notch, 0.5))
    picture = screen(page)
    assert is_drawn(picture, twin, run_from((5.0, 10.0), lr=0.1)) > 0.95
    twin.set(lr=0.1)
    assert_seen(picture, twin)


def test_the_page_is_the_figure(page, twin):
    """To the pixel, as one with the same settings is drawn: after drags, a change of the cost, steps by keys."""
    x, y = map(round, place(twin.surface.ax, 8, -11))
    drag(page, place(twin.surface.ax, 5, 10), (100, 100), (x, y))
    for key in ("c", "+", "+", "ArrowLeft", "ArrowLeft", "Shift+ArrowUp", "h", "h", "s"):
        page.keyboard.press(key)
    settle(page)
    twin.set(start=start_at(x, y, twin), loss="mse", lr=2.5)
    twin.show_step(698)
    s, t = twin.settings.start
    twin.set(start=(s, t + 0.6), shuffle_seed=0)
    assert_seen(screen(page), twin)


def assert_seen(picture, twin):
    twin.figure.canvas.draw()
    want = np.asarray(twin.figure.canvas.buffer_rgba())[..., :3].astype(float)
    assert picture.shape == want.shape
    different = np.abs(picture - want).max(axis=-1) > 40
    assert different.mean() < 1e-4


def test_play_goes_to_the_end(page, twin):
    button = twin.controls.buttons["play"].ax
    page.mouse.click(*place(button, 0.5, 0.5))
    seen = [screen(page) for _ in range(8)]
    settle(page)
    at_the_end = screen(page)
    assert_seen(at_the_end, twin)
    assert max(np.abs(picture.astype(float) - at_the_end).max() for picture in seen) > 100


def test_each_page_has_a_start_of_its_own(page, browser, served, twin):
    before = screen(page)
    other = browser.new_page()
    other.goto(served.address)
    settle(other)
    other.mouse.click(*place(twin.surface.ax, -10, 5))
    settle(other)
    assert np.abs(screen(other).astype(float) - before).max() > 100
    other.close()
    np.testing.assert_array_equal(screen(page), before)


def test_a_window_of_another_size(page):
    page.set_viewport_size({"width": 1000, "height": 560})
    settle(page)
    picture = screen(page)
    assert picture.shape == (560, 1000, 3)
    assert (picture[:, 990:] == 255).mean() > 0.9  # nothing is cut off
    assert page.evaluate("[figure.canvas.width, figure.canvas.height]") == [1000, 560]
    assert page.title() == "The loss surface of logistic regression"


def picture_of(page):
    """The page's canvas in its own pixels, of which a screen may have several for one of the page's."""
    data = page.evaluate("figure.canvas.toDataURL()")
    return Image.open(BytesIO(base64.b64decode(data.split(",")[1]))).convert("RGB")


@pytest.mark.parametrize("ratio", [1.5, 2])
def test_a_screen_of_many_pixels_and_a_page_that_is_zoomed(ratio, browser, page):
    """All of the figure is seen, and sharp; where it is clicked the start goes."""
    once = picture_of(page)
    metrics = {"deviceScaleFactor": ratio, "mobile": False}
    session = browser.new_cdp_session(page)
    session.send("Emulation.setDeviceMetricsOverride", VIEW | metrics)
    page.evaluate("window.dispatchEvent(new Event('resize'))")
    settle(page)
    picture = picture_of(page)
    assert picture.size == (ratio * VIEW["width"], ratio * VIEW["height"])
    assert page.evaluate("figure.canvas.style.width") == f"{VIEW['width']}px"
    found, want = (image.resize((136, 65), Image.Resampling.BOX) for image in (picture, once))
    assert np.abs(np.asarray(found, float) - want).mean() < 2


def messages(page):
    """What the page sends from here on, (kind, x, y) of each event of a mouse: a function that gives it."""
    page.evaluate("""() => {
        window.sent = [];
        const send = figure.send_message;
        figure.send_message = (kind, content) => {
            if (content.x !== undefined) sent.push([kind, Math.round(content.x), Math.round(content.y)]);
            send.call(figure, kind, content);
        };
    }""")
    return lambda: page.evaluate("sent")


def test_a_drag_ends_outside_of_the_page(page, twin):
    """The start goes to the corner, and stays there when the mouse comes back."""
    sent = messages(page)
    drag(page, place(twin.surface.ax, 5, 10), (300, 200), (-40, -30))
    page.mouse.move(300, 200, steps=3)
    settle(page)
    assert ["button_release", -40, -30] in sent()
    assert is_drawn(screen(page), twin, run_from((-20.0, 15.0))) > 0.95


def test_a_finger_drags_the_start(browser, page, twin):
    x, y = map(round, place(twin.surface.ax, -12, -8))
    touch = browser.new_cdp_session(page)
    for kind, points in (("Start", [(300, 200)]), ("Move", [(250, 210)]), ("Move", [(x, y)]), ("End", [])):
        fingers = [{"x": across, "y": down} for across, down in points]
        touch.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": fingers})
    settle(page)
    assert is_drawn(screen(page), twin, run_from(start_at(x, y, twin))) > 0.95


def test_a_double_click_is_two_clicks(page, twin):
    """Nothing is held after it: of a button, nor of the start."""
    page.mouse.dblclick(*place(twin.controls.buttons["back"].ax, 0.5, 0.5))
    x, y = map(round, place(twin.surface.ax, -12, -8))
    page.mouse.dblclick(x, y)
    page.mouse.move(300, 200, steps=3)
    settle(page)
    twin.set(start=start_at(x, y, twin))
    twin.show_step(698)
    assert_seen(screen(page), twin)


@pytest.mark.parametrize("origin", ["http://example.org", "http://127.0.0.1:1", "null"])
def test_pages_elsewhere_open_no_socket(origin, served):
    socket = http.client.HTTPConnection(served.address.split("/")[2])
    asked = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "YQ==",
    }
    socket.request("GET", "/socket", headers=asked | {"Origin": origin})
    assert socket.getresponse().status == 403
    socket.close()


def test_other_names_of_this_machine_get_nothing(served):
    """A page elsewhere whose name is made to point here."""
    request = urllib.request.Request(served.address, headers={"Host": "example.org"})
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(request)


def test_a_page_that_is_closed_while_it_plays_is_forgotten_in_silence(browser, twin):
    served = Served()
    for _ in range(3):
        page = browser.new_page()
        page.goto(served.address)
        settle(page)
        page.mouse.click(*place(twin.controls.buttons["play"].ax, 0.5, 0.5))
        page.evaluate("() => { for (let k = 0; k < 40; k++) figure.ws.send(JSON.stringify({type: 'draw'})); }")
        page.close()
    assert served.stop() == (130, "interrupted\n")


def test_it_stops_at_control_c(browser):
    """With one line, and the page says so; in Spanish."""
    served = Served("--language", "es")
    assert served.said.startswith("El explorador está en http://127.0.0.1:")
    page = browser.new_page()
    page.goto(served.address)
    settle(page)
    assert page.title() == "La superficie de pérdida de la regresión logística"
    assert served.stop() == (130, "interrumpido\n")
    page.get_by_text("El explorador se detuvo").wait_for(timeout=PATIENCE)
    page.close()
