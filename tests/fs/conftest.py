"""The fixtures of this folder; its helpers are imported by name from file_helpers."""

from file_helpers import big, content, events, run

__all__ = ["big", "content", "events", "run"]
