"""Studies by an executor's workers, and what is kept of them: the bits of one call."""

from concurrent.futures import BrokenExecutor, ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest

from kernels import members
from kernels.workers import checkpoint
from logreg import study_rates, study_starts
from tests import engines, problems
from tests.kernels.test_members import Here, told

SAMPLES = problems.sgd_problem(40, 2, soft=False)
STUDIES = {
    "starts": partial(
        study_starts, problems.lab_data(), 15, 13, 100, lr=2, batch_size=3, epochs=20, seed=0, class_weight="balanced"
    ),
    "rates": partial(
        study_rates,
        (SAMPLES.X, SAMPLES.y),
        [0.02, 0.2, 2.0, 400.0],
        [3, 40],
        15,
        13,
        30,
        epochs=20,
        seed=0,
        momentum=0.5,
        weight_decay=0.01,
        sample_weight=np.linspace(0.5, 2, 40),
    ),
}
TASKS = {"starts": 2 * 7, "rates": 4 * (2 + 3 * 8)}  # of 16 members: 100; 30, and thrice 120, in four rows

pytestmark = pytest.mark.usefixtures("short_tasks")


@pytest.fixture
def short_tasks(monkeypatch):
    """Of 16 members, with which studies of few take several of them; checkpoints are written after each."""
    monkeypatch.setattr(members, "OPERATIONS", 1.0)
    monkeypatch.setattr(members, "OPERATIONS_PER_BYTE", 0)
    monkeypatch.setattr(members, "FULL", 16)
    monkeypatch.setattr(checkpoint, "SECONDS", 0.0)
    monkeypatch.setattr(checkpoint, "SHARE", 0)


@pytest.fixture(scope="module")
def found():
    """Each study by one call."""
    return {name: study() for name, study in STUDIES.items()}


def assert_same(got, want):
    """Every field to the bit, of each cost."""
    for name, value in vars(want).items():
        other = getattr(got, name)
        for one, another in zip(as_arrays(other), as_arrays(value), strict=True):
            assert one.dtype == another.dtype
            assert one.tobytes() == another.tobytes(), name


def as_arrays(value):
    return [*map(np.asarray, value.values() if isinstance(value, dict) else [value])]


@pytest.mark.parametrize("name", STUDIES)
@pytest.mark.parametrize("engine", ["threads", "processes", "dask"])
def test_same_bits_by_workers(engine, name, found, tmp_path):
    start = {"threads": lambda: ThreadPoolExecutor(3), "processes": engines.process_pool, "dask": engines.dask}
    with start[engine]() as executor:
        assert_same(STUDIES[name](executor=executor), found[name])
        assert_same(STUDIES[name](executor=executor, checkpoint=tmp_path / "kept.npz"), found[name])


MPI = """
import json
from mpi4py.futures import MPIPoolExecutor
from kernels import members
from tests.logreg.test_studies import STUDIES, assert_same

if __name__ == "__main__":
    want = {name: study() for name, study in STUDIES.items()}
    members.OPERATIONS, members.OPERATIONS_PER_BYTE, members.FULL = 1.0, 0, 16
    with MPIPoolExecutor() as executor:
        for name, study in STUDIES.items():
            assert_same(study(executor=executor), want[name])
        print(json.dumps(executor.num_workers))
"""


def test_same_bits_by_mpi(tmp_path):
    script = tmp_path / "studies.py"
    script.write_text(MPI)
    assert engines.printed_by_mpi(script) == engines.WORKERS


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_goes_on_from_wherever_it_was(name, found, tmp_path):
    """One file serves all its ensembles; what is done is not done again, and a study that is whole does nothing."""
    path, often, ran = tmp_path / "kept.npz", TASKS[name] // 4 + 1, []
    for _ in range(3):
        executor = Here(often)
        with pytest.raises(BrokenExecutor, match=r"^executor gave up.*it is kept in '.*kept.npz'"):
            STUDIES[name](executor=executor, checkpoint=path)
        ran.append(executor.ran)
    last = Here()
    assert_same(STUDIES[name](executor=last, checkpoint=path), found[name])
    assert [*ran, last.ran] == [often] * 3 + [TASKS[name] - 3 * often]
    assert_same(STUDIES[name](executor=Here(0), checkpoint=path), found[name])
    assert_same(STUDIES[name](checkpoint=path), found[name])


def test_of_rows_that_are_done_their_means_are_kept(tmp_path):
    path = tmp_path / "kept.npz"
    STUDIES["rates"](checkpoint=path)
    with np.load(path) as kept:
        names = {name.rsplit("/", 1)[0] for name in kept if name != "about"}
        assert names == {f"{cost}, batches of {size}" for cost in ("bce", "mse") for size in (3, 40)}
        assert {kept[name].shape for name in kept if name != "about"} == {(4,)}


def test_progress_of_rates(tmp_path):
    for options in ({"executor": Here()}, {"checkpoint": tmp_path / "kept.npz"}, {"checkpoint": tmp_path / "kept.npz"}):
        reports = []
        STUDIES["rates"](**options, progress=told(reports))
        done = [now for now, _ in reports]
        assert done == sorted(done)
        assert done[-1] == reports[-1][1]


OTHERS = {
    "starts": [
        ("settings", {"lr": 1.0}),
        ("settings", {"epochs": 21}),
        ("settings", {"batch_size": 4}),
        ("settings", {"costs": ["bce"]}),
        ("starts", {"seed": 1}),
        ("data", {"class_weight": None}),
        ("data", {"positive": 0}),
    ],
    "rates": [
        ("settings", {"epochs": 21}),
        ("settings", {"momentum": 0.6}),
        ("settings", {"weight_decay": 0.0}),
        ("settings", {"costs": ["mse", "bce"]}),
        ("starts", {"seed": 1}),
        ("data", {"sample_weight": None}),
    ],
}


@pytest.mark.parametrize("name", STUDIES)
def test_a_checkpoint_of_another_study_is_refused(name, tmp_path):
    path = tmp_path / "kept.npz"
    STUDIES[name](checkpoint=path)
    (other,) = set(STUDIES) - {name}
    with pytest.raises(ValueError, match=r"^checkpoint '.*' is of other work, by its function and "):
        STUDIES[other](checkpoint=path)
    for what, changes in OTHERS[name]:
        with pytest.raises(ValueError, match=rf"^checkpoint '.*' is of other work, by its ([a-z]+ and )*{what}\b"):
            STUDIES[name](**changes, checkpoint=path)


@pytest.mark.parametrize("name", STUDIES)
def test_cards_beside_an_executor_are_refused(name, monkeypatch):
    monkeypatch.setattr("logreg.studies.card_of", lambda device: device)
    with pytest.raises(ValueError, match=r"^device is 'cuda' beside executor; accepted: None or 'cpu'"):
        STUDIES[name](device="cuda", executor=Here())
    with pytest.raises(TypeError, match=r"^executor is a str; accepted"):
        STUDIES[name](executor="dask")
