"""The library websockets: a separate package that only programs with WebSockets need."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["load"]


def load(name: str) -> Any:
    """Return a module of websockets. Raises ImportError if it is not installed."""
    try:
        return import_module(f"websockets.{name}")
    except ImportError as error:
        raise ImportError(
            "forebay.websocket needs websockets: pip install 'forebay[websocket]'", name="websockets"
        ) from error
