"""Makes the lab's notebooks, one a language, from their source: `python tools/notebooks.py`, from the checkout.

The source, `notebooks/lab.md`, is in jupytext's Markdown. A cell with `lang="en"` or `lang="es"` is of that notebook
alone, others are of both. Notebooks have no outputs, and names of cells that depend on their places alone.
"""

from pathlib import Path

import jupytext
import nbformat

FOLDER = Path(__file__).parents[1] / "notebooks"
SOURCE = FOLDER / "lab.md"
NOTEBOOKS = {"en": FOLDER / "lab.en.ipynb", "es": FOLDER / "laboratorio.es.ipynb"}
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def notebook_of(language):
    """The notebook of a language, as text."""
    source = jupytext.read(SOURCE)
    cells = [cell for cell in source.cells if cell.metadata.get("lang", language) == language]
    for number, cell in enumerate(cells):
        cell.id, cell.metadata = f"cell-{number}", {}
    made = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": KERNEL, "language_info": {"name": "python"}})
    nbformat.validate(made)
    return nbformat.writes(made) + "\n"


if __name__ == "__main__":
    for language, path in NOTEBOOKS.items():
        path.write_text(notebook_of(language), encoding="utf-8")
