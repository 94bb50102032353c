"""One system call fails, comes up short or kills the program, at each place in turn. See `sweep` for the rules."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from faults.scenarios import SCENARIOS
from faults.shim import build

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux") or shutil.which(os.environ.get("CC", "gcc").split()[0]) is None,
    reason="the shim needs Linux and a C compiler",
)
# Calls of each function that are tried with each fault. `python -m faults.sweep` tries as many as it is told.
MOST = 1
TESTS = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def shim(tmp_path_factory):
    return build(tmp_path_factory.mktemp("shim"))


def environment(shim):
    path = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "LD_PRELOAD": str(shim), "PYTHONPATH": path}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_after_a_failing_call_there_is_the_right_data_or_one_error(scenario, shim, certificate, tmp_path):
    cert, key = map(str, certificate)
    command = [sys.executable, "-m", "faults.sweep", "--most", str(MOST), "--folder", str(tmp_path / "place")]
    done = subprocess.run(
        [*command, "--certificate", cert, "--key", key, scenario],
        env=environment(shim),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    outcome = json.loads(done.stdout.splitlines()[-1])
    assert outcome["runs"] > 30
    assert outcome["violations"] == []


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
