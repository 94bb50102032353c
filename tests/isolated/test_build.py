"""A module that does not compile fails the build of the package, and so does a missing compiler, before Cython."""

import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from setuptools import Distribution, Extension

SETUP = Path(__file__).parents[2] / "setup.py"

pytestmark = [
    pytest.mark.skipif(not SETUP.exists(), reason="only with the sources"),
    pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler"),
    # Of older versions of setuptools.
    pytest.mark.filterwarnings("ignore:Support for .*tool.setuptools"),
]

MODULE = """
#include <Python.h>
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "whole", NULL, -1, NULL, NULL, NULL, NULL, NULL};
PyMODINIT_FUNC PyInit_whole(void) { return PyModule_Create(&definition); }
"""


@pytest.fixture
def build(tmp_path, monkeypatch):
    """Return a function that builds C files, by name and text, with the build command of setup.py."""
    monkeypatch.setenv("FOREBAY_PURE", "1")
    monkeypatch.setattr(sys, "argv", ["setup.py", "--name"])
    monkeypatch.chdir(SETUP.parent)
    command = runpy.run_path(str(SETUP))["BuildAllOrFail"]
    monkeypatch.chdir(tmp_path)

    def run(**texts):
        folder = tmp_path / "build" / "cython"
        folder.mkdir(parents=True)
        for name, text in texts.items():
            (folder / f"{name}.c").write_text(text)
        modules = [Extension(name, [f"build/cython/{name}.c"]) for name in texts]
        build_ext = command(Distribution({"name": "forebay", "ext_modules": modules}))
        build_ext.build_lib = str(tmp_path / "lib")
        build_ext.ensure_finalized()
        build_ext.run()

    return run


def built(folder):
    return sorted(path.name.partition(".")[0] for path in folder.rglob("*") if path.suffix in (".so", ".pyd"))


def test_what_compiles_is_built(build, tmp_path):
    build(whole=MODULE)
    assert built(tmp_path) == ["whole"]


def test_a_module_that_does_not_compile_fails_the_build(build):
    with pytest.raises(SystemExit, match="FOREBAY_PURE=1"):
        build(whole=MODULE, broken=MODULE[:200])


def test_a_failed_build_leaves_no_module_and_no_broken_c_code(build, tmp_path):
    with pytest.raises(SystemExit):
        build(whole=MODULE, broken=MODULE[:200])
    assert built(tmp_path) == []
    assert not (tmp_path / "build" / "cython" / "broken.c").exists()
    assert (tmp_path / "build" / "cython" / "whole.c").exists()


def test_a_missing_compiler_is_noticed_before_cython_runs(tmp_path):
    program = (
        "import sys, runpy; sys.argv = ['setup.py', '-q', 'build_ext', '--build-lib', sys.argv[1], '--build-temp', sys.argv[1]]; "
        "runpy.run_path('setup.py')"
    )
    env = {name: value for name, value in os.environ.items() if not name.startswith("FOREBAY")}
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        cwd=SETUP.parent,
        env=env | {"CC": str(tmp_path / "no-compiler")},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode != 0
    assert "FOREBAY_PURE=1" in done.stderr.splitlines()[-1]
    assert "ythonizing" not in done.stdout


@pytest.mark.parametrize(
    ("name", "value", "word"), [("platform", "win32", "Windows"), ("maxsize", 2**31 - 1, "32-bit")]
)
def test_a_platform_that_cannot_work_is_refused_by_name(name, value, word):
    """In a process of its own, which says that it is on such a platform."""
    # What setup.py imports is imported before: it looks at the platform, too.
    program = (
        "import multiprocessing.reduction, runpy, sys, setuptools.command.build_ext, tempfile;"
        f"sys.{name} = {value!r}; runpy.run_path({str(SETUP)!r})"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert word in done.stderr
    assert len(done.stderr.splitlines()) == 1
