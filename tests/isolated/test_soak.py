"""Loads that go on: nothing grows with the work, and no client is left behind. A short form of ``benchmarks.soak``."""

from pathlib import Path

import pytest

from support.benchmarks import BENCHMARKS, assert_done, run
from support.loops import LOOPS

pytestmark = [
    pytest.mark.skipif(not BENCHMARKS.is_dir(), reason="benchmarks/ is not here"),
    pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="it reads /proc"),
]


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("load", ["requests", "connections", "copies", "clients"])
def test_nothing_grows_with_the_work(load, loop):
    options = ["--scale", "0.01", "--seconds", "2", "--loop", loop, "--check"]
    assert_done(run("-m", "benchmarks.soak", load, *options))
