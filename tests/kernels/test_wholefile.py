"""Files written whole or not at all, whatever is at their path and whoever else writes there."""

import os
import signal
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from kernels import wholefile
from kernels.wholefile import whole_file

OLD, NEW = b"the old file", b"the new file"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "file"


def write(path, content=NEW):
    with whole_file(path) as file:
        file.write(content)


def mode_of(path):
    return stat.S_IMODE(os.stat(path).st_mode)


@pytest.mark.parametrize("kind", [str, os.fsencode, Path])
@pytest.mark.parametrize("name", ["file", "no.suffix.at all", "año", "x" * 255, "é" * 127])
def test_names_and_kinds_of_paths(kind, name, tmp_path):
    path = tmp_path / name
    write(kind(path), OLD)
    write(kind(path))
    assert path.read_bytes() == NEW
    assert os.listdir(tmp_path) == [name]


def test_names_that_are_no_text(tmp_path):
    path = os.path.join(os.fsencode(tmp_path), b"\xff\xfe")
    write(path)
    assert os.listdir(os.fsencode(tmp_path)) == [b"\xff\xfe"]


def test_a_name_too_long(tmp_path):
    with pytest.raises(OSError, match="too long"):
        write(tmp_path / ("x" * 256))
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("path", [3, None, sys.stdout], ids=str)
def test_what_is_no_path(path):
    with pytest.raises(TypeError, match=r"path is a \w+; accepted: text, bytes or an os\.PathLike"):
        write(path)


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_mode_of_a_new_file(umask, path):
    before = os.umask(umask)
    try:
        write(path)
    finally:
        os.umask(before)
    assert mode_of(path) == 0o666 & ~umask


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o666, 0o755])
def test_mode_of_an_old_file_is_kept_from_the_first_byte(mode, path):
    path.write_bytes(OLD)
    path.chmod(mode)
    with whole_file(path) as file:
        assert stat.S_IMODE(os.fstat(file.fileno()).st_mode) == mode
    assert mode_of(path) == mode


@pytest.mark.parametrize("error", [OSError("disk full"), ValueError(), KeyboardInterrupt(), SystemExit()], ids=repr)
@pytest.mark.parametrize("there", [True, False])
def test_failure_leaves_what_there_was(error, there, path):
    def fail():
        with whole_file(path) as file:
            file.write(NEW)
            raise error

    if there:
        path.write_bytes(OLD)
    with pytest.raises(type(error)):
        fail()
    assert [entry.read_bytes() for entry in path.parent.iterdir()] == [OLD] * there


