"""An allocation fails, at each place in turn. See `memory` for the rules."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from faults.core_programs import PROGRAMS
from support.interpreter import failing_allocations

# Allocations that are tried. `python -m faults.memory` tries as many as it is told.
MOST = 60
TESTS = Path(__file__).parents[1]


@pytest.mark.parametrize("program", PROGRAMS)
def test_without_memory_there_is_the_right_data_or_an_error(program):
    failing_allocations()
    path = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-m", "faults.memory", "--most", str(MOST), program],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    outcome = json.loads(done.stdout.splitlines()[-1])
    assert outcome["runs"] == MOST
    assert outcome["violations"] == []
