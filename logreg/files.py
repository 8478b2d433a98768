"""Arrays in npz files with a description: written whole or not at all, read without trust."""

from __future__ import annotations

import io
import json
import math
import os
import re
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, NamedTuple, TypeAlias
from zipfile import ZIP_STORED, ZipFile, ZipInfo

import numpy as np

from kernels.wholefile import name_of, regular_mode, whole_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

AnyPath: TypeAlias = str | bytes | os.PathLike[str] | os.PathLike[bytes]
Shapes: TypeAlias = dict[str, tuple[int, ...]]

ABOUT = "about"
OTHER_FORMATS = (".vtk", ".vtu", ".vtr", ".csv", ".json", ".h5", ".hdf5", ".pkl", ".pickle", ".pt", ".pth", ".parquet")
LONGEST_ABOUT = 2_500  # characters
LONGEST_HEADER = 1_000  # bytes
LONGEST_DIRECTORY = 2**17  # bytes, that of an archive
READ_AT_ONCE = 2**24  # bytes: few calls for an array, which then isn't in memory a second time
MAGIC = b"\x93NUMPY\x01\x00"
HEADER = re.compile(
    rb"\{'descr': '([<>|=]?\w{1,10})', 'fortran_order': False, "
    rb"'shape': \((|\d{1,18},|\d{1,18}(?:, \d{1,18}){1,7})\), \} *\n"
)
FLOAT64 = ("<f8",)


