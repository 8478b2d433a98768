"""Loss surfaces: their values, what is refused, and files."""

import io
import json
import os
import stat
import struct
import tracemalloc
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from kernels import LogitPlane, plan_surface, surface_on_plane
from kernels.arguments import memory
from kernels.losses import LOSSES
from logreg import LabData, LossSurface
from logreg.surface import axis
from tests import oracle, problems

COSTS = pytest.mark.parametrize("loss", list(LOSSES))


def compute(data=None, w_range=15, b_range=13, *, resolution=4, **options):
    return LossSurface.compute(data or LabData(), w_range, b_range, resolution=resolution, **options)


# Values


@COSTS
def test_surface_of_the_lab(loss):
    surface = compute(resolution=30, loss=loss)
    w, b = problems.lab_window(30)
    np.testing.assert_array_equal(surface.w, w)
    np.testing.assert_array_equal(surface.b, b)
    assert surface.loss == loss
    assert surface.w.dtype == surface.b.dtype == surface.Z.dtype == np.float64
    x, y = problems.lab_data()
    oracle.assert_surface_close(surface.Z, oracle.one_feature_plane(x), y, w, b, loss=loss, cells=100)


@COSTS
@pytest.mark.parametrize("dtype", problems.DTYPES)
@pytest.mark.parametrize("labels", ["noisy", "soft"])
def test_other_data(loss, dtype, labels):
    problem = problems.one_feature(100, 10, dtype, labels=labels)
    surface = compute((problem.plane[1], problem.y), (-3, 1), (-20, 50), resolution=(7, 5), loss=loss)
    want = np.linspace(-3, 1, 7), np.linspace(-20, 50, 5)
    oracle.assert_surface_close(surface.Z, problem.plane, problem.y, *want, loss=loss, cells=12)


@pytest.mark.parametrize("window", [(-2, 2), [-2, 2], np.array([-2.0, 2.0]), 2, 2.0, np.float64(2)], ids=repr)
def test_windows(window):
    for got in (compute(w_range=window).w, compute(b_range=window).b):
        np.testing.assert_array_equal(got, np.linspace(-2, 2, 4))


@pytest.mark.parametrize("points", [2, 3, 30, 1000])
@pytest.mark.parametrize("window", [(-15, 15), (0.1, 0.7), (-1e300, 3e307), (0, 5e-324), (1, 1 + 2**-52)], ids=repr)
def test_axes_are_those_of_linspace(window, points):
    np.testing.assert_array_equal(axis("w_range", window, points), np.linspace(*window, points))


@pytest.mark.parametrize(
    ("resolution", "shape"), [(4, (4, 4)), (np.int64(4), (4, 4)), ((3, 5), (5, 3)), ([2, 1], (1, 2)), (1, (1, 1))]
)
@COSTS
def test_resolutions(resolution, shape, loss):
    surface = compute(resolution=resolution, loss=loss)
    assert surface.Z.shape == (len(surface.b), len(surface.w)) == shape


@pytest.mark.parametrize(("window", "middle"), [(15, 0), ((2, 6), 4), ((-1e308, 5e307), -2.5e307), ((-1, 0.5), -0.25)])
def test_one_point_is_the_middle(window, middle):
    surface = compute(w_range=window, b_range=(-3, 1), resolution=1)
    assert (surface.w.tolist(), surface.b.tolist()) == ([middle], [-1])
    assert compute(w_range=window, resolution=(1, 4)).w.tolist() == [middle]


def test_data_that_requires_grad():
    x, y = LabData()[:]
    np.testing.assert_array_equal(compute((x.clone().requires_grad_(), y)).Z, compute().Z)


@COSTS
def test_minimum(loss):
    surface = compute(resolution=(40, 30), loss=loss)
    w, b, value = surface.minimum
    assert surface.minimum._fields == ("w", "b", "loss")
    assert {type(number) for number in surface.minimum} == {float}
    assert value == surface.Z.min()
    assert surface.Z[surface.b == b, surface.w == w] == [value]
    assert w == 15
    assert -4.5 < b < -3


def test_minimum_inside():
    x, y = [-1.0, -1.0, 1.0, 1.0], [0.0, 1.0, 0.0, 1.0]
    minimum = compute((x, y), 2, (-3, 1), resolution=(5, 9)).minimum
    assert minimum == pytest.approx((0, 0, np.log(2)))


