"""The parser httptools: a separate package that only programs with HTTP need."""

from __future__ import annotations

from importlib import import_module

__all__ = ["PARSER", "require_parser"]

PARSER = "httptools"


def require_parser() -> None:
    """Import the parser before the first connection needs it. Raise ImportError if it is not installed."""
    try:
        import_module(PARSER)
    except ImportError as error:
        raise ImportError("forebay.http needs httptools; pip install httptools", name=PARSER) from error
