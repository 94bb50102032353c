"""Detect changes of classes and objects. The pure-Python backend has no versions and checks them each time."""

from __future__ import annotations


def version_of(thing: object) -> int:
    """Return a number that changes with the class of ``thing`` or one of its bases; 0 if there is no such number."""
    return 0


def set_attribute(thing: object, name: str, value: object) -> None:
    """Set an attribute as `object.__setattr__` does."""
    object.__setattr__(thing, name, value)
