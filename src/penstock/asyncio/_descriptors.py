"""Compiled methods as a class's own: on the backend that is not compiled there are none."""

from __future__ import annotations


def own_methods(cls: type, *bases: type) -> None:
    """Give a class the compiled methods that it has from its bases, as methods of itself."""
