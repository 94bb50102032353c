"""What the interpreter of the tests can do."""

import sys
from typing import Any

import pytest

FREE_THREADED = "t" in sys.abiflags


def failing_allocations() -> Any:
    """Return the module whose ``set_nomemory`` lets allocations fail, or skip the test."""
    if FREE_THREADED:
        pytest.skip("a free-threaded interpreter crashes or hangs by itself after allocations that failed")
    module = pytest.importorskip("_testcapi")
    if not hasattr(module, "set_nomemory"):
        pytest.skip("this interpreter cannot refuse memory on demand")
    return module
