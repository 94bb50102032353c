"""The comparisons of benchmarks/ can be run; what they measure is not asserted."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import forebay

HERE = Path(__file__).parent
ROOT = HERE.parents[1]

pytestmark = pytest.mark.skipif(not (ROOT / "benchmarks").is_dir(), reason="benchmarks/ is not here")


def run(*arguments, **environment):
    """Run the interpreter on ``arguments``, with the package that the tests use and benchmarks/ on its path."""
    path = os.pathsep.join([str(Path(forebay.__file__).parents[1]), str(ROOT)])
    return subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        env=os.environ | {"PYTHONPATH": path, "FOREBAY_BACKEND": forebay.backend} | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def run_comparison(name, *arguments, **environment):
    return run("-m", f"benchmarks.{name}", *arguments, **environment)


def assert_done(done):
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_every_program_runs():
    done = run(str(HERE / "benchmark_programs.py"))
    assert done.stderr == ""
    assert done.returncode == 0


@pytest.mark.parametrize("name", ["versus_node", "versus_python"])
def test_list_prints_the_programs(name):
    done = run_comparison(name, "--list")
    assert_done(done)
    assert len(done.stdout.splitlines()) > 5


@pytest.mark.parametrize("name", ["versus_node", "versus_python"])
def test_pattern_without_a_match(name):
    done = run_comparison(name, "--only", "no-such-thing")
    assert done.returncode == 1
    assert "no-such-thing" in done.stderr
    assert "--list" in done.stderr


def test_without_node():
    done = run_comparison("versus_node", PATH="/nonexistent")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "no 'node' is on the PATH" in done.stderr
    assert "nodejs.org" in done.stderr


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_versus_node(tmp_path):
    stored = tmp_path / "results.json"
    arguments = ["--rounds", "1", "--at-most", "10", "--only", "*manywrites sync=yes writev=no*"]
    done = run_comparison("versus_node", *arguments, "--json", str(stored), "--dir", str(tmp_path))
    assert_done(done)
    assert "geometric mean of 2 entries" in done.stdout
    content = json.loads(stored.read_text())
    assert [row["length"] for row in content["rows"]] == ["node", "long"] * 2
    for row in content["rows"]:
        assert row["ratio"]["median"] == pytest.approx(row["forebay"]["median"] / row["node"]["median"])
    assert list(tmp_path.iterdir()) == [stored]


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
def test_versus_kernel(tmp_path):
    stored = tmp_path / "results.json"
    arguments = ["--rounds", "1", "--size", "100kB", "--dir", str(tmp_path), "--json", str(stored)]
    done = run_comparison("versus_kernel", *arguments)
    assert_done(done)
    content = json.loads(stored.read_text())
    assert content["size"] == 100_000
    assert {row["kind"] for row in content["rows"]} >= {"C loop", "forebay", "whole process"}
    assert next(each["name"] for each in content["ratios"]) == "forebay pipe()"
    assert list(tmp_path.iterdir()) == [stored]


def test_versus_python(tmp_path):
    stored = tmp_path / "results.json"
    arguments = ["--rounds", "1", "--only", "file-copy block=65536", "--size", "1MiB"]
    done = run_comparison("versus_python", *arguments, "--dir", str(tmp_path), "--json", str(stored))
    assert_done(done)
    sides = {row["side"]: row for row in json.loads(stored.read_text())["rows"]}
    assert sides["forebay"]["ratio"] is None
    assert sides["asyncio"]["ratio"]["median"] > 0
    assert list(tmp_path.iterdir()) == [stored]


def test_a_missing_plotting_library_is_named(tmp_path):
    (tmp_path / "matplotlib.py").write_text("raise ImportError('no matplotlib here')\n")
    start = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from benchmarks import versus_python as v; "
    done = run("-c", start + "v.main(['--plot', 'x.svg'])")
    assert done.returncode == 1
    assert "--plot needs matplotlib" in done.stderr
