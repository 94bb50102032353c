"""What the packages to install are made of, and what the files around a release say."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import forebay

ROOT = Path(__file__).parents[2]
PACKAGE = Path(forebay.__file__).parent

pytestmark = pytest.mark.skipif(not (ROOT / "setup.py").exists(), reason="only with the sources")


def project():
    with open(ROOT / "pyproject.toml", "rb") as file:
        return tomllib.load(file)


def test_the_files_of_the_c_interface_are_whole():
    """Each .pxd that is installed needs only .pxd files that are installed, too."""
    patterns = [name for name in project()["tool"]["setuptools"]["package-data"]["forebay"] if "pxd" in name]
    source = ROOT / "src" / "forebay"
    installed = {path for pattern in patterns for path in source.glob(pattern)}
    assert source / "_buffers" / "ring.pxd" in installed
    for path in installed:
        for module in re.findall(r"^from (forebay\.\S+) cimport", path.read_text(), re.MULTILINE):
            needed = ROOT / "src" / Path(*module.split(".")).with_suffix(".pxd")
            assert needed in installed, f"{path.name} needs {module}"


@pytest.mark.skipif(forebay.backend != "c", reason="of the compiled modules")
def test_no_module_needs_preadv2_of_the_c_library():
    """musl has it since 1.2.5 only."""
    for module in PACKAGE.rglob("_system/syscalls.*.so"):
        assert b"preadv" not in module.read_bytes()


def test_the_classifiers_name_the_versions_that_wheels_are_built_for():
    config = project()
    built = re.findall(r"cp3(\d+)-\*", config["tool"]["cibuildwheel"]["build"])
    named = re.findall(r"Python :: 3\.(\d+)", " ".join(config["project"]["classifiers"]))
    assert named == built
    workflow = (ROOT / ".github" / "workflows" / "tests.yml").read_text()
    assert all(f'"3.{minor}"' in workflow for minor in named)


def test_pytest_has_the_plugins_of_its_options_with_each_extra_that_has_pytest():
    for name, extra in project()["project"]["optional-dependencies"].items():
        if any(re.match(r"pytest[-\w]*>", requirement) for requirement in extra):
            assert any(requirement.startswith("pytest-timeout") for requirement in extra), name


def test_a_step_without_c_code_does_not_run_cython():
    program = (
        "import sys, runpy; sys.argv = ['setup.py', '--version']; runpy.run_path('setup.py'); "
        "assert 'Cython.Build.Dependencies' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