def test_valley_of_an_interpolated_surface_keeps_its_digits():
    x = np.linspace(-1, 1, 2000)
    x = x[np.abs(x) > 0.2]
    plane, y = LogitPlane(0 * x, x, np.ones_like(x)), (x > 0).astype(np.float64)
    surface = compute((x, y), (-5, 150), 10, resolution=(2400, 300), loss="mse")
    grid = surface.w, surface.b
    assert plan_surface(plane, y, *grid, quantities=("mse",)).method == "spectral"
    direct = surface_on_plane(plane, y, *grid, quantities=("mse",), method="direct")
    np.testing.assert_allclose(surface.Z, direct.mse, rtol=1e-9)
    assert surface.Z.min() < 1e-28


# What is refused


WINDOWS = [
    (1, -1),
    (1, 1),
    0,
    -5,
    float("nan"),
    float("inf"),
    (-1, float("inf")),
    1e308,
    10**400,
    (-1, 0, 1),
    (1,),
    "15",
    ("a", "b"),
    None,
    range(3),
    np.array(2.0),
]


@pytest.mark.parametrize("window", WINDOWS, ids=lambda window: repr(window)[:30])
def test_bad_windows(window):
    with pytest.raises((TypeError, ValueError), match=r"(?s)w_range is .*accepted"):
        compute(w_range=window)


@pytest.mark.parametrize("window", [(1, -1), 0, float("nan"), "13"], ids=repr)
def test_bad_windows_of_b(window):
    with pytest.raises((TypeError, ValueError), match=r"b_range is .*accepted"):
        compute(b_range=window)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("resolution", 0),
        ("resolution", -3),
        ("resolution", 5.0),
        ("resolution", None),
        ("resolution", "30"),
        ("resolution", (3,)),
        ("resolution", (3, 4, 5)),
        ("resolution", (3, 0)),
        ("loss", "nll"),
        ("loss", None),
        ("device", "cuda:99"),
        ("device", "no such device"),
    ],
)
def test_bad_settings(name, value):
    with pytest.raises((TypeError, ValueError), match=rf"{name} is .*accepted"):
        compute(**{name: value})


x, y = LabData()[:]
BAD_DATA = {
    "two features": (torch.cat([x, x], 1), y),
    "empty": (x[:0], y[:0]),
    "not a number": (torch.where(x > 0.5, torch.nan, x), y),
    "label 2": (x, 2 * y),
    "few labels": (x, y[:7]),
    "labels in a table": (x, y.reshape(4, 5)),
    "half": (x.half(), y),
    "complex": (x.to(torch.complex64), y),
    "elsewhere": (x.to("meta"), y.to("meta")),
    "model": torch.nn.Linear(1, 1),
}


@COSTS
@pytest.mark.parametrize("kind", BAD_DATA)
def test_bad_data(kind, loss):
    with pytest.raises((TypeError, ValueError), match="accepted"):
        compute(BAD_DATA[kind], loss=loss)


@COSTS
def test_too_large_for_memory(loss, monkeypatch):
    monkeypatch.setattr(memory, "SURELY_FREE", 0)
    monkeypatch.setattr(memory, "free_memory", lambda: 10_000)
    with pytest.raises(MemoryError, match="GB"):
        compute(resolution=600, loss=loss)


@pytest.mark.parametrize("resolution", [10**15, (4, 10**15), 10**400], ids=["both", "one", "beyond addresses"])
def test_axes_larger_than_memory(resolution):
    with pytest.raises(MemoryError, match=r"^an array \(10+,\) of float64 (takes .* GB|is larger than any memory)"):
        compute(resolution=resolution)


# Files


@pytest.fixture
def surface():
    return compute(resolution=(6, 5), loss="mse")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "surface.npz"


def assert_same(got, want):
    for name in ("w", "b", "Z"):
        one, other = getattr(got, name), getattr(want, name)
        assert (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())
    assert got.loss == want.loss


@COSTS
@pytest.mark.parametrize("name", ["a.npz", "no suffix", "año.dat", "two.npz.npz"])
@pytest.mark.parametrize("kind", [str, os.fsencode, Path])
def test_round_trip(loss, name, kind, tmp_path):
    surface, path = compute(resolution=(6, 5), loss=loss), kind(tmp_path / name)
    surface.save(path)
    assert os.listdir(tmp_path) == [name]
    assert_same(LossSurface.load(path), surface)


