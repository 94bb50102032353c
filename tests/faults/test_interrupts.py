"""Ctrl-C at any step of a program ends it, and leaves nothing. See `interrupts` for the rules."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import forebay

# Steps at which each program is interrupted. `python -m faults.interrupts` tries as many as it is told.
COUNT = 2
PROGRAMS = ("atomic_copy", "transformed", "http_download", "spawned", "read_and_written_in_a_thread")
TESTS = Path(__file__).parents[1]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks at the descriptors in /proc")
@pytest.mark.parametrize("way", ["once", "twice"])
def test_a_program_that_is_interrupted_ends_and_leaves_nothing(way, certificate):
    if way == "twice" and forebay.backend == "python":
        pytest.skip("the core's own code may be interrupted where it is not compiled")
    path = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "faults.interrupts", "--count", str(COUNT), "--way", way, *PROGRAMS]
    if way == "twice":
        # uvloop itself does not survive the second one.
        command += ["--loop", "asyncio"]
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, timeout=110
    )
    assert done.returncode == 0, done.stdout + done.stderr[-4000:]
    outcome = json.loads(done.stdout.splitlines()[-1])
    assert outcome["runs"] >= COUNT * len(PROGRAMS)
    assert outcome["violations"] == 0
