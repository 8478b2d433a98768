"""The lab's notebooks: made from their source, the same code in both languages, and they run."""

import json
import os
import re
from pathlib import Path

import jupytext
import nbclient
import nbformat
import pytest

from tools import notebooks

ROOT = Path(__file__).parents[2]
ORIGINAL = ROOT / "tests" / "viz" / "notebooks" / "cross_entropy.py"
ANSWERS = {"en": "*Your answer:*", "es": "*Tu respuesta:*"}
QUESTION = {"en": r"\*\*Question \d+\.\*\*", "es": r"\*\*Pregunta \d+\.\*\*"}
SECONDS = 300  # for a cell, which may compile kernels


def executed(notebook, folder):
    """The notebook after its cells have run, in a process of its own."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    client = nbclient.NotebookClient(notebook, timeout=SECONDS, resources={"metadata": {"path": str(folder)}})
    return client.execute(env=environment)


def outputs(notebook):
    return [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]


def read(language):
    return nbformat.read(notebooks.NOTEBOOKS[language], as_version=4)


@pytest.mark.parametrize("language", notebooks.NOTEBOOKS)
def test_they_are_what_their_source_makes(language):
    assert notebooks.NOTEBOOKS[language].read_text(encoding="utf-8") == notebooks.notebook_of(language)


@pytest.mark.parametrize("language", notebooks.NOTEBOOKS)
def test_each_question_has_room_for_an_answer(language):
    cells = [cell.source for cell in read(language).cells]
    asked = [k for k, text in enumerate(cells) if re.match(QUESTION[language], text)]
    assert len(asked) == 8
    assert all(cells[k + 1] == ANSWERS[language] for k in asked)


def test_both_have_the_same_code():
    english, spanish = (list(read(language).cells) for language in notebooks.NOTEBOOKS)
    assert [cell.cell_type for cell in english] == [cell.cell_type for cell in spanish]
    code = [(one.source, other.source) for one, other in zip(english, spanish, strict=True) if one.cell_type == "code"]
    differ = [pair for pair in code if pair[0] != pair[1]]
    assert [pair[0].replace('speak("en")', 'speak("es")') for pair in differ] == [differ[0][1]]


@pytest.mark.parametrize("language", notebooks.NOTEBOOKS)
def test_they_run(language, tmp_path):
    done = executed(read(language), tmp_path)
    kinds = {kind for output in outputs(done) if output.output_type == "display_data" for kind in output.data}
    assert "image/png" in kinds
    assert "application/vnd.jupyter.widget-view+json" in kinds  # the explorer
    shares = [output.text for output in outputs(done) if "'mse'" in output.get("text", "")]
    assert json.loads(shares[-1].replace("'", '"')) == pytest.approx({"bce": 1.0, "mse": 0.53}, abs=0.01)
    assert not [output for output in outputs(done) if output.get("name") == "stderr"]


def test_the_original_runs(tmp_path):
    """Cells of the original with only their imports changed, as a notebook."""
    done = executed(jupytext.read(ORIGINAL), tmp_path)
    assert not [output for output in outputs(done) if output.output_type == "error"]
