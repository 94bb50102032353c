"""Compiled methods as a class's own: on the backend that is not compiled there are none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def own_methods(cls: type, original: type, functions: Mapping[str, Any], *bases: type) -> None:
    """Give a class the compiled methods that it has from its bases, as methods of itself.

    Those that ``original`` has, too, look like that class's, or like those in ``functions``, by name.
    """
