"""One system call fails, comes up short or kills the program, at each place in turn. See `sweep` for the rules."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from faults import database_scenarios, file_scenarios, http_scenarios, socket_scenarios
from faults.scenarios import OF_POSTGRES
from faults.shim import build
from faults.sweep import Sweeps

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux") or shutil.which(os.environ.get("CC", "gcc").split()[0]) is None,
    reason="the shim needs Linux and a C compiler",
)
# Calls of each function that are tried with a fault, and faults of each function. `python -m faults.sweep` tries more.
MOST = 1
KINDS = 3
TESTS = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def shim(tmp_path_factory):
    return build(tmp_path_factory.mktemp("shim"))


def environment(shim):
    path = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "LD_PRELOAD": str(shim), "PYTHONPATH": path}


@pytest.mark.parametrize(
    "module",
    [file_scenarios, socket_scenarios, http_scenarios, database_scenarios],
    ids=lambda module: module.__name__,
)
def test_after_a_failing_call_there_is_the_right_data_or_one_error(module, shim, certificate, tmp_path):
    sweeps = Sweeps(shim, *certificate, None)
    names = [scenario.__name__ for scenario in module.SCENARIOS]
    sweeps.scenarios(names, tmp_path / "place", most=MOST, kinds=KINDS)
    assert sweeps.faults > 8 * len(names)
    assert sweeps.violations == []


def test_after_a_failing_call_of_postgres_there_is_the_right_data_or_one_error(
    shim, certificate, postgres, tmp_path
):
    sweeps = Sweeps(shim, *certificate, postgres)
    sweeps.scenarios(OF_POSTGRES, tmp_path / "place", most=MOST, kinds=KINDS)
    assert sweeps.faults > 8 * len(OF_POSTGRES)
    assert sweeps.violations == []


# Copies a file with the command, and is killed at the call of this number.
COPY = """
import sys
from faults.shim import KILL, Fault, Shim
from forebay.cli import main
function, number, source, target = sys.argv[1:]
Shim().arm(Fault(function, KILL, 0), int(number))
sys.exit(main(["copy", source, target]))
"""
# More calls than the copy makes of any function that matters.
MOST_KILLS = 12


@pytest.mark.parametrize(
    "function", ["openat", "open", "write", "copy_file_range", "fsync", "linkat", "rename", "close"]
)
def test_a_copy_that_is_killed_leaves_the_old_file_or_the_new_one(function, shim, tmp_path):
    old, new = b"old" * 100_000, b"new" * 200_000
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(new)
    for number in range(1, MOST_KILLS + 1):
        target.write_bytes(old)
        command = [sys.executable, "-c", COPY, function, str(number), str(source), str(target)]
        done = subprocess.run(command, env=environment(shim), capture_output=True, timeout=60)
        if done.returncode == 0:
            assert target.read_bytes() == new
            break
        assert done.returncode == -signal.SIGKILL, done.stderr
        assert target.read_bytes() in (old, new)
