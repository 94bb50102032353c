"""A compiled object without `__init__` has fields that are None: it raises, and never dereferences them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import forebay

PROGRAM = Path(__file__).with_name("blank_instances.py")


@pytest.mark.timeout(400)
@pytest.mark.skipif(forebay.backend != "c", reason="only compiled objects have fields in C")
def test_no_compiled_class_crashes_without_its_init(tmp_path):
    tried = tmp_path / "tried"
    crashed = {}
    for _ in range(8):
        done = subprocess.run(
            [sys.executable, str(PROGRAM), str(tried), *crashed],
            env=os.environ | {"PYTHONPATH": str(Path(forebay.__file__).parents[1])},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        last = tried.read_text().strip()
        if done.returncode == 0 and last.startswith("tried "):
            break
        name, _, rest = last.partition("|")
        crashed[name] = f"{rest}: exit status {done.returncode}"
    assert crashed == {}
    assert int(last.split()[1]) > 50
