"""Arrays in npz files with a description: written whole or not at all, read without trust."""

import json
import math
import os
import zipfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np

LONGEST_ABOUT = 10_000  # bytes
READ_AT_ONCE = 2**24


def write(path, about, arrays):
    """Writes {name: float64 array} and the description, what JSON can hold; an old file stays until all is written."""
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path.parent} is not a folder: {path} can't be saved there")
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    try:
        with open(temporary, "wb") as file:
            np.savez(file, **arrays, about=np.array(json.dumps(about)))
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def opened(path, kind):
    """The archive at `path`; whatever reading it raises becomes a ValueError that says it is not a saved `kind`."""
    with open(path, "rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                yield archive
        except MemoryError:
            raise
        except Exception as error:  # whatever a file that is something else makes the readers raise
            raise ValueError(f"{os.fspath(path)} is not a saved {kind}: {error}") from None


def member_of(archive, name):
    member = archive.getinfo(f"{name}.npy")
    if member.compress_type != zipfile.ZIP_STORED:
        raise ValueError(f"{name} is compressed")
    return member


def stored_shape(archive, name):
    """The shape of a float64 array, by a header of the version that NumPy writes and the size that belongs to it."""
    member = member_of(archive, name)
    with archive.open(member) as file:
        if np.lib.format.read_magic(file) != (1, 0):
            raise ValueError(f"{name} is of another npy version")
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
        if dtype != np.float64 or fortran or math.prod(shape) * 8 != member.file_size - file.tell():
            raise ValueError(f"{name} is {dtype} {shape} in {member.file_size} bytes")
    return shape


def read_array(archive, name, shape):
    array = np.empty(shape)
    memory = array.reshape(-1).view(np.uint8)
    with archive.open(member_of(archive, name)) as file:
        np.lib.format.read_magic(file)
        np.lib.format.read_array_header_1_0(file)
        for start in range(0, memory.size, READ_AT_ONCE):
            part = memory[start : start + READ_AT_ONCE]
            part[:] = np.frombuffer(file.read(part.size), np.uint8)
    return array


def read_about(archive):
    member = member_of(archive, "about")
    if member.file_size > LONGEST_ABOUT:
        raise ValueError(f"its description has {member.file_size} bytes")
    with archive.open(member) as file:
        return json.loads(str(np.lib.format.read_array(file, allow_pickle=False)))
