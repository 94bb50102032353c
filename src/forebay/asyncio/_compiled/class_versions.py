"""How compiled code hears that a class, or an object, was changed. Here it does not: they are looked at each time."""

from __future__ import annotations


def version_of(thing: object) -> int:
    """A number that changes when the class of ``thing``, or one of its bases, is changed; 0 where there is none."""
    return 0


def set_attribute(thing: object, name: str, value: object) -> None:
    """Set an attribute as an object does that has no ``__setattr__`` of its own."""
    object.__setattr__(thing, name, value)
