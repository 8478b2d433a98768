"""Pictures are those of `baseline/`, which are looked at when they change.

`python -m pytest tests/viz/test_images.py --mpl-generate-path=tests/viz/baseline` draws them anew.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import pytest
from matplotlib.legend import Legend
from matplotlib.quiver import Quiver
from matplotlib.testing.compare import compare_images

pytest.importorskip("pytest_mpl")

BASELINE = Path(__file__).parent / "baseline"
TOLERANCE = 2.4  # root mean square of 255: letters are of another FreeType; a path that is missing is 2.6 and more
DPI = 60
STYLE = ["default", {"figure.figsize": (4, 3), "font.size": 7, "text.hinting": "none"}]
PICTURES = [
    *["contour", "surface", "wireframe", "data", "epochs", "gradient", "accuracy", "hessian", "starts", "several"],
    *["log", "line", "lines"],
]


def fixed(figure):
    """A figure whose layout doesn't go by the size of letters, unless it has a row for its legend."""
    if figure.axes[0].get_subplotspec().get_gridspec().nrows > 1:
        return figure
    figure.set_layout_engine("none")
    figure.subplots_adjust(left=0.17, right=0.78, bottom=0.34, top=0.88)
    return figure


@pytest.mark.mpl_image_compare(style=STYLE, tolerance=TOLERANCE, savefig_kwargs={"dpi": DPI})
@pytest.mark.parametrize("name", PICTURES)
def test_pictures(name, plots):
    return fixed(plots[name]())


def without_legends(figure):
    for legend in figure.findobj(Legend):
        legend.draw = lambda renderer: None


def without_the_first_line(figure):
    next(line for line in figure.axes[0].lines if line.get_linestyle() != "None").set_visible(False)


def without_arrows(figure):
    for arrows in figure.findobj(Quiver):
        arrows.set_visible(False)


@pytest.mark.parametrize(
    ("name", "broken"),
    [
        *((name, without_legends) for name in PICTURES),
        *((name, without_the_first_line) for name in ("contour", "surface", "wireframe", "several", "log", "line")),
        *((name, without_arrows) for name in ("contour", "gradient", "several")),
    ],
)
def test_what_is_missing_is_seen(name, broken, plots, tmp_path):
    with plt.style.context(STYLE, after_reset=True):
        figure = fixed(plots[name]())
        broken(figure)
        figure.savefig(tmp_path / "broken.png", dpi=DPI)
    assert compare_images(BASELINE / f"test_pictures_{name}.png", tmp_path / "broken.png", TOLERANCE) is not None
