"""Compiled methods as methods of a subclass. The pure-Python backend has none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def own_methods(cls: type, original: type, functions: Mapping[str, Any], *bases: type) -> None:
    """Copy the compiled methods of the bases of a class into the class.

    Methods that ``original`` also has look like the methods of that class, or like those in ``functions``.
    """
