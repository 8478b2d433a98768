"""The command that mutates: which mutants there are, and that each gets the verdict that is right."""

import ast
import shutil
import time
from pathlib import Path

import pytest

from tests.mutation import __main__ as command
from tests.mutation import report, targets, trees
from tests.mutation.operators import compiles, mutants


def changed(source, left_out=()):
    return {mutant.of(source.encode()).decode() for mutant in mutants(source.encode(), frozenset(left_out))}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a < b", {"a <= b"}),
        ("a < b >= c", {"a <= b >= c", "a < b > c"}),
        ("a is not b", {"a is b"}),
        ("x not in y", {"x in y"}),
        ("a + b", {"a - b", "a", "b"}),
        ("ü - b", {"ü + b", "ü"}),
        ("a // b", {"a * b", "a"}),
        ("a and b and c", {"a or b and c", "a and b or c"}),
        ("not a", {"(a)"}),
        ("0.0", {"1.0"}),
        ("3.0", {"6.0", "1.5"}),
        ("1", {"0", "2"}),
        ("7", {"8"}),
        ("True", {"False"}),
        ("abs(x)", {"pass", "(x)"}),
        ("y = x.max(a, b)", {"y = x.min(a, b)", "y = x.max(b, a)"}),
        ("y = np.where(c, a, b)", {"y = np.where(c, b, a)"}),
        ("y = f(a, k=b)", {"y = f(a)"}),
        ("y = x[i:j]", {"y = x[i + 1:j]", "y = x[i:j - 1]"}),
        ("y = [a for a in b if c]", {"y = [a for a in b if (not (c))]"}),
        ("for a in range(n): break", {"for a in range(n - 1): break", "for a in range(n): pass"}),
        ("x[k] -= y", {"pass", "x[k] += y"}),
        ("x[k] = y", {"pass"}),
        ("if a: b\nelse: c", {"if (not (a)): b\nelse: c", "if a: b\nelse: pass"}),
        ("def f(): return a, b", {"def f(): return b, a"}),
        ("def f(): raise ValueError(a + 1)", {"def f(): pass"}),
    ],
)
def test_every_slip(source, expected):
    assert changed(source) == expected


@pytest.mark.parametrize(
    "source",
    [
        '"""Text of 1 + 2."""',
        "import a.b as c",
        "x: Literal[1]",
        "X: TypeAlias = A | B",
        "if TYPE_CHECKING: import a",
        "def f(x: Literal[1]) -> Literal[2]: return x",
        "@f(1)\ndef f(x): return x",
        "y = f'{a + 1}'",
        "y = 'a' + b",
        "x = y",
    ],
)
def test_what_is_left_alone(source):
    assert changed(source) == set()


@pytest.mark.parametrize(
    "source",
    [
        "SPEED = 2**4",
        "if_ = work < SPEED",
        "SPEED(x, 1)",
        "def SPEED(x): return x + 1",
        "y = f(SPEED=1)",
        "{'SPEED': 1}",
    ],
)
def test_names_left_out(source):
    assert changed(source)
    assert changed(source, {"SPEED"}) == set()


def test_mutants_are_other_programs():
    source = (trees.ROOT / "kernels/mathematics/compression.py").read_bytes()
    found = mutants(source)
    assert len(found) > 100
    for mutant in found[::5]:
        assert source.splitlines()[mutant.line - 1]
        assert not compiles(mutant.of(source)) or ast.dump(ast.parse(mutant.of(source))) != ast.dump(ast.parse(source))


def test_names_and_tests_of_the_tables_exist():
    for path in {*targets.SPEED, *targets.TESTS}:
        text = (trees.ROOT / path).read_text(encoding="utf-8")
        for name in targets.SPEED.get(path, "").split():
            assert name in text, (path, name)
        for name in targets.TESTS.get(path, ()):
            assert (trees.ROOT / "tests" / path.split("/")[0] / f"test_{name}.py").exists(), (path, name)
    without = [path for path in targets.sources() if not targets.tests_of(path)]
    assert [path for path in without if targets.mutants_of(path)] == []