@pytest.mark.parametrize("order", ["C", "F", "strided"])
def test_round_trip_of_odd_values(order, path):
    Z = np.array([[0.0, 5e-324, 1e308], [-0.0, np.pi, np.nextafter(1, 2)]])
    Z = np.repeat(Z, 2, axis=1)[:, ::2] if order == "strided" else Z.copy(order)
    surface = LossSurface(np.array([3.0, 1.0, 2.0]), np.array([-1e-300, 1e300]), Z, "bce")
    before = Z.tobytes()
    surface.save(path)
    assert_same(LossSurface.load(path), surface)
    assert surface.Z.tobytes() == before


def test_numpy_reads_it(surface, path):
    surface.save(path)
    with np.load(path, allow_pickle=False) as file:
        np.testing.assert_array_equal(file["Z"], surface.Z)
        assert json.loads(str(file["about"]))["loss"] == "mse"


def test_relative_path(surface, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    surface.save("here")
    assert_same(LossSurface.load("here"), surface)


def test_overwriting(surface, path):
    compute().save(path)
    surface.save(path)
    assert_same(LossSurface.load(path), surface)


def test_loaded_arrays_are_like_computed_ones(surface, path):
    surface.save(path)
    loaded = LossSurface.load(path)
    assert [a.flags.writeable for a in (loaded.w, loaded.b, loaded.Z)] == [True, True, True]
    assert loaded.minimum == surface.minimum


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX systems")
def test_permissions_are_those_of_any_new_file(surface, path, tmp_path):
    surface.save(path)
    other = tmp_path / "other"
    other.touch()
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(other.stat().st_mode)


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()], ids=repr)
def test_failure_while_writing_leaves_the_old_file(error, surface, path, monkeypatch):
    def savez(file, **arrays):
        file.write(b"half of it")
        raise error

    surface.save(path)
    monkeypatch.setattr(np, "savez", savez)
    with pytest.raises(type(error)):
        compute().save(path)
    assert_same(LossSurface.load(path), surface)
    assert os.listdir(path.parent) == ["surface.npz"]


def test_failure_while_replacing_leaves_the_old_file(surface, path, monkeypatch):
    def replace(source, target):
        raise PermissionError("in use")

    surface.save(path)
    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(PermissionError):
        compute().save(path)
    assert_same(LossSurface.load(path), surface)
    assert os.listdir(path.parent) == ["surface.npz"]


def test_nowhere_to_save_to(surface, tmp_path):
    with pytest.raises(FileNotFoundError):
        surface.save(tmp_path / "missing" / "a.npz")
    with pytest.raises(IsADirectoryError, match="a folder; accepted: a regular file"):
        surface.save(tmp_path)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("path", ["/dev/full", "fifo"])
def test_devices_and_fifos_are_neither_written_nor_read(path, surface, tmp_path, monkeypatch):
    """A FIFO isn't even opened: that would wait for its other end."""
    monkeypatch.chdir(tmp_path)
    os.mkfifo("fifo")
    for action in (surface.save, LossSurface.load):
        with pytest.raises(OSError, match=f"path is '{path}', a .*; accepted: a regular file"):
            action(path)
    assert os.listdir() == ["fifo"]


