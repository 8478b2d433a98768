"""Programs that measure and write published figures can be imported: what they name is still there."""

import importlib

import pytest


@pytest.mark.parametrize(
    "name",
    [
        "bench.__main__",
        "bench.accuracy",
        "bench.calls",
        "bench.card.publish",
        "bench.options",
        "bench.peaks",
        "bench.plots",
        "bench.report",
        "tools.polynomials",
        "tools.same_bits",
    ],
)
def test_what_a_program_imports_is_there(name):
    importlib.import_module(name)
