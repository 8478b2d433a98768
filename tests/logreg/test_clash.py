"""Imports beside another distribution's `kernels` or `viz`, which pip may install over ours."""

import shutil
from pathlib import Path

import pytest

from tests.processes import run_python

ROOT = Path(__file__).parents[2]


@pytest.fixture
def installed(tmp_path):
    """A folder with copies of the packages, as in an environment."""
    for name in ("kernels", "logreg", "viz"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def error_of(source, root):
    """The last line that Python writes on its way out."""
    return run_python(source, root=root).stderr.strip().splitlines()[-1]


@pytest.mark.parametrize(("source", "name"), [("import logreg", "kernels"), ("import logreg.commands.pictures", "viz")])
def test_what_was_overwritten_or_deleted_is_named(source, name, installed):
    ours = installed / name / "__init__.py"
    says = " isn't that of logreg-kernels: another package has overwritten it or comes first; install logreg-kernels "
    ours.write_text("def get_kernel():\n    pass\n")
    assert error_of(source, installed).startswith(f"ImportError: {name} ({ours}){says}")
    ours.unlink()
    assert error_of(source, installed).startswith(f"ImportError: {name} ({installed / name}){says}")
