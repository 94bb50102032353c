"""The parser is a package of its own, which only those need who speak HTTP."""

from __future__ import annotations

from importlib import import_module

__all__ = ["PARSER", "require_parser"]

PARSER = "httptools"


def require_parser() -> None:
    """Have the parser imported, before the first connection needs it. Raises ImportError where it is not installed."""
    try:
        import_module(PARSER)
    except ImportError as error:
        raise ImportError("forebay.http needs httptools; pip install httptools", name=PARSER) from error
