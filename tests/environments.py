"""Wheel and sdist, installed outside a checkout: `python tests/environments.py 3.13`, in the environment of the tests.

Under this Python with all packages of that environment, where the README's examples run as they stand; under the others
that are named and found beside it with the newest versions of what is needed, without torch, which is large.
"""

import os
import re
import shutil
import site
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
SMOKE = (ROOT / "tests" / "smoke.py").read_text()
BUILD = "import sys, setuptools.build_meta as b; to = sys.argv[1]; b.build_wheel(to); b.build_sdist(to)"
WITHOUT_TORCH = ("numpy", "numba", "matplotlib", "tqdm")
NOT_SOURCES = (".git", ".venv*", ".*cache*", ".hypothesis", ".benchmarks", "__pycache__", "out", "*build", "*.egg-info")


def run(*command, **options):
    subprocess.run(list(map(str, command)), check=True, **options)


def built(source, folder):
    """Wheel and sdist, from a copy, as building leaves files in the source."""
    copy = shutil.copytree(source, folder / "source", ignore=shutil.ignore_patterns(*NOT_SOURCES))
    run(sys.executable, "-c", BUILD, folder, cwd=copy, stdout=subprocess.DEVNULL)
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return wheel, sdist


def unpacked(sdist, folder):
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    (source,) = folder.iterdir()
    return source


def names(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return sorted(archive.namelist())


def python_of(version):
    """The one on the path, else the newest that pyenv has installed, or None: the first that runs, as pyenv puts
    commands on the path for versions too that aren't chosen."""
    installed = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python3"), key=patch, reverse=True)
    found = [shutil.which(f"python{version}"), *installed]
    return next((python for python in found if python and runs(python)), None)


def runs(python):
    try:
        return subprocess.run([python, "--version"], capture_output=True).returncode == 0
    except OSError:  # not a program, or its interpreter is missing
        return False


def patch(python):
    return int(re.search(r"\.(\d+)[^.]*$", python.parts[-3])[1])


def environment(python, folder, wheel):
    """The Python of a new environment with the wheel, and of packages nothing but pip."""
    run(python, "-m", "venv", folder)
    ours = folder / "bin" / "python"
    run(ours, "-m", "pip", "install", "--quiet", "--no-deps", wheel)
    return ours


def check(python, folder, script, cache):
    """Runs a script where no checkout is, and looks that the packages are those that were installed."""
    folder.mkdir()
    settings = {"NUMBA_CACHE_DIR": str(cache), "MPLBACKEND": "agg"}
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    run(python, "-c", f"import kernels, sys; assert kernels.__file__.startswith(sys.prefix)\n{script}", folder,
        cwd=folder, env=kept | settings)  # fmt: skip


def examples():
    """The README's, in the order in which they stand."""
    return "\n".join(re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL))


def try_here(place, wheel):
    python = environment(sys.executable, place / "here", wheel)
    (packages,) = (place / "here").glob("lib/python*/site-packages")
    (packages / "others.pth").write_text("\n".join(site.getsitepackages()))
    cache = os.environ.get("NUMBA_CACHE_DIR") or ROOT / "kernels" / "numba_cpu" / "__pycache__"
    check(python, place / "smoke", SMOKE, cache)
    check(python, place / "readme", examples(), cache)


def try_another(place, version, wheel):
    python = python_of(version)
    if python is None:
        print(f"Python {version}: none is here, so it isn't tried")
        return
    python = environment(python, place / version, wheel)
    run(python, "-m", "pip", "install", "--quiet", *WITHOUT_TORCH)
    check(python, place / f"smoke-{version}", SMOKE, place / "cache")


def main(versions):
    with tempfile.TemporaryDirectory() as place:
        place = Path(place)
        wheel, sdist = built(ROOT, place / "checkout")
        from_sdist, _ = built(unpacked(sdist, place / "unpacked"), place / "sdist")
        assert names(wheel) == names(from_sdist)
        try_here(place, from_sdist)
        for version in versions:
            try_another(place, version, wheel)


if __name__ == "__main__":
    main(sys.argv[1:])
