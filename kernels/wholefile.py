"""Files written whole or not at all."""

import os
import secrets
import stat
from contextlib import contextmanager, suppress

KINDS = {
    stat.S_IFCHR: "a character device",
    stat.S_IFBLK: "a block device",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
}


@contextmanager
def whole_file(path, argument="path"):
    """A binary file to write to, which becomes the file at `path` when the block ends without an error.

    It is written beside its target, under a name of its own that can't be guessed, and renamed when it is on the disk:
    whatever happens before, an old file stays as it was, and of several writers the last one's file stands, whole.
    A killed process leaves at the most a file `.saving-*` to be deleted. A link is followed: what it leads to is
    replaced. Of a file with several names (hard links) the others keep what it was. The mode of an old file is kept, a
    new one has that of any new file.

    `path` is text, bytes or an os.PathLike, which errors call by the name of the `argument`. Raises OSError for what is
    there and no regular file, and leaves it alone; FileNotFoundError where there is no such folder.
    """
    name = name_of(path, argument)
    target = os.path.realpath(name)
    mode = regular_mode(name, argument)
    temporary = os.path.join(folder_of(name, argument), f".saving-{secrets.token_hex(8)}")
    try:
        with new_file(temporary, name, mode) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        regular_mode(name, argument)  # of whatever has come there meanwhile
        os.replace(temporary, target)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(temporary)


def new_file(temporary, name, mode):
    """A file that wasn't there, of a mode, or that of any new file; an error names the file that was meant."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        file = os.fdopen(os.open(temporary, flags, 0o666 if mode is None else 0o600), "w+b")
    except OSError as error:
        raise OSError(error.errno, error.strerror, name) from None
    if mode is not None:
        os.chmod(temporary, mode)
    return file


def folder_of(name, argument="path"):
    """The folder of the file that a path leads to; FileNotFoundError if there is none."""
    folder = os.path.dirname(os.path.realpath(name))
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"{argument} is {name!r}, and {folder!r} is not a folder; accepted: one that is there")
    return folder


def regular_mode(name, argument="path"):
    """The mode of the regular file that a path leads to, None if nothing is there; OSError for any other thing."""
    if not os.path.basename(name) or os.path.isdir(os.path.realpath(name)):
        raise IsADirectoryError(f"{argument} is {name!r}, a folder; accepted: a regular file")
    try:
        mode = os.stat(name).st_mode
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(mode):
        kind = KINDS.get(stat.S_IFMT(mode), "no regular file")
        raise OSError(f"{argument} is {name!r}, {kind}; accepted: a regular file")
    return stat.S_IMODE(mode)


def name_of(path, argument="path"):
    """A path as text."""
    try:
        name = os.fsdecode(path)
    except TypeError:
        raise TypeError(f"{argument} is a {type(path).__name__}; accepted: text, bytes or an os.PathLike") from None
    if "\0" in name:
        raise ValueError(f"{argument} is {name!r}; accepted: a name without a null character")
    return name
