"""Surfaces for other programs: VTK files, read by meshio, and tables of pandas."""

import os
import sys
from dataclasses import replace

import meshio
import numpy as np
import pytest
import torch

from kernels.quantities import Surface
from logreg import LabData, LossSurface
from tests import oracle

QUANTITIES = oracle.QUANTITIES
COLUMNS = {"gradient": ["gradient_s", "gradient_t"], "hessian": ["hessian_ss", "hessian_st", "hessian_tt"]}


@pytest.fixture
def around(wide, model_at):
    """Makes a surface of 7 x 5 points around a model of 30 features."""

    def around(quantities=QUANTITIES, **options):
        model = model_at(wide.w, wide.b, torch.float64)
        options = {"extent": ((-1.5, 2), 3), "resolution": (7, 5), "directions": "random", "seed": 1} | options
        return LossSurface.around(model, (wide.X, wide.y), quantities=quantities, **options)

    return around


@pytest.fixture
def lab():
    return LossSurface.compute(LabData(), 15, (-13, 2), resolution=(6, 4), loss="focal")


def point_by_point(across, up):
    """(points, 3), the first coordinate fastest, at height 0."""
    return np.array([(s, t, 0.0) for t in up for s in across])


def assert_points_are(found, values):
    """Values (nt, ns) against what a file or a table has for each point."""
    assert found.dtype.newbyteorder("=") == np.float64
    np.testing.assert_array_equal(found, [values[j, i] for j, i in np.ndindex(values.shape)])


# VTK


@pytest.mark.parametrize("quantities", [QUANTITIES, ("loss",), ("hessian", "accuracy"), ("gradient",)])
@pytest.mark.parametrize("name", ["surface.vtk", "SURFACE.VTK", "two.npz.vtk"])
def test_meshio_reads_a_plane(quantities, name, around, tmp_path):
    surface = around(quantities, l2=0.1)
    surface.save(tmp_path / name)
    assert os.listdir(tmp_path) == [name]
    mesh = meshio.read(tmp_path / name, file_format="vtk")
    np.testing.assert_array_equal(mesh.points, point_by_point(surface.s, surface.t))
    assert set(mesh.point_data) == set(quantities)
    for quantity in set(quantities) - set(COLUMNS):
        assert_points_are(mesh.point_data[quantity][:, 0], getattr(surface, quantity))
    if "gradient" in quantities:
        for k, component in enumerate((*surface.gradient, np.zeros((5, 7)))):
            assert_points_are(mesh.point_data["gradient"][:, k], component)
    if "hessian" in quantities:
        (ss, st, tt), zero = surface.hessian, np.zeros((5, 7))
        for k, component in enumerate((ss, st, zero, st, tt, zero, zero, zero, zero)):
            assert_points_are(mesh.point_data["hessian"].reshape(-1, 9)[:, k], component)


def test_meshio_reads_the_lab(lab, tmp_path):
    path = os.fsencode(tmp_path / "lab.vtk")
    lab.save(path)
    mesh = meshio.read(os.fsdecode(path))
    np.testing.assert_array_equal(mesh.points, point_by_point(lab.w, lab.b))
    assert_points_are(mesh.point_data["loss"][:, 0], lab.Z)
    assert mesh.cells[0].data.tolist()[0] == [0, 1, 7, 6]


@pytest.mark.parametrize("resolution", [(1, 5), (7, 1)])
def test_a_single_row_or_column(resolution, around, tmp_path):
    surface = around(("loss",), resolution=resolution)
    surface.save(tmp_path / "line.vtk")
    mesh = meshio.read(tmp_path / "line.vtk")
    np.testing.assert_array_equal(mesh.points, point_by_point(surface.s, surface.t))
    assert_points_are(mesh.point_data["loss"][:, 0], surface.loss)


def test_values_of_any_order_in_memory_and_size(tmp_path):
    axis, hessian = np.array([-1e300, 5e-324, 1e308]), np.array([np.inf, -np.inf, -0.0])
    Z = np.asfortranarray([[0.0, 5e-324, 1e308], [1, np.pi, np.nextafter(1, 2)]])
    LossSurface(axis, axis[1:], Z, "bce").save(tmp_path / "a.vtk")
    mesh = meshio.read(tmp_path / "a.vtk")
    assert_points_are(mesh.point_data["loss"][:, 0], Z)
    np.testing.assert_array_equal(mesh.points, point_by_point(axis, axis[1:]))
    plane = LossSurface.around(torch.nn.Linear(1, 1), LabData(), extent=1, resolution=(2, 1), quantities=("hessian",))
    hessian = np.stack([hessian, [1e-320, -1e308, 0.1]], axis=-1)[:, None]
    replace(plane, values=plane.values._replace(hessian=hessian)).save(tmp_path / "b.vtk")
    tensors = meshio.read(tmp_path / "b.vtk").point_data["hessian"]
    np.testing.assert_array_equal(tensors.reshape(2, 9)[:, [0, 1, 4]], hessian[:, 0].T)