def test_a_private_file_stays_private(surface, path):
    compute().save(path)
    path.chmod(0o600)
    surface.save(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert_same(LossSurface.load(path), surface)


def test_threads_that_save_to_one_path(path):
    """Nobody fails, and who loads meanwhile gets the whole surface of one of them."""
    surfaces = [compute(resolution=(points, 5)) for points in (3, 40, 90)]
    sizes = {len(surface.w) for surface in surfaces}
    surfaces[0].save(path)

    def save(surface):
        for _ in range(30):
            surface.save(path)
            assert len(LossSurface.load(path).w) in sizes

    with ThreadPoolExecutor() as pool:
        list(pool.map(save, surfaces))
    assert os.listdir(path.parent) == ["surface.npz"]


@pytest.mark.parametrize(("name", "error"), [("missing", FileNotFoundError), (".", IsADirectoryError)])
def test_nothing_to_load(name, error, tmp_path):
    with pytest.raises(error):
        LossSurface.load(tmp_path / name)


def with_cell(array, value):
    array = array.copy()
    array.flat[-1] = value
    return array


# of the surface: what neither is saved nor loaded, by the message of both
WRONG = {
    "float32": (lambda s: {"Z": s.Z.astype("f4")}, r"Z is "),
    "big-endian": (lambda s: {"w": s.w.astype(">f8")}, r"w is "),
    "no axis": (
        lambda s: {"w": s.w[:0], "Z": s.Z[:, :0]},
        r"its arrays have shapes \{.*; accepted: some that fit together",
    ),
    "long axis": (lambda s: {"b": np.arange(9.0)}, r"its arrays have shapes \{.*; accepted: some that fit together"),
    "numbers": (
        lambda s: {"w": np.array(1.0), "b": np.array(1.0), "Z": np.array(1.0)},
        r"its arrays have shapes \{.*; accepted: some that fit together",
    ),
    "planes": (
        lambda s: {"w": s.Z, "Z": np.ones((5, 5, 6))},
        r"its arrays have shapes \{.*; accepted: some that fit together",
    ),
    "NaN axis": (lambda s: {"w": with_cell(s.w, np.nan)}, r"w\[5\] is nan; accepted: finite values"),
    "infinite axis": (lambda s: {"b": with_cell(s.b, np.inf)}, r"b\[4\] is inf; accepted: finite values"),
    "NaN": (lambda s: {"Z": with_cell(s.Z, np.nan)}, r"Z\[4, 5\] is nan; accepted: finite values >= 0"),
    "negative": (lambda s: {"Z": with_cell(s.Z, -1e-300)}, r"Z\[4, 5\] is -1e-300; accepted: finite values >= 0"),
    "infinite": (lambda s: {"Z": with_cell(s.Z, np.inf)}, r"Z\[4, 5\] is inf; accepted: finite values >= 0"),
    "unknown loss": (lambda s: {"loss": "nll"}, r"loss is 'nll'; accepted: 'bce', 'mse', 'focal'"),
    "no name": (lambda s: {"loss": None}, r"loss is None; accepted: 'bce', 'mse', 'focal'"),
    "long name": (lambda s: {"loss": "x" * 10_000}, r"loss is 'xxx|its description"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_not_loaded_is_not_saved(kind, surface, path):
    change, message = WRONG[kind]
    surface.save(path)
    wrong = replace(surface, **change(surface))
    with pytest.raises((TypeError, ValueError), match=message):
        wrong.save(path)
    assert_same(LossSurface.load(path), surface)
    about = json.dumps({"format": 1, "loss": wrong.loss})
    np.savez(path, w=wrong.w, b=wrong.b, Z=wrong.Z, about=np.array(about))
    with pytest.raises(ValueError, match=rf"surface\.npz is not a saved LossSurface: .*({message})"):
        LossSurface.load(path)


@pytest.mark.parametrize(
    ("array", "kind"), [([1.0, 2.0], "list"), (None, "NoneType"), (np.ma.array(np.ones(6)), "float64 array")]
)
def test_what_is_no_array_is_not_saved(array, kind, surface, path):
    with pytest.raises(TypeError, match=f"w is a {kind}; accepted: a float64 array"):
        replace(surface, w=array).save(path)
    assert not path.exists()


# Files that aren't a surface, by accident or by intent


def npy(array):
    file = io.BytesIO()
    np.lib.format.write_array(file, np.asarray(array), allow_pickle=True)
    return file.getvalue()


def with_header(text, data=b"", version=(1, 0)):
    """An npy file with any header."""
    return np.lib.format.magic(*version) + struct.pack("<H" if version == (1, 0) else "<I", len(text)) + text + data


def about(**changes):
    return npy(json.dumps({"format": 1, "loss": "bce"} | changes))


GOOD = {"w": npy(np.arange(3.0)), "b": npy(np.arange(2.0)), "Z": npy(np.ones((2, 3))), "about": about()}


def write(path, changes, method=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in (GOOD | changes).items():
            if content is not None:
                archive.writestr(f"{name}.npy", content)
    return path


def assert_refused(path):
    with pytest.raises(ValueError, match=f"{path.name} is not a saved LossSurface"):
        LossSurface.load(path)


def test_the_files_below_are_good_but_for_their_changes(path):
    assert LossSurface.load(write(path, {})).Z.tolist() == [[1] * 3] * 2
    assert_refused(write(path, {}, zipfile.ZIP_DEFLATED))


class Trap:
    """Leaves a mark where it is unpickled."""

    sprung = False

    def __reduce__(self):
        return setattr, (Trap, "sprung", True)


MEMBERS = {
    "no w": {"w": None},
    "no about": {"about": None},
    "about isn't json": {"about": npy("hello")},
    "about is a list": {"about": npy("[1]")},
    "about is nested": {"about": npy("[" * 100_000)},
    "about is a number": {"about": npy(1.5)},
    "about lacks a format": {"about": npy('{"loss": "bce"}')},
    "about lacks a loss": {"about": npy('{"format": 1}')},
    "later format": {"about": about(format=2)},
    "unknown loss": {"about": about(loss="nll")},
    "loss is a list": {"about": about(loss=["bce"])},
    "loss is long": {"about": about(loss="x" * 10_000)},
    "a number of too many digits": {"about": npy('{"format": ' + "1" * 2_400 + ', "loss": "bce"}')},
    "format is NaN": {"about": npy('{"format": NaN, "loss": "bce"}')},
    "an array more": {"a": GOOD["w"]},
    "NaN": {"Z": npy(np.full((2, 3), np.nan))},
    "negative": {"Z": npy(np.full((2, 3), -1.0))},
    "Fortran order": {"Z": npy(np.asfortranarray(np.ones((2, 3))))},
    "long w": {"w": npy(np.arange(4.0))},
    "transposed": {"Z": npy(np.ones((3, 2)))},
    "flat": {"Z": npy(np.ones(6))},
    "scalar b, 2-D w": {"w": npy(np.ones((2, 3))), "b": npy(1.0)},
    "2-D b": {"b": npy(np.ones((2, 2))), "Z": npy(np.ones((2, 2, 3)))},
    "no points": {"w": npy(np.ones(0)), "Z": npy(np.ones((2, 0)))},
    "integers": {"w": npy(np.arange(3))},
    "text": {"w": npy(["a", "b", "c"])},
    "objects": {"w": npy(np.array([1, 2, Trap()], object))},
    "objects for about": {"about": npy(np.array(Trap(), object))},
    "not npy": {"w": b"hello"},
    "nothing": {"w": b""},
    "data cut": {"w": GOOD["w"][:-1]},
    "data too long": {"w": GOOD["w"] + b"x"},
    "header lies": {"w": GOOD["w"].replace(b"(3,)", b"(9,)")},
    "header lies more": {"w": GOOD["w"].replace(b"(3,), }        ", b"(3000000000,),}")},
    "header of negative sizes": {"w": GOOD["w"].replace(b"(3,), } ", b"(-3,-1)}")},
    "header cut": {"w": with_header(b"{'descr': ")},
    "header of zeros": {"w": with_header(bytes(50))},
    "header nests": {"w": with_header(b"{'descr': '<f8', 'fortran_order': False, 'shape': " + b"(" * 9_000)},
    "header negates": {"w": with_header(b"{'descr': '<f8', 'fortran_order': False, 'shape': (" + b"-" * 9_000)},
    "header of long numbers": {
        "w": with_header(b"{'descr': '<f8', 'fortran_order': False, 'shape': (" + b"1" * 900 + b",), }\n")
    },
    "header isn't UTF-8": {"w": with_header(b"\xff" * 50, version=(3, 0))},
    "fields": {"w": with_header(b"{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (3,)}", bytes(24))},
}


@pytest.mark.parametrize("kind", MEMBERS)
def test_wrong_members(kind, path):
    assert_refused(write(path, MEMBERS[kind]))
    assert not Trap.sprung


def with_field(content, at_local, at_central, value):
    """A zip file with a 16-bit field of every entry changed."""
    content = bytearray(content)
    for signature, offset in ((b"PK\3\4", at_local), (b"PK\1\2", at_central)):
        at = content.find(signature)
        while at >= 0:
            content[at + offset : at + offset + 2] = struct.pack("<H", value)
            at = content.find(signature, at + 4)
    return bytes(content)


FILES = {
    "empty": lambda good: b"",
    "text": lambda good: b"w,b,loss\n1,2,3\n",
    "npy": lambda good: GOOD["Z"],
    "half": lambda good: good[: len(good) // 2],
    "cut": lambda good: good[:-3],
    "a bit flipped": lambda good: good.replace(np.arange(3.0).tobytes(), np.arange(1.0, 4.0).tobytes()),
    "encrypted": lambda good: with_field(good, 6, 8, 1),
    "unknown compression": lambda good: with_field(good, 8, 10, 99),
    "not deflated": lambda good: with_field(good, 8, 10, zipfile.ZIP_DEFLATED),
    "not bzip2": lambda good: with_field(good, 8, 10, zipfile.ZIP_BZIP2),
}


@pytest.mark.parametrize("kind", FILES)
def test_wrong_files(kind, path):
    path.write_bytes(FILES[kind](write(path, {}).read_bytes()))
    assert_refused(path)


def test_another_archive(path):
    np.savez(path, weights=np.ones(3))
    assert_refused(path)


def test_every_cut_is_refused(path):
    content = write(path, {}).read_bytes()
    for length in range(0, len(content), 97):
        path.write_bytes(content[:length])
        assert_refused(path)


@pytest.mark.parametrize("seed", range(10))
def test_damaged_files_are_refused_or_read_as_they_were(seed, path):
    """Bytes changed, cut out, doubled or filled with others."""
    good, rng = write(path, {}).read_bytes(), np.random.default_rng(seed)
    want = LossSurface.load(path)
    for _ in range(100):
        damaged, (low, high) = bytearray(good), sorted(rng.integers(len(good) + 1, size=2))
        match rng.integers(4):
            case 0:
                for place in rng.integers(len(good), size=rng.integers(1, 4)):
                    damaged[place] = rng.integers(256)
            case 1:
                del damaged[low:high]
            case 2:
                damaged[low:low] = damaged[low:high]
            case 3:
                damaged[low:high] = bytes([rng.integers(256)]) * (high - low)
        path.write_bytes(damaged)
        try:
            found = LossSurface.load(path)
        except ValueError as error:
            found = str(error)
        if isinstance(found, str):
            assert found.startswith(f"{path} is not a saved LossSurface: ")
        else:
            assert_same(found, want)


def test_members_that_are_there_twice(path):
    write(path, {})
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("w.npy", npy(np.arange(3.0) + 1))
    assert_refused(path)


def test_members_that_overlap(path):
    """One part of the file stands for the weights and, again, for the biases."""
    with zipfile.ZipFile(write(path, {"Z": npy(np.ones((3, 3))), "b": GOOD["w"]}), "a") as archive:
        w, b = archive.getinfo("w.npy"), archive.getinfo("b.npy")
        b.header_offset = w.header_offset
        archive._didModify = True
    assert_refused(path)


def test_sizes_beyond_the_file(path):
    """A header and an entry that agree on 2^60 bytes."""
    write(path, {"w": with_header(b"{'descr': '<f8', 'fortran_order': False, 'shape': (144115188075855872,), }\n")})
    with zipfile.ZipFile(path, "a") as archive:
        archive.getinfo("w.npy").file_size = archive.getinfo("w.npy").compress_size = 2**60
        archive._didModify = True
    assert_refused(path)


def test_a_directory_of_very_many_members(path):
    with zipfile.ZipFile(path, "w") as archive:
        for k in range(5_000):
            archive.writestr(str(k), b"")
    tracemalloc.start()
    try:
        assert_refused(path)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


INFLATED = 64_000_000
ZEROS = bytes(INFLATED)
BOMBS = {
    "more than the header says": {"w": GOOD["w"] + ZEROS},
    "header": {"w": with_header(ZEROS, version=(2, 0))},
    "axis without its surface": {
        "w": with_header(b"{'descr': '<f8', 'fortran_order': False, 'shape': (8000000,)}", ZEROS)
    },
    "about": {"about": with_header(b"{'descr': '<U16000000', 'fortran_order': False, 'shape': ()}", ZEROS)},
}


@pytest.mark.parametrize("kind", BOMBS)
def test_small_files_that_inflate(kind, path):
    write(path, BOMBS[kind], zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 100_000
    tracemalloc.start()
    try:
        with pytest.raises((ValueError, MemoryError)):
            LossSurface.load(path)
        assert tracemalloc.get_traced_memory()[1] < INFLATED / 4
    finally:
        tracemalloc.stop()


def test_surface_too_large_for_memory(surface, path, monkeypatch):
    surface.save(path)
    monkeypatch.setattr(memory, "SURELY_FREE", 0)
    monkeypatch.setattr(memory, "free_memory", lambda: 100)
    with pytest.raises(MemoryError, match="GB"):
        LossSurface.load(path)