class Stored(NamedTuple):
    """What an array is in a file: its dtype, as NumPy writes it there, and its shape."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """How many bytes it takes."""
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize


class Sparing(io.BufferedReader):
    """A file of which no read takes more than `most` bytes: a directory of any length is read at once."""

    most = LONGEST_DIRECTORY

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(self.most + 1 if size is None or size < 0 else min(size, self.most + 1))
        if len(data) > self.most:
            raise ValueError(f"its directory has more than {self.most} bytes; accepted: no more")
        return data


def write(path: AnyPath, about: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    """Writes {name: array} and the description, what JSON can hold, as `whole_file` does."""
    suffix = os.path.splitext(name_of(path))[1].lower()
    if suffix in OTHER_FORMATS:
        raise ValueError(f"path ends with {suffix}; accepted: a name of another ending, such as .npz, which it is")
    text = json.dumps(about, allow_nan=False)
    check_length(text)
    members: dict[str, Any] = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    with whole_file(path) as file:
        np.savez(file, **members, about=np.array(text))


@contextmanager
def opened(path: AnyPath, kind: str) -> Iterator[ZipFile]:
    """The archive at `path`, no larger than its file; whatever reading it raises becomes a ValueError that says it is
    not a saved `kind`. OSError for what is no regular file."""
    name = name_of(path)
    regular_mode(name)  # before a FIFO is opened, which waits for who writes to it
    with Sparing(io.FileIO(name)) as file:
        try:
            with ZipFile(file) as archive:
                check_members(archive.infolist(), os.fstat(file.fileno()).st_size)
                file.most = READ_AT_ONCE
                yield archive
        except MemoryError:
            raise
        except Exception as error:  # whatever a file that is something else makes the readers raise
            raise ValueError(f"{name} is not a saved {kind}: {error}") from None


def check_members(members: list[ZipInfo], size: int) -> None:
    """Refuses members that hold more than the file has bytes, as compressed or overlapping ones can."""
    for member in members:
        if member.compress_type != ZIP_STORED:
            raise ValueError(f"{member.filename} is compressed; accepted: stored as it is")
    if sum(member.file_size for member in members) > size:
        raise ValueError("its members have more bytes than the file; accepted: members that are in it")


def check_names(names: Iterable[str], expected: Iterable[str]) -> None:
    """Refuses all but the members that are expected, each once."""
    if sorted(names) != sorted(expected):
        raise ValueError(f"it holds {', '.join(sorted(names))}; accepted: {', '.join(sorted(expected))}")


def names_in(archive: ZipFile) -> list[str]:
    """The names of the arrays and of the description, as often as they are there."""
    return [name.removesuffix(".npy") for name in archive.namelist()]


def shapes_in(archive: ZipFile, names: Iterable[str]) -> Shapes:
    """{name: shape} of float64 arrays in a file."""
    return {name: stored(archive, name).shape for name in names}


def shapes_of(arrays: dict[str, np.ndarray]) -> Shapes:
    """{name: shape} of arrays that are to be written, float64 all of them."""
    return {name: to_be_stored(name, array).shape for name, array in arrays.items()}


def stored(archive: ZipFile, name: str, accepted: Sequence[str] = FLOAT64) -> Stored:
    """What an array of one of some dtypes is, by a header as NumPy writes it and the size that belongs to this."""
    member = archive.getinfo(f"{name}.npy")
    with archive.open(member) as file:
        dtype, shape, length = read_header(file)
    found = Stored(dtype, shape)
    if dtype not in accepted or found.size != member.file_size - length:
        raise ValueError(
            f"{name} is {dtype} {shape} in {member.file_size} bytes; accepted: {' or '.join(accepted)}, all there"
        )
    return found


def to_be_stored(name: str, array: np.ndarray, accepted: Sequence[str] = FLOAT64) -> Stored:
    """What an array of one of some dtypes will be in a file."""
    plain = isinstance(array, np.ndarray) and not isinstance(array, np.ma.MaskedArray)
    if not plain or array.dtype.str not in accepted:
        kind = f"{array.dtype} array" if isinstance(array, np.ndarray) else type(array).__name__
        names = " or ".join(np.dtype(dtype).name for dtype in accepted)
        raise TypeError(f"{name} is a {kind}; accepted: a {names} array")
    return Stored(array.dtype.str, array.shape)


def read_header(file: IO[bytes]) -> tuple[str, tuple[int, ...], int]:
    """The dtype, the shape and the length of the header of an npy file of version 1.0 in C order. It is matched and not
    evaluated."""
    start = file.read(len(MAGIC) + 2)
    length = int.from_bytes(start[len(MAGIC) :], "little")
    found = HEADER.fullmatch(file.read(min(length, LONGEST_HEADER)))
    if start[: len(MAGIC)] != MAGIC or found is None:
        raise ValueError(f"{file.name} has a header that isn't NumPy's; accepted: one as numpy.savez writes it")
    shape = tuple(int(number) for number in re.findall(rb"\d+", found[2]))
    return found[1].decode(), shape, len(start) + length


def read_array(archive: ZipFile, name: str, shape: tuple[int, ...], dtype: str = "<f8") -> np.ndarray:
    array = np.empty(shape, dtype)
    memory = array.reshape(-1).view(np.uint8)
    with archive.open(f"{name}.npy") as file:
        read_header(file)
        for start in range(0, memory.size, READ_AT_ONCE):
            part = memory[start : start + READ_AT_ONCE]
            part[:] = np.frombuffer(file.read(part.size), np.uint8)
    return array


def read_about(archive: ZipFile) -> Any:
    member = archive.getinfo(f"{ABOUT}.npy")
    with archive.open(member) as file:
        dtype, shape, length = read_header(file)
        size = member.file_size - length
        if dtype != f"<U{size // 4}" or shape != () or size % 4:
            raise ValueError(
                f"its description is {dtype} {shape} in {member.file_size} bytes; accepted: a text, all there"
            )
        text = file.read(4 * LONGEST_ABOUT + 4).decode("utf-32-le")
    check_length(text)
    return json.loads(text)


def check_range(name: str, array: np.ndarray, high: float = math.inf, low: float = 0.0) -> None:
    """Refuses values that are not finite, below `low`, or above `high`."""
    for index in (array.argmin(), array.argmax()) if array.size else ():  # of a NaN, if there is one
        if not (low <= array.item(index) <= high and array.item(index) < math.inf):
            place = [int(i) for i in np.unravel_index(index, array.shape)]
            within = f"values >= {low:g}" if high == math.inf else f"values in [{low:g}, {high:g}]"
            raise ValueError(f"{name}{place} is {array.item(index)}; accepted: finite {within}")


def check_increasing(name: str, axis: np.ndarray) -> None:
    wrong = np.flatnonzero(axis[1:] <= axis[:-1])
    if wrong.size:
        k = int(wrong[0]) + 1
        raise ValueError(f"{name}[{k}] is {axis[k]} after {axis[k - 1]}; accepted: increasing values")


def check_length(text: str) -> None:
    if len(text) > LONGEST_ABOUT:
        raise ValueError(f"its description has {len(text)} characters; accepted: at most {LONGEST_ABOUT}")