@pytest.mark.parametrize(
    ("labels", "title"),
    [
        (("w[3]", "b"), b"bce, l2 0.25 and 0; s: w[3]; t: b"),
        (("año\nDATASET", "t\r\n"), b"bce, l2 0.25 and 0; s: a?o DATASET; t: t"),
        (("s" * 2000, "t"), b"bce, l2 0.25 and 0; s: " + b"s" * 227),
    ],
)
def test_titles_are_one_line_of_ascii(labels, title, around, tmp_path):
    surface = around(("loss",), l2=0.25)
    replace(surface, plane=surface.plane._replace(labels=labels)).save(tmp_path / "a.vtk")
    assert (tmp_path / "a.vtk").read_bytes().split(b"\n")[:3] == [b"# vtk DataFile Version 3.0", title, b"BINARY"]
    assert_points_are(meshio.read(tmp_path / "a.vtk").point_data["loss"][:, 0], surface.loss)


def test_what_is_not_saved_leaves_the_old_file(lab, around, tmp_path, monkeypatch):
    path, plane = tmp_path / "lab.vtk", around()
    lab.save(path)
    before = path.read_bytes()
    wrong = {
        r"w\[1\] is .* after .*; accepted: increasing values": replace(lab, w=lab.w[::-1]),
        r"b\[3\] is 2.0 after 2.0; accepted: increasing": replace(lab, b=np.array([0.0, 1, 2, 2])),
        r"Z\[0, 0\] is nan": replace(lab, Z=lab.Z * np.nan),
        "loss is 'nll'": replace(lab, loss="nll"),
        "hessian has a NaN": replace(plane, values=plane.values._replace(hessian=plane.hessian * np.nan)),
        r"t\[1\] is .* after": replace(plane, values=Surface(plane.s, plane.t[::-1], plane.loss, plan=plane.plan)),
        "l2 is -1": replace(plane, l2=-1),
    }
    for message, surface in wrong.items():
        with pytest.raises((TypeError, ValueError), match=message):
            surface.save(path)
    monkeypatch.setattr("logreg.export.rows_of", failing)
    with pytest.raises(OSError, match="disk full"):
        plane.save(path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["lab.vtk"]


def failing(*arguments):
    raise OSError("disk full")


def test_vtk_files_are_not_loaded(lab, tmp_path):
    lab.save(tmp_path / "lab.vtk")
    with pytest.raises(ValueError, match=r"lab\.vtk is not a saved LossSurface"):
        LossSurface.load(tmp_path / "lab.vtk")


# Tables


@pytest.mark.parametrize("quantities", [QUANTITIES, ("loss",), ("hessian", "accuracy"), ("gradient",)])
def test_table_of_a_plane(quantities, around):
    surface = around(quantities)
    table = surface.to_frame()
    asked = [name for name in QUANTITIES if name in quantities]
    assert list(table) == ["s", "t", *(column for name in asked for column in COLUMNS.get(name, [name]))]
    np.testing.assert_array_equal(table[["s", "t"]], point_by_point(surface.s, surface.t)[:, :2])
    for name in asked:
        values = getattr(surface, name).reshape(-1, 5, 7)
        for column, component in zip(COLUMNS.get(name, [name]), values, strict=True):
            assert_points_are(table[column], component)


def test_table_of_the_lab(lab):
    table = lab.to_frame()
    assert list(table) == ["w", "b", "loss"]
    assert table.index.tolist() == list(range(24))
    np.testing.assert_array_equal(table[["w", "b"]], point_by_point(lab.w, lab.b)[:, :2])
    assert_points_are(table["loss"], lab.Z)
    lowest = table.loc[table["loss"].idxmin()]
    assert tuple(lowest) == tuple(lab.minimum)


def test_a_table_is_no_view(lab):
    before, table = lab.Z.copy(), lab.to_frame()
    table.loc[0, "loss"] = 7
    np.testing.assert_array_equal(lab.Z, before)


def test_without_pandas(lab, around, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    for surface in (lab, around()):
        with pytest.raises(ImportError, match="pandas is not installed, which to_frame needs: pip install pandas"):
            surface.to_frame()
