"""One system call fails, comes up short or kills the program, at each place in turn. See `sweep` for the rules."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from faults import database_scenarios, file_scenarios, http_scenarios, socket_scenarios
from faults.kills import PROGRAMS
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
# Calls at which a program is killed. `python -m faults.kills` tries all.
MOST_KILLS = 40
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


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_that_is_killed_leaves_whole_files(program, shim):
    command = [sys.executable, "-m", "faults.kills", "--most", str(MOST_KILLS), program]
    done = subprocess.run(command, env=environment(shim), capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stdout + done.stderr[-4000:]
    assert json.loads(done.stdout.splitlines()[-1])["kills"] > MOST_KILLS // 2
