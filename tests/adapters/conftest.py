"""The fixtures of this folder."""

import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent
sys.path[:0] = [str(TESTS / "fs")]
pytest.register_assert_rewrite("file_helpers")

from file_helpers import big, content, run  # noqa: E402 - assertions in it are explained, too

__all__ = ["big", "content", "run"]
