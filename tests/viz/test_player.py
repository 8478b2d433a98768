"""The page with controls in a browser: what a reader presses, and what is on the screen then."""

import io
import shutil

import numpy as np
import pytest
from PIL import Image

from viz import animate

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
QUIET = "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-sync"

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")


@pytest.fixture
def run(history, surface, data):
    return animate(history, surface, data, frames=5)


@pytest.fixture
def browser():
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET.split())
        yield chromium
        chromium.close()


@pytest.fixture
def page(run, browser, tmp_path):
    """The page, at rest, of which no script may fail and nothing may be fetched."""
    path, said = tmp_path / "run.html", []
    run.save(path)
    page = browser.new_page(viewport={"width": 1200, "height": 600}, reduced_motion="reduce")
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: said.extend([request.url] if request.url.startswith("http") else []))
    page.goto(path.as_uri())
    yield page
    assert said == []


def frame_of(page):
    return int(page.locator("input").input_value())


def assert_shows(page, run, frame):
    assert frame_of(page) == frame
    page.wait_for_function("[...document.images].every(image => image.complete)")
    screen = np.asarray(Image.open(io.BytesIO(page.locator("img").first.screenshot())).convert("RGB"), int)
    picture = run.picture(run.steps[frame])[..., :3].astype(int)
    assert screen.shape == picture.shape
    assert (np.abs(screen - picture).max(axis=-1) > 16).mean() < 0.005


def test_buttons_and_keys_go_to_the_frames_that_they_say(page, run):
    assert_shows(page, run, 4)
    for button, frame in (("to the first frame", 0), ("a frame back", 0), ("a frame forwards", 1)):
        page.get_by_role("button", name=button).click()
        assert_shows(page, run, frame)
    page.locator("input").focus()
    for key, frame in (("ArrowRight", 2), ("End", 4), ("ArrowLeft", 3), ("Home", 0)):
        page.keyboard.press(key)
        assert_shows(page, run, frame)
    page.get_by_role("button", name="to the last frame").click()
    assert_shows(page, run, 4)


def test_it_plays_and_pauses(page):
    page.get_by_role("button", name="play").click()
    page.wait_for_function("document.querySelector('input').value == 3")
    page.get_by_role("button", name="pause").click()
    at = frame_of(page)
    page.wait_for_timeout(300)
    assert frame_of(page) == at
    assert page.get_by_role("button", name="play").is_visible()
