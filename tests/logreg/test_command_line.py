"""python -m logreg."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from kernels.losses import LOSSES
from logreg import __main__ as command_line
from logreg.commands import trials
from logreg.commands.lab import Settings
from tests.processes import printed_by

LOADED = "import json, sys; print(json.dumps([m for m in ('torch', 'numba', 'matplotlib') if m in sys.modules]))"
QUICK = ["--epochs", "1", "--resolution", "5", "--loss", "bce"]


@pytest.fixture
def asked(monkeypatch):
    """The Settings that the lab was asked for; it isn't run."""
    calls = []
    monkeypatch.setattr(trials, "run_lab", calls.append)
    return calls


@pytest.mark.parametrize(
    ("arguments", "changes"),
    [
        ("", {}),
        ("lab", {}),
        ("--start -15 -10.5", {"start": (-15.0, -10.5)}),
        ("--loss bce", {"costs": ("bce",)}),
        ("--loss mse", {"costs": ("mse",)}),
        ("--loss both", {"costs": ("bce", "mse")}),
        ("--epochs 3", {"epochs": 3}),
        ("--lr 0.5", {"lr": 0.5}),
        ("--batch-size 20", {"batch_size": 20}),
        ("--resolution 30", {"resolution": 30}),
        ("--out some/where", {"out": Path("some/where")}),
        ("--seed 7", {"seed": 7}),
        ("--device cpu", {"device": "cpu"}),
        ("--device cuda", {"device": "cuda"}),
        ("lab --lr 1 --seed 2 --epochs 0", {"lr": 1.0, "seed": 2, "epochs": 0}),
    ],
)
def test_options(arguments, changes, asked):
    assert command_line.main(arguments.split()) is None
    assert asked == [Settings(**changes)]


def test_defaults_are_the_values_of_the_lab():
    assert Settings() == Settings((5.0, 10.0), ("bce", "mse"), 2.0, 3, 100, 300, Path("out"), 0, "cpu")


def test_starts(tmp_path, capsys):
    """Few starts: the shares, and one picture."""
    command_line.main(["starts", "--number", "2000", "--epochs", "20", "--seed", "3", "--out", str(tmp_path / "new")])
    text = capsys.readouterr().out
    assert text.startswith("Of 2,000 random starts, w in [-15, 15], b in [-13, 13], training of 140 steps ends ")
    assert re.search(r"from 100 % with cross-entropy and [\d.]+ % with mean squared error\.\n", text)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["starts.png"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--number", "0"], "error: --number is 0; accepted"),
        (["--number", "many"], "error: --number is 'many'; accepted: a whole number"),
        (["--seed", "-1"], "error: --seed is -1; accepted"),
        (["--lr", "-1"], "error: --lr is -1"),
        (["--start", "5", "10"], "error: --start is no option; accepted: --help, "),
    ],
)
def test_wrong_values_of_starts(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        command_line.main(["starts", "--epochs", "1", *arguments])
    assert stop.value.code == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def error_of(arguments, capsys):
    """What is said on stderr where the command line is refused as argparse refuses it."""
    with pytest.raises(SystemExit) as stop:
        command_line.main(arguments)
    assert stop.value.code == 2
    usage, _, message = capsys.readouterr().err.rpartition("python -m logreg: error: ")
    assert "usage: python -m logreg" in usage
    return message


def test_help(capsys):
    with pytest.raises(SystemExit) as stop:
        command_line.main(["--help"])
    assert stop.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    for part in (
        "--start W B",
        f"--loss {{{','.join(LOSSES)},both}}",
        "--epochs",
        "--lr",
        "--batch-size",
        "--resolution",
        "--out",
        "--seed",
        "--device {cpu,cuda}",
    ):
        assert part in text
    for part in (
        "cross-entropy",
        "mean squared error",
        "learning rate",
        "passes over the data",
        "folder for the pictures",
    ):
        assert part in text
    for default in ("both", "100", "2.0", "3", "300", "out", "0"):
        assert f"(default: {default})" in text


@pytest.mark.parametrize(
    "arguments",
    [
        ["surf"],
        ["--epochs", "many"],
        ["--epochs", "2.5"],
        ["--start", "5"],
        ["--start", "a", "b"],
        ["--loss", "nll"],
        ["--lr"],
        ["--shuffle"],
        ["--device", "tpu"],
    ],
)
def test_what_argparse_refuses(arguments, asked, capsys):
    assert error_of(arguments, capsys)
    assert asked == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--resolution", "1"], "resolution"),
        (["--resolution", "0"], "--resolution is 0"),
        (["--batch-size", "0"], "is 0; accepted"),
        (["--lr", "-1"], "--lr is -1"),
        (["--lr", "nan"], "--lr is nan"),
        (["--epochs", "-1"], "--epochs is -1"),
        (["--start", "nan", "0"], "nan; accepted"),
        (["--start", "1e300", "0"], "accepted"),
        (["--seed", "100000000000000000000000"], "seed"),
        (["--lr", "1e39"], "--lr is 1e\\+39; accepted"),
        (["--epochs", "1000000000000"], "GB"),
        (["--resolution", "1000000"], "GB"),
        (["--out", __file__], "--out is '.*test_command_line.py'; accepted: a folder"),
        (["--out", f"{__file__}/under"], "--out is '.*under'; accepted: a folder"),
        (["--out", "/" + "long" * 1000], "--out is '.*long'; accepted: a folder, .*too long"),
    ],
    ids=lambda value: " ".join(value).replace(__file__, "FILE") if isinstance(value, list) else None,
)
def test_wrong_values(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert re.search(message, error_of([*QUICK, *arguments], capsys))
    assert list(tmp_path.rglob("*.png")) == []


ASKED = (
    "--help",
    "--version",
    "surface --help",
    "--language es starts --help",
    "surfce",
    "--epoch 3",
    "--lr fast",
    "surface --data iris",
)


@pytest.mark.parametrize("arguments", ASKED)
def test_what_is_typed_is_read_before_more_is_loaded(arguments):
    source = f"from logreg.__main__ import main\ntry:\n    main({arguments.split()})\nexcept SystemExit:\n    {LOADED}"
    assert printed_by(source) == []


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
@pytest.mark.parametrize("command", ["lab", "surface", "starts"])
def test_no_cuda_device(command, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        command_line.main([command, "--device", "cuda"])
    assert stop.value.code == 2
    assert "error: --device is 'cuda'; accepted: None or 'cpu', as PyTorch finds no such" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_interrupted(monkeypatch):
    def interrupted(settings):
        raise KeyboardInterrupt

    monkeypatch.setattr(trials, "run_lab", interrupted)
    with pytest.raises(SystemExit) as stop:
        command_line.main([])
    assert stop.value.code not in (None, 0, 2)


@pytest.mark.long
def test_run_as_a_program(tmp_path):
    """The one run in a process of its own: pictures, text, exit code, and nothing but progress on stderr."""
    command = [sys.executable, "-m", "logreg", *QUICK, "--out", str(tmp_path / "pictures")]
    run = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True)
    assert run.stdout.startswith("start ")
    assert "With cross-entropy " in run.stdout
    assert "Warning" not in run.stderr
    assert len(list((tmp_path / "pictures").glob("*.png"))) == 7
    assert len(list((tmp_path / "pictures").glob("*.gif"))) == 1