def test_a_disk_that_is_full_leaves_the_old_file(path):
    resource = pytest.importorskip("resource")
    path.write_bytes(OLD)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            write(path, bytes(100_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == OLD
    assert os.listdir(path.parent) == ["file"]


KILLED = """
import os, signal, sys
from kernels.wholefile import whole_file
with whole_file(sys.argv[1]) as file:
    file.write(bytes(100_000))
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_process_leaves_the_old_file(path):
    path.write_bytes(OLD)
    run = subprocess.run([sys.executable, "-c", KILLED, path], cwd=Path(__file__).parents[2])
    assert run.returncode == -signal.SIGKILL
    assert path.read_bytes() == OLD
    (left,) = (entry.name for entry in path.parent.iterdir() if entry != path)
    assert left.startswith(".saving-")
    write(path)
    assert path.read_bytes() == NEW


def test_many_writers_and_readers(path):
    """Readers meet the whole file of one of them, always."""
    contents = [bytes([k]) * (1000 + 50_000 * k) for k in range(4)]
    write(path, contents[0])
    errors, met, done = [], set(), threading.Event()

    def repeat(action):
        try:
            action()
        except BaseException as error:
            errors.append(error)

    def save(content):
        for _ in range(50):
            write(path, content)

    def read():
        while not done.is_set():
            met.add(path.read_bytes())

    writers = [threading.Thread(target=repeat, args=(lambda c=content: save(c),)) for content in contents]
    readers = [threading.Thread(target=repeat, args=(read,)) for _ in range(2)]
    for thread in (*writers, *readers):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    for thread in readers:
        thread.join()
    assert errors == []
    assert met <= set(contents)
    assert os.listdir(path.parent) == ["file"]


def test_nothing_can_be_planted_under_the_temporary_name(path, monkeypatch):
    names = set()
    for _ in range(5):
        with whole_file(path):
            names |= set(os.listdir(path.parent)) - {"file"}
    assert len(names) == 5
    victim = path.with_name("victim")
    victim.write_bytes(OLD)
    monkeypatch.setattr(wholefile.secrets, "token_hex", lambda size: "guessed")
    path.with_name(".saving-guessed").symlink_to(victim)
    with pytest.raises(FileExistsError, match="file"):
        write(path)
    assert victim.read_bytes() == OLD


# What is at the path


def a_folder(path):
    path.mkdir()


def a_fifo(path):
    os.mkfifo(path)


def a_socket(path):
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(os.fspath(path))


def a_device(path):
    path.symlink_to("/dev/full")


@pytest.mark.parametrize("meanwhile", [False, True])
@pytest.mark.parametrize("make", [a_folder, a_fifo, a_socket, a_device], ids=lambda make: make.__name__)
def test_what_is_no_regular_file_is_refused_and_stays(make, meanwhile, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the name of a socket must be short
    path = Path("file")
    kind = make.__name__.split("_")[1]
    if not meanwhile:
        make(path)
    refused = pytest.raises(OSError, match=rf"(?i)^path is 'file', a .*{kind}; accepted: a regular file")
    with refused, whole_file(path):
        assert meanwhile
        make(path)
    assert os.listdir() == ["file"]
    assert stat.S_IFMT(path.lstat().st_mode) not in (0, stat.S_IFREG)


@pytest.mark.parametrize("path", ["/dev/full", "/dev/null"])
def test_devices(path):
    before = os.stat(path)
    with pytest.raises(OSError, match=f"path is '{path}', a character device; accepted: a regular file"):
        write(path)
    assert os.stat(path).st_rdev == before.st_rdev


@pytest.mark.parametrize("path", ["", ".", "a file/", "missing/", "missing/.."])
def test_names_of_folders(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a file").write_bytes(OLD)
    with pytest.raises(IsADirectoryError, match=f"path is {path!r}, a folder; accepted: a regular file"):
        write(path)
    assert os.listdir() == ["a file"]
    assert Path("a file").read_bytes() == OLD


@pytest.mark.parametrize("path", ["a\0b", b"a\0b"])
def test_null_characters(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"path is .*; accepted: a name without a null character"):
        write(path)


@pytest.mark.parametrize("path", ["missing/file", "a file/file"])
def test_no_such_folder(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a file").touch()
    with pytest.raises(OSError, match=r"(?i)not a"):
        write(path)
    assert os.listdir() == ["a file"]


@pytest.mark.parametrize("there", [True, False])
def test_a_link_is_followed(there, tmp_path):
    (tmp_path / "folder").mkdir()
    link, target = tmp_path / "link", tmp_path / "folder" / "target"
    link.symlink_to(Path("folder") / "target")
    if there:
        target.write_bytes(OLD)
        target.chmod(0o600)
    write(link)
    assert link.readlink() == Path("folder") / "target"
    assert target.read_bytes() == NEW
    assert not target.is_symlink()
    assert not there or mode_of(target) == 0o600
    assert os.listdir(tmp_path / "folder") == ["target"]


def test_a_link_to_itself(path):
    path.symlink_to(path)
    with pytest.raises(OSError, match=r"symbolic links"):
        write(path)
    assert path.is_symlink()


def test_other_names_of_a_file_keep_the_old_one(path):
    other = path.with_name("other")
    path.write_bytes(OLD)
    os.link(path, other)
    write(path)
    assert (path.read_bytes(), other.read_bytes()) == (NEW, OLD)


def test_a_folder_that_cannot_be_written_to_is_told_by_the_files_name(path, monkeypatch):
    def opened(*arguments):
        raise PermissionError(13, "Permission denied", arguments[0])

    monkeypatch.setattr(wholefile.os, "open", opened)
    with pytest.raises(PermissionError, match=r"Permission denied: '.*/file'"):
        write(path)


def test_all_of_a_file_is_on_the_disk_before_it_takes_the_old_ones_place(path, monkeypatch):
    write(path, OLD)
    sync, seen = os.fsync, []

    def noted(descriptor):
        sync(descriptor)
        seen.append((path.read_bytes(), os.fstat(descriptor).st_size))

    monkeypatch.setattr(os, "fsync", noted)
    write(path)
    assert seen == [(OLD, len(NEW))]
    assert path.read_bytes() == NEW
