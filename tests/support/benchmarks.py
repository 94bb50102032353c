"""Run the programs of benchmarks/."""

import json
import os
import subprocess
import sys
from pathlib import Path

import forebay

ROOT = Path(__file__).parents[2]
BENCHMARKS = ROOT / "benchmarks"
HERE = ROOT / "tests" / "isolated"


def environment(**more):
    """With the package that the tests use and benchmarks/ on the path of modules."""
    path = os.pathsep.join([str(Path(forebay.__file__).parents[1]), str(ROOT)])
    return os.environ | {"PYTHONPATH": path, "FOREBAY_BACKEND": forebay.backend} | more


def run(*arguments, timeout=100, **more):
    """Run the interpreter on ``arguments``."""
    return subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        env=environment(**more),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def run_benchmarks(module, *arguments, **more):
    """Run the front page, or with a ``module`` such as '.versus_node' one comparison."""
    return run("-m", f"benchmarks{module}", *arguments, **more)


def assert_done(done):
    assert done.returncode == 0, done.stderr
    assert done.stdout


def rows_of(stored):
    """The rows of the only comparison in a saved run."""
    (measurement,) = json.loads(stored.read_text())["measurements"]
    return measurement["rows"]
