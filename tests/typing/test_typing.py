"""The public types, checked by mypy and pyright, and the stubs compared with the modules."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import forebay

pytest.importorskip("mypy", reason="mypy is not installed")

HERE = Path(__file__).parent
PROGRAMS = ["sample.py", "right.py", "wrong.py"]
PACKAGE = Path(forebay.__file__).parent
STUBBED = [
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
    for path in sorted(PACKAGE.rglob("*.pyi"))
]


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    """mypy reads the package that the tests import."""
    path = tmp_path_factory.mktemp("mypy") / "mypy.ini"
    path.write_text(f"[mypy]\nstrict = true\npython_version = 3.11\nmypy_path = {PACKAGE.parent}\n")
    return path


def mypy(config, *arguments, module="mypy"):
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=config.parent,
        env=os.environ | {"PYTHONPATH": str(PACKAGE.parent)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )


@pytest.mark.parametrize("name", ["sample.py", "right.py"])
def test_mypy_accepts_a_right_program(config, name):
    done = mypy(config, "--config-file", config, HERE / name)
    assert done.stdout.startswith("Success"), done.stdout + done.stderr


def test_sample_program_runs():
    done = subprocess.run(
        [sys.executable, "-W", "error", str(HERE / "sample.py")],
        env=os.environ | {"PYTHONPATH": str(PACKAGE.parent)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    assert done.returncode == 0


def marked(*, mypy_alone=False):
    """The lines of the program of wrong uses, and the code of the error of each."""
    pattern = re.compile("# error(?: of mypy)?: (.*)" if mypy_alone else "# error: (.*)")
    lines = enumerate((HERE / "wrong.py").read_text().splitlines(), 1)
    return {number: match[1] for number, line in lines if (match := pattern.search(line))}


def test_mypy_reports_wrong_uses(config):
    done = mypy(config, "--config-file", config, "--no-error-summary", HERE / "wrong.py")
    found = {}
    for line in done.stdout.splitlines():
        if match := re.match(r".*wrong\.py:(\d+): error: .*\[([\w-]+)\]$", line):
            found.setdefault(int(match[1]), match[2])
    assert found == marked(mypy_alone=True), done.stdout + done.stderr


def test_mypy_reads_the_sources_that_have_a_stub(config, tmp_path):
    """A stub hides its source from mypy, so this test checks the sources without their stubs."""
    shutil.copytree(PACKAGE, tmp_path / "forebay", ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    sources = []
    for stub in (tmp_path / "forebay").rglob("*.pyi"):
        if stub.with_suffix(".py").exists() and stub.stem not in ("generics", "late_binding"):
            stub.unlink()
            sources.append(stub.with_suffix(".py"))
    own = tmp_path / "mypy.ini"
    own.write_text(
        f"[mypy]\nstrict = true\npython_version = 3.11\nmypy_path = {tmp_path}\nfollow_imports = silent\n"
        "[mypy-forebay.streams.generics]\nignore_errors = true\n"
    )
    done = mypy(own, "--config-file", own, *sources)
    assert done.stdout.startswith("Success"), done.stdout + done.stderr


@pytest.fixture(scope="module")
def pyright(tmp_path_factory):
    """What pyright finds in the programs, as lines by file."""
    pytest.importorskip("pyright", reason="pyright is not installed")
    programs = tmp_path_factory.mktemp("pyright")
    for name in PROGRAMS:
        shutil.copy(HERE / name, programs)
    settings = {
        "pythonVersion": "3.11",
        "typeCheckingMode": "strict",
        "reportMissingModuleSource": False,
        "extraPaths": [str(PACKAGE.parent)],
    }
    (programs / "pyrightconfig.json").write_text(json.dumps(settings))
    done = subprocess.run(
        [sys.executable, "-m", "pyright", "-p", programs, "--outputjson"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    try:
        found = json.loads(done.stdout[done.stdout.index("{") :])["generalDiagnostics"]
    except ValueError:
        pytest.skip(f"pyright cannot be run: {done.stderr[-500:]}")
    lines = {name: {} for name in PROGRAMS}
    for each in found:
        line = each["range"]["start"]["line"] + 1
        lines[Path(each["file"]).name].setdefault(line, each["message"])
    return lines


@pytest.mark.parametrize("name", ["sample.py", "right.py"])
def test_pyright_accepts_a_right_program(pyright, name):
    assert pyright[name] == {}


def test_pyright_reports_wrong_uses(pyright):
    assert set(pyright["wrong.py"]) == set(marked())


def test_stubs_match_the_modules(config):
    done = mypy(
        config,
        "--concise",
        "--mypy-config-file",
        config,
        "--allowlist",
        HERE / "stubtest-allowlist.txt",
        "--ignore-unused-allowlist",
        "--ignore-disjoint-bases",
        *STUBBED,
        module="mypy.stubtest",
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_package_has_a_py_typed_marker():
    assert (PACKAGE / "py.typed").is_file()


# Hand-written Cython without a Python source of its name, overloads, and classes that are generic.
WITH_STUB = {
    "_buffers/chunk_queue",
    "_buffers/ring",
    "_core/events",
    "_core/scheduling/operation",
    "http/_messages/body_types",
    "streams/generics",
    "streams/late_binding",
    "streams/readable",
    "streams/reading/iterator",
    "streams/writable",
}


def test_only_listed_modules_have_a_stub():
    stubs = {path.relative_to(PACKAGE).with_suffix("").as_posix() for path in PACKAGE.rglob("*.pyi")}
    assert stubs == WITH_STUB


FIELD = re.compile(r"    cdef (?:readonly |public )?[\w. ]+ (\w+) *(?:#.*)?$", re.MULTILINE)
PAIRS = [
    path
    for path in sorted(PACKAGE.rglob("*.pxd"))
    if path.with_suffix(".py").exists() and path.stem not in ("__init__", "constants")
]


@pytest.mark.parametrize("path", PAIRS, ids=lambda path: path.stem)
def test_a_source_annotates_the_fields_that_its_pxd_declares(path):
    annotated = set()
    for each in ast.walk(ast.parse(path.with_suffix(".py").read_text())):
        if isinstance(each, ast.ClassDef):
            annotated |= {line.target.id for line in each.body if isinstance(line, ast.AnnAssign)}
    declared = {name for name in FIELD.findall(path.read_text()) if not name.startswith("__")}
    assert declared <= annotated
