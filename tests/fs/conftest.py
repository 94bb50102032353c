"""The fixtures of this folder; its helpers are imported by name from file_helpers."""

import pytest

pytest.register_assert_rewrite("file_helpers")

from file_helpers import big, content, events, run  # noqa: E402 - assertions in it are explained, too

__all__ = ["big", "content", "events", "run"]
