"""`checkpoint=` of surfaces: a killed call goes on to the same bits, whenever it is killed, and a file that is no
checkpoint, or one of something else, is refused by name before any work, and left as it is."""

import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest

from kernels import evaluation, keeping, plan_surface, surface_on_plane
from kernels.mathematics import planning
from kernels.workers import checkpoint as kept
from tests import blocks
from tests.blocks import CASES, Case, Samples, callables, found, values
from tests.processes import printed_by

SAMPLES = Samples(n=900)
SIZE = 60  # of 15 blocks
CASE = Case(SAMPLES, options={"quantities": ("loss", "accuracy")})

pytestmark = pytest.mark.usefixtures("warm")


def counted(path, block, until=None):
    """The block; a byte of the file at `path` is one reading, of which the one after `until` fails."""
    with open(path, "ab") as file:
        file.write(b"r")
    if until is not None and os.path.getsize(path) > until:
        raise ConnectionResetError("the share is gone")
    return block()


class Reading:
    """Blocks that count how often they are read, in a file, as other processes read them too."""

    def __init__(self, path, samples=SAMPLES, size=SIZE):
        self.path, self.given = path, callables(samples, size)
        self.path.touch()

    def blocks(self, until=None):
        return [partial(counted, self.path, block, until) for block in self.given]

    @property
    def times(self):
        return self.path.stat().st_size

    def fail_after(self, times, **options):
        """A surface that fails at the block after so many readings."""
        failing = [partial(self.counted_until, self.times + times, block) for block in self.blocks()]
        with pytest.raises(ConnectionResetError):
            CASE.surface(failing, **options)


@pytest.fixture
def reading(tmp_path):
    return Reading(tmp_path / "readings")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "sums.npz"
