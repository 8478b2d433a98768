"""Surfaces for other programs: VTK files, as ParaView reads them, and tables of pandas."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from kernels.quantities import QUANTITIES
from kernels.wholefile import name_of, whole_file
from logreg import files

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

LONGEST_TITLE = 250  # bytes: VTK reads 256 with the end of the line
COMPONENTS = {"gradient": ("s", "t"), "hessian": ("ss", "st", "tt")}


class Grid(NamedTuple):
    """What is over a grid: two axes (ns,), (nt,) with their names, and {quantity: (nt, ns)}, (2, nt, ns) for a gradient
    and (3, nt, ns) for a Hessian."""

    names: tuple[str, str]
    across: np.ndarray
    up: np.ndarray
    quantities: dict[str, np.ndarray]


class Attribute(NamedTuple):
    """How VTK has a quantity at a point: the line that begins it, its numbers, and which of these are which components
    of ours; the others are 0."""

    head: str
    size: int
    places: list[int]
    components: list[int]


# by how many components a quantity has
ATTRIBUTES = {
    1: Attribute("SCALARS {} double 1\nLOOKUP_TABLE default\n", 1, [0], [0]),
    2: Attribute("VECTORS {} double\n", 3, [0, 1], [0, 1]),
    3: Attribute("TENSORS {} double\n", 9, [0, 1, 3, 4], [0, 1, 1, 2]),
}


def is_vtk(path: files.AnyPath) -> bool:
    """Whether a file's name is that of a VTK file."""
    return name_of(path).lower().endswith(".vtk")


def write_vtk(path: files.AnyPath, title: str, grid: Grid) -> None:
    """Writes a rectilinear grid in VTK's legacy format, binary, at height 0, as `whole_file` does."""
    for name, axis in zip(grid.names, (grid.across, grid.up), strict=True):
        files.check_increasing(name, axis)  # others VTK would take, and not understand
    with whole_file(path) as file:
        for part in parts_of(title, grid):
            file.write(part)


def parts_of(title: str, grid: Grid) -> Iterator[bytes | np.ndarray]:
    """The file, a row of a quantity at a time."""
    axes = {"X": grid.across, "Y": grid.up, "Z": np.zeros(1)}
    yield b"# vtk DataFile Version 3.0\n" + one_line(title) + b"\nBINARY\nDATASET RECTILINEAR_GRID\n"
    yield "DIMENSIONS {} {} {}\n".format(*map(len, axes.values())).encode()
    for name, axis in axes.items():
        yield f"{name}_COORDINATES {len(axis)} double\n".encode()
        yield axis.astype(">f8")
        yield b"\n"
    yield f"POINT_DATA {len(grid.across) * len(grid.up)}\n".encode()
    for name, values in grid.quantities.items():
        attribute = ATTRIBUTES[QUANTITIES[name].components]
        yield attribute.head.format(name).encode()
        yield from rows_of(attribute, values.reshape(-1, len(grid.up), len(grid.across)))
        yield b"\n"


def rows_of(attribute: Attribute, values: np.ndarray) -> Iterator[np.ndarray]:
    """Each row of values (components, nt, ns) as (ns, numbers of a point), big-endian."""
    for j in range(values.shape[1]):
        row = np.zeros((values.shape[2], attribute.size), ">f8")
        row[:, attribute.places] = values[attribute.components, j].T
        yield row


def one_line(title: str) -> bytes:
    return " ".join(title.split()).encode("ascii", "replace")[:LONGEST_TITLE]


def frame_of(grid: Grid) -> pd.DataFrame:
    """A row for each point of the grid, those of one row of the grid one after another, and a column for each axis and
    each component of a quantity."""
    across, up = grid.names
    columns = {across: np.tile(grid.across, len(grid.up)), up: np.repeat(grid.up, len(grid.across))}
    for name, values in grid.quantities.items():
        endings = [f"_{component}" for component in COMPONENTS.get(name, ())] or [""]
        parts = values.reshape(len(endings), -1)
        columns |= {name + ending: part for ending, part in zip(endings, parts, strict=True)}
    return table_of(columns)


def table_of(columns: dict[str, np.ndarray]) -> pd.DataFrame:
    """A DataFrame of columns (n,); ImportError without pandas."""
    try:
        import pandas as pd
    except ImportError:
        raise ImportError("pandas is not installed, which to_frame needs: pip install pandas") from None
    return pd.DataFrame(columns)