SOURCE = """
def total(a, b):
    while a > 10:
        a -= 1
    return a + b

def unused(a):
    return a + 1
"""
TESTS = """
from kernels.numba_cpu.sums import total

def test_total():
    assert total(2, 3) == 5

def test_large():
    assert total(13, 3) == 13
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A tree with one function, which stands for the checkout."""
    files = {"kernels/numba_cpu/sums.py": SOURCE, "tests/kernels/test_sums.py": TESTS, "pyproject.toml": ""}
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    shutil.copytree(Path(__file__).parent, tmp_path / "tests/mutation", ignore=shutil.ignore_patterns("test_*"))
    watch = tmp_path / "tests/mutation/watch.py"
    watch.write_text(watch.read_text().replace("ITEM_SECONDS = 200", "ITEM_SECONDS = 2"), encoding="utf-8")
    for module in (trees, targets, command):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    return tmp_path


@pytest.mark.long
def test_verdicts(project, tmp_path, monkeypatch):
    out, table = tmp_path / "out/mutants.jsonl", tmp_path / "mutants.md"
    monkeypatch.setattr("sys.argv", ["", "--number", "100", "--out", str(out), "--report", str(table), "--skip-done"])
    with pytest.raises(SystemExit) as end:
        command.main()
    assert end.value.code == 1
    found = report.records(out).values()
    assert [(record["line"], report.verdict(record)) for record in found] == [
        *((line, "killed") for line in (3, 4, 5)),
        (8, "alive"),
    ]
    assert "| kernels/numba_cpu | 4 | 3 | 0 | 1 |" in table.read_text(encoding="utf-8")
    assert (project / "kernels/numba_cpu/sums.py").read_text(encoding="utf-8") == SOURCE

    (alive,) = (record for record in found if not record["killed_by"])
    reasons = {(alive["path"], alive["before"], alive["after"]): "nobody calls it"}
    monkeypatch.setattr(report, "REASONS", reasons)
    monkeypatch.setattr(command, "judged", None)  # all are done
    with pytest.raises(SystemExit) as end:
        command.main()
    assert end.value.code == 0
    assert "nobody calls it" in table.read_text(encoding="utf-8")


@pytest.mark.long
def test_a_loop_without_end_is_seen(project, tmp_path):
    tree = trees.Tree(tmp_path / "copy")
    verdict = tree.tested("kernels/numba_cpu/sums.py", SOURCE.replace("a -= 1", "pass").encode(), ["tests/kernels"])
    assert (verdict.failed, verdict.test) == (True, "tests/kernels/test_sums.py::test_large")
    assert tree.run(["tests/kernels"]).passed


def test_what_takes_too_long_has_not_failed_nor_passed(project, tmp_path, monkeypatch):
    monkeypatch.setattr(trees, "LIMIT", 0.01)
    tree = trees.Tree(tmp_path / "copy")
    verdict = tree.run(["tests/kernels"])
    assert (verdict.failed, verdict.passed) == (False, False)
    assert not tree.passes("tests/kernels")


def test_what_ends_a_round_ends_what_has_not_begun(project, tmp_path, monkeypatch):
    begun = []

    def interrupted(_, found):
        begun.append(found)
        time.sleep(0.02)
        raise KeyboardInterrupt

    out = tmp_path / "mutants.jsonl"
    monkeypatch.setattr("sys.argv", ["", "--number", "100", "--out", str(out)])
    monkeypatch.setattr(command, "sample", lambda number, seed: [{"path": ""}] * 50)
    monkeypatch.setattr(command, "judged", interrupted)
    with pytest.raises(KeyboardInterrupt):
        command.main()
    assert len(begun) < 50


def test_the_draw_goes_by_its_seed(project):
    (project / "kernels/one.py").write_text("x = 1 + y", encoding="utf-8")
    first = command.sample(3, 0)
    assert {found["path"] for found in first} == {"kernels/one.py", "kernels/numba_cpu/sums.py"}
    assert first == command.sample(3, 0)
    assert first != command.sample(3, 1) or first != command.sample(3, 2)
