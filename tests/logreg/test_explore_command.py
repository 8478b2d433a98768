"""python -m logreg explore, but for what a browser shows, which is in tests/viz/test_browser.py."""

import socket
import sys

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest

from logreg import __main__ as command_line
from logreg.commands import exploring
from tests.processes import run_python
from viz.explorer import web
from viz.explorer.window import LAB, read

matplotlib.use("Agg")


@pytest.fixture
def asked(monkeypatch):
    """What was asked for, (where, data, options); nothing is shown."""
    calls = []
    monkeypatch.setattr(exploring, "on_screen", lambda data: calls.append(("screen", data, {})))
    monkeypatch.setattr(exploring, "on_a_page", lambda data, **options: calls.append(("page", data, options)))
    return calls


@pytest.mark.parametrize(
    ("arguments", "call"),
    [
        ("", ("screen", "lab", {})),
        ("--data digits", ("screen", "digits", {})),
        ("--web", ("page", "lab", {})),
        ("--web --data breast_cancer --port 8000", ("page", "breast_cancer", {"port": 8000})),
        ("--open --language es", ("page", "lab", {"open": True})),
        ("--port 8000", ("page", "lab", {"port": 8000})),
    ],
)
def test_options(arguments, call, asked):
    command_line.main(["explore", *arguments.split()])
    assert asked == [call]


@pytest.fixture
def served(monkeypatch):
    """(problem, settings, port) that would have been served; the address is told at once."""
    calls = []

    def serve(problem, settings, port, opened):
        calls.append((problem, settings, port))
        opened("http://127.0.0.1:1/")

    monkeypatch.setattr(exploring, "serve", serve)
    return calls


def test_the_labs_page(served, capsys, monkeypatch):
    opened = []
    monkeypatch.setattr(exploring.webbrowser, "open", opened.append)
    command_line.main(["explore", "--web"])
    assert capsys.readouterr().out == "The explorer is at http://127.0.0.1:1/ until Ctrl-C.\n"
    assert opened == []
    command_line.main(["explore", "--open", "--port", "7"])
    assert opened == ["http://127.0.0.1:1/"]
    assert [(settings, port) for _, settings, port in served] == [(LAB, 0), (LAB, 7)]


def test_real_data_is_on_a_plane_with_its_start_in_view():
    pytest.importorskip("sklearn")
    arguments, asked = exploring.explored("breast_cancer")
    problem, settings = read(*arguments, asked)
    assert problem.X.shape == (569, 30)
    assert problem.contains(*settings.start)
    assert problem.contains(0, 0)
    np.testing.assert_allclose(np.ptp(problem.s), np.ptp(problem.t))


def error_of(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        command_line.main(["explore", *arguments])
    assert stop.value.code == 2
    return capsys.readouterr().err.rpartition("error: ")[2]


def test_where_there_is_no_window_it_says_what_to_do(capsys):
    message = error_of([], capsys)
    assert message.startswith(
        "--web is left out, but there is no window to draw in (matplotlib draws by Agg); accepted: "
    )
    assert plt.get_fignums() == []


def test_a_backend_that_cannot_be_is_told_too():
    source = "import sys; from logreg.__main__ import main; main(['explore'])"
    found = run_python(source, MPLBACKEND="tkagg", DISPLAY="", WAYLAND_DISPLAY="")
    assert found.returncode == 2
    assert "error: --web is left out, but there is no window to draw in (" in found.stderr
    assert "Traceback" not in found.stderr


def test_a_port_that_is_taken_is_told(capsys):
    pytest.importorskip("tornado")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert error_of(["--port", str(port)], capsys).startswith(f"--port is {port}; accepted: 0, or one from 1 to ")
    assert error_of(["--port", "70000"], capsys).startswith("--port is 70000; accepted: 0, or one from 1 to 65535")


def test_without_tornado_it_names_the_extra(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "tornado", None)
    message = error_of(["--web"], capsys)
    assert message.startswith(
        '--web needs tornado, which is not installed (pip install "logreg-kernels[web]"); accepted'
    )


def test_the_page_loads_nothing_from_elsewhere():
    page = web.page()
    assert "http://" not in page
    assert "https://" not in page
    assert "{{" not in page
