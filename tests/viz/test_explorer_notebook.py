"""The explorer in notebooks: alive with `%matplotlib widget`, and where it can't be it says what to do."""

from importlib.util import find_spec

import pytest

nbclient = pytest.importorskip("nbclient")
if find_spec("ipympl") is None:  # importing it would make it the backend
    pytest.skip("needs ipympl", allow_module_level=True)

ALIVE = [
    "%matplotlib widget\nimport viz\nexplorer = viz.explore(lr=1)",
    "import numpy as np\nprint(type(explorer.figure.canvas).__module__)\n"
    "explorer.set(start=(-3, 4), epochs=10)\n"
    "print(explorer.surface.path.get_xydata().shape, explorer.words[0])",
    "explorer.play(); explorer.advance(); print(explorer.shown); explorer.pause()",
    "canvas = explorer.figure.canvas\n"
    "x, y = explorer.surface.ax.transData.transform((0, 0))\n"
    "canvas.draw()\n"
    "pixels = {'x': x, 'y': canvas.get_renderer().height - y, 'modifiers': [], 'button': 0, 'buttons': 1}\n"
    "canvas.handle_event({'type': 'button_press'} | pixels)\n"
    "print(np.abs(np.round(explorer.settings.start)))",
]
STILL = ["%matplotlib inline\nimport viz\nexplorer = viz.explore()"]


def executed(*cells, **options):
    from nbformat import v4

    notebook = v4.new_notebook(cells=[v4.new_code_cell(cell) for cell in cells])
    return nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3", **options).execute().cells


def printed(cell):
    return "".join(output.text for output in cell.outputs if output.output_type == "stream" and output.name == "stdout")


def kinds(cell):
    """Kinds of what is displayed below a cell."""
    return {kind for output in cell.outputs if output.output_type == "display_data" for kind in output.data}


def test_it_is_alive_with_widgets():
    shown, changed, played, dragged = executed(*ALIVE)
    assert "application/vnd.jupyter.widget-view+json" in kinds(shown)
    module, text = printed(changed).splitlines()
    assert module.startswith("ipympl")
    assert text.startswith("(71, 2) step 70 of 70 (epoch 10): w = ")
    assert printed(played) == "1\n"
    assert printed(dragged) == "[0. 0.]\n"


def test_a_picture_says_that_it_stands_still():
    (cell,) = executed(*STILL)
    assert "write %matplotlib widget in a cell before it" in printed(cell)
    assert "image/png" in kinds(cell)
