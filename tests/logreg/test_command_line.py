"""python -m logreg."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from kernels import __version__
from kernels.losses import LOSSES
from logreg import __main__ as command_line
from logreg import speaking
from logreg.commands import convergence, trials
from logreg.commands.convergence import extent, head_of
from logreg.commands.lab import Settings
from logreg.language import said
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
        ("--start -1e1 -2E-1", {"start": (-10.0, -0.2)}),
        ("--start -15 -10.5", {"start": (-15.0, -10.5)}),
        ("--loss bce", {"costs": ("bce",)}),
        ("--loss mse", {"costs": ("mse",)}),
        ("--loss both", {"costs": ("bce", "mse")}),
        ("--epochs 3", {"epochs": 3}),
        ("--lr 0.5", {"lr": 0.5}),
        ("--batch-size 20", {"batch_size": 20}),
        ("--resolution 30", {"resolution": 30}),
        ("--out some/where", {"out": Path("some/where")}),
        ("--out -5", {"out": Path("-5")}),
        ("--out=-5", {"out": Path("-5")}),
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


def test_starts_in_spanish(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(trials, "draw_starts", lambda *_: tmp_path / "starts.png")
    command_line.main(f"starts --language es --number 50 --epochs 2 --out {tmp_path}".split())
    text = capsys.readouterr().out
    assert text.startswith(
        "De 50 inicios al azar, w en [-15, 15], b en [-13, 13], un entrenamiento de 14 pasos termina"
    )
    assert text.endswith(f"\n\nEl mapa es {tmp_path.resolve()}/starts.png\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--number", "0"], "error: --number is 0; accepted"),
        (["--number", "many"], "error: --number is 'many'; accepted: a whole number"),
        (["--seed", "-1"], "error: --seed is -1; accepted"),
        (["--lr", "-1"], "error: --lr is -1"),
        (["--start", "5", "10"], "error: --start is no option; accepted: --help, "),
        (["--number", "1000000000000"], "error: --number is 1000000000000; accepted: less, as "),
        (["--seed", "9" * 20], "error: --seed is 99999999999999999999; accepted"),
        (["--lr", "1e39"], "error: --lr is 1e+39; accepted: finite float32 numbers"),
    ],
)
def test_wrong_values_of_starts(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        command_line.main(["starts", "--epochs", "1", *arguments])
    assert stop.value.code == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_rates(tmp_path, capsys):
    """Few rates: up to which each cost converges, and one picture."""
    words = "rates --rates 0.01 1 --batch-sizes 20 3 3 --number 5 --epochs 20 --momentum 0.5 --seed 3"
    command_line.main([*words.split(), "--out", str(tmp_path / "new")])
    text = capsys.readouterr().out
    for cost in ("cross-entropy", "mean squared error"):
        assert f"With {cost}, from 5 starts:\n  batches of 3: converges with every learning rate, up to 1\n" in text
    assert text.count("  batches of 20: converges with every learning rate, up to 1\n  lowest mean loss, ") == 2
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["rates.png"]
    assert text.endswith(f"The map is {(tmp_path / 'new' / 'rates.png').resolve()}\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--number", "0"], "--number is 0; accepted: an integer >= 1"),
        (["--rates", "1"], "--rates expected 2 arguments"),
        (["--rates", "1", "1"], "--rates is 1 1; accepted: two numbers, 0 < LOW < HIGH"),
        (["--rates", "0", "1"], "--rates is 0 1; accepted: two numbers"),
        (["--rates", "0.1", "inf"], "--rates is inf; accepted: a finite number"),
        (["--rates", "1e-310", "1"], r"--rates\[0\] is 1e-310; accepted: finite values"),
        (["--number", "1000000000000"], "--number is 1000000000000; accepted: less, as "),
        (["--batch-sizes", "0"], "--batch-sizes is 0; accepted: an integer >= 1"),
        (["--epochs", "-1"], "--epochs is -1; accepted"),
        (["--momentum", "-1"], "--momentum is -1.0; accepted"),
        (["--data", "iris"], "--data is 'iris'; accepted: breast_cancer, digits, lab"),
        (["--lr", "1"], "--lr is no option; accepted: --help, "),
    ],
)
def test_wrong_values_of_rates(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        command_line.main(["rates", "--number", "1", *arguments])
    assert stop.value.code == 2
    assert re.search(message, capsys.readouterr().err)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        ([0, 0, 0, 0], "converges with every learning rate, up to 8"),
        ([0, 1, 1, 2], "converges up to learning rate 1, then oscillates, then diverges"),
        ([0, 0, 1, 0], "converges up to learning rate 2, then oscillates, then converges"),
        ([1, 1, 2, 2], "oscillates, then diverges from the lowest learning rate, 1"),
        ([2, 2, 2, 2], "diverges from the lowest learning rate, 1"),
    ],
)
def test_how_training_goes_in_words(behaviour, words):
    assert extent(np.array([1.0, 2.0, 4.0, 8.0]), np.array(behaviour)) == words


def test_rates_in_spanish(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(convergence, "draw_rates", lambda *_: tmp_path / "rates.png")
    command_line.main(f"rates --language es --batch-sizes 20 --number 3 --epochs 2 --out {tmp_path}".split())
    first, second, where = capsys.readouterr().out.split("\n\n")
    assert first.startswith("Con entropía cruzada, desde 3 inicios:\n  lotes de 20: converge")
    assert second.startswith("Con error cuadrático medio, desde 3 inicios:\n  lotes de 20: converge")
    assert where == f"El mapa es {tmp_path.resolve()}/rates.png\n"


@pytest.mark.parametrize(
    ("language", "number", "head"),
    [
        ("en", 1, "With mean squared error, from one start:"),
        ("en", 2000, "With mean squared error, from 2,000 starts:"),
        ("es", 1, "Con error cuadrático medio, desde un inicio:"),
        ("es", 2000, "Con error cuadrático medio, desde 2,000 inicios:"),
    ],
)
def test_what_was_trained_in_words(language, number, head):
    with speaking(language):
        assert head_of("mse", number) == head


def test_how_training_goes_in_spanish():
    with speaking("es"):
        words = extent(np.array([1.0, 2.0, 4.0]), np.array([0, 1, 2]))
    assert words == "converge hasta la tasa de aprendizaje 1, después oscila, después diverge"


def error_of(arguments, capsys):
    """What is said on stderr where the command line is refused as argparse refuses it."""
    with pytest.raises(SystemExit) as stop:
        command_line.main(arguments)
    assert stop.value.code == 2
    usage, _, message = capsys.readouterr().err.rpartition("python -m logreg: error: ")
    assert re.search("(usage|uso): python -m logreg", usage)
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
    ("arguments", "message"),
    [
        ("surf", "surf is no command; accepted: lab, surface, starts"),
        ("laboratory", "laboratory is no command; accepted: lab, surface, starts"),
        ("--epochs many", "--epochs is 'many'; accepted: a whole number"),
        ("--epochs 2.5", "--epochs is '2.5'; accepted: a whole number"),
        ("--epochs -1e3", "--epochs is '-1e3'; accepted: a whole number"),
        ("--start 5", "--start expected 2 arguments"),
        ("--start a b", "--start is 'a'; accepted: a number"),
        ("--loss nll", "--loss is 'nll'; accepted: bce, mse, focal, both"),
        ("--lr", "--lr expected one argument"),
        ("--shuffle", "--shuffle is no option; accepted: --help, --version, --language, --start, "),
        ("--epoch=3", "--epoch is no option; accepted: --help, "),
        ("3", "3 is no command; accepted: lab, "),
        ("--lr 3 4", "4 is no option; accepted: --help, "),
        ("--lr 3 starts", "starts is after options; accepted: a command before its options"),
        ("--device tpu", "--device is 'tpu'; accepted: cpu, cuda"),
        ("--device -1", "--device is '-1'; accepted: cpu, cuda"),
        ("--language fr", "--language is 'fr'; accepted: en, es"),
        ("--language", "--language is ''; accepted: en, es"),
        ("--language es --lr x", "--lr is 'x'; accepted: a number"),
    ],
)
def test_what_is_refused(arguments, message, asked, capsys):
    assert error_of(arguments.split(), capsys).startswith(message)
    assert asked == []


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        ("surfce", "surface"),
        ("strats --number 3", "starts"),
        ("--epoch 3", "--epochs"),
        ("--epoch=3", "--epochs"),
        ("--batchsize 3", "--batch-size"),
        ("-lr 3", "--lr"),
        ("--loss mes", "mse"),
        ("--device gpu", "cpu"),
        ("--lang es", "--language"),
    ],
)
def test_what_may_be_meant(arguments, meant, asked, capsys):
    assert error_of(arguments.split(), capsys).endswith(f"; did you mean {meant}?\n")
    assert asked == []


def help_of(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        command_line.main(arguments)
    assert stop.value.code == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("command", command_line.COMMANDS)
def test_each_command_has_its_help_and_an_example_that_it_takes(command, capsys):
    texts = command_line.COMMANDS[command].texts()
    text = help_of([command, "-h"], capsys)
    program = "python -m logreg" if command == "lab" else f"python -m logreg {command}"
    assert text.startswith(f"usage: {program} [-h] [--version] [--language {{en,es}}]")
    assert text.endswith(f"example:\n  {program} {texts.example}\n")
    assert " ".join(texts.description.split()) in " ".join(text.split())
    assert f"{command}  " in help_of(["-h"], capsys).partition("commands, each with --help:")[2]
    assert command_line.parser_of(command).given(texts.example.split())


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("command", command_line.COMMANDS)
def test_help_in_spanish(command, before, capsys):
    spanish = ["--language", "es"]
    text = help_of([*spanish, command, "--help"] if before else [command, "--help", *spanish], capsys)
    with speaking("es"):
        texts = command_line.COMMANDS[command].texts()
    assert text.startswith("uso: python -m logreg")
    assert " ".join(texts.description.split()) in " ".join(text.split())
    assert not re.findall(r"\b(?:the|with|default|options|usage|example|and)\b", text)
    assert said("options") == "options"  # English again


def test_version(capsys):
    assert (
        help_of(["--version"], capsys) == help_of(["starts", "--version"], capsys) == f"logreg-kernels {__version__}\n"
    )


def test_as_a_script(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["/some/where/logreg"])
    assert "\n  logreg starts --number" in help_of(["starts", "-h"], capsys)


@pytest.mark.parametrize("arguments", ["--language es", "lab --language=es", "lab --language es"])
def test_the_language_of_what_is_run(arguments, monkeypatch):
    spoken = []
    monkeypatch.setattr(trials, "run_lab", lambda settings: spoken.append((settings, said("accuracy"))))
    command_line.main(arguments.split())
    assert spoken == [(Settings(), "exactitud")]
    assert said("accuracy") == "accuracy"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--resolution", "1"], "--resolution is 1; accepted"),
        (["--resolution", "0"], "--resolution is 0"),
        (["--batch-size", "0"], "--batch-size is 0; accepted"),
        (["--lr", "-1"], "--lr is -1"),
        (["--lr", "nan"], "--lr is nan"),
        (["--epochs", "-1"], "--epochs is -1"),
        (["--start", "nan", "0"], "--start is nan; accepted"),
        (["--start", "0", "-inf"], "--start is -inf; accepted"),
        (["--start", "1e300", "0"], "--start is 1e\\+300; accepted"),
        (["--seed", "100000000000000000000000"], "--seed is 1.*; accepted"),
        (["--lr", "1e39"], "--lr is 1e\\+39; accepted"),
        (["--epochs", "1000000000000"], "--epochs is 1.*; accepted: less, as .* GB"),
        (["--epochs", "9" * 20], "--epochs is 9.*; accepted: less, as .* any memory"),
        (["--lr", "3.4e38"], "--lr is 3.4e\\+38; accepted: one by which parameters stay in range"),
        (["--lr", "-1e-3"], "--lr is -0.001; accepted"),
        (["--resolution", "1000000"], "--resolution is 1.*; accepted: less, as .* GB"),
        (["--out", __file__], "--out is '.*test_command_line.py'; accepted: a folder"),
        (["--out", f"{__file__}/under"], "--out is '.*under'; accepted: a folder"),
        (["--out", "/" + "long" * 1000], "--out is '.*long'; accepted: a folder, .*too long"),
    ],
    ids=lambda value: " ".join(value).replace(__file__, "FILE") if isinstance(value, list) else None,
)
def test_wrong_values(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert re.match(message, error_of([*QUICK, *arguments], capsys))
    assert list(tmp_path.rglob("*.png")) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("rates --number 1000000000000", "--number is 1000000000000; accepted: less, as an array "),
        ("rates --rates 0 1", "--rates is 0 1; accepted: two numbers, 0 < LOW < HIGH"),
        ("rates --rates 1e-320 1", "--rates[0] is 1e-320; accepted: finite values"),
        ("rates --batch-sizes 3 0", "--batch-sizes is 0; accepted"),
        ("rates --momentum -1e1", "--momentum is -10.0; accepted"),
        ("explore --web --port -1", "--port is -1; accepted: 0, or one from 1 to 65535"),
        ("explore --web --port 65536", "--port is 65536; accepted: 0, or one from 1 to 65535"),
    ],
)
def test_wrong_values_of_other_commands(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        command_line.main(arguments.split())
    assert stop.value.code == 2
    assert capsys.readouterr().err.partition(": error: ")[2].startswith(message)
    assert list(tmp_path.iterdir()) == []


ASKED = (
    "--help",
    "--version",
    "surface --help",
    "--language es starts --help",
    "rates --help",
    "surfce",
    "--epoch 3",
    "--lr fast",
    "surface --data iris",
    "rates --help",
    "explore --language es --help",
    "explore --port many",
)


@pytest.mark.parametrize("arguments", ASKED)
def test_what_is_typed_is_read_before_more_is_loaded(arguments):
    source = f"from logreg.__main__ import main\ntry:\n    main({arguments.split()})\nexcept SystemExit:\n    {LOADED}"
    assert printed_by(source) == []


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
@pytest.mark.parametrize("command", ["lab", "surface", "starts", "rates"])
def test_no_cuda_device(command, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        command_line.main([command, "--device", "cuda"])
    assert stop.value.code == 2
    assert "error: --device is 'cuda'; accepted: None or 'cpu', as PyTorch finds no such" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_interrupted(monkeypatch, capsys):
    def interrupted(settings):
        raise KeyboardInterrupt

    monkeypatch.setattr(trials, "run_lab", interrupted)
    for language, said_of_it in (("en", "interrupted\n"), ("es", "interrumpido\n")):
        with pytest.raises(SystemExit) as stop:
            command_line.main(["--language", language])
        assert stop.value.code == 130
        assert capsys.readouterr().err == said_of_it


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
