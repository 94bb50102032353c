"""The fields of the core's classes, for the backend that is not compiled.

A compiled instance starts with every field zero or None, as its ``.pxd`` declares them. Here the same declarations
give the Python classes their defaults, so that no field is listed twice.
"""

from __future__ import annotations

import re
from importlib import import_module
from importlib.resources import files

_MODULES = (
    "ticks",
    "handlers",
    "events",
    "runner",
    "stalls",
    "lifecycle",
    "readable_side",
    "writable_side",
    "stream",
    "link",
    "handle",
)
_CLASS = re.compile(r"cdef class (\w+)")
_FIELD = re.compile(r"    cdef (?:readonly |public )?([\w ]+?) (\w+) *(?:#.*)?$")
_NUMBERS = {"int", "bint", "signed char", "unsigned char", "Py_ssize_t", "long long", "double"}


def give_defaults() -> None:
    """Set the declared defaults as class attributes."""
    for name in _MODULES:
        module = import_module(f"penstock._flow.{name}")
        cls = None
        for line in files("penstock._flow").joinpath(f"{name}.pxd").read_text().splitlines():
            if opening := _CLASS.match(line):
                cls = getattr(module, opening[1])
            elif (field := _FIELD.match(line)) and not field[2].startswith("__"):
                setattr(cls, field[2], 0 if field[1] in _NUMBERS else None)
