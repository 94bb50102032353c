"""CPython's own tests of asyncio's streams, of the Python that runs this, with forebay's classes in place of asyncio's.

None is left out: also those that look at private attributes (`_buffer`, `_waiter`, `_loop`, `_transport`) pass.
"""

import importlib.util
import re
import subprocess
import sys

import pytest

SCRIPT = """
import unittest
import forebay.asyncio
forebay.asyncio.install()
import asyncio
assert asyncio.StreamReader is forebay.asyncio.StreamReader
from test.test_asyncio import {module}
unittest.main({module}, argv=["suite"])
"""

# The module, and how many tests it has at least: an empty run is no pass.
SUITES = {"test_streams": 60, "test_subprocess": 40, "test_buffered_proto": 1}


@pytest.mark.skipif(
    importlib.util.find_spec("test") is None or importlib.util.find_spec("test.test_asyncio") is None,
    reason="this Python was installed without its test suite",
)
@pytest.mark.parametrize("module", SUITES)
def test_cpythons_own_suite_passes(module):
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", SCRIPT.format(module=module)],
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert done.returncode == 0, done.stderr
    ran = int(re.search(r"Ran (\d+) tests?", done.stderr)[1])
    assert ran >= SUITES[module]
    assert "errors=" not in done.stderr
