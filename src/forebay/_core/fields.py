"""The fields of the core's classes, for the backend that is not compiled.

A compiled instance starts with every field zero or None, as its ``.pxd`` declares them. Here the same declarations
give the Python classes their defaults, so that no field is listed twice.
"""

from __future__ import annotations

import re
from importlib import import_module
from importlib.resources import files

_MODULES = (
    "scheduling.ticks",
    "listeners",
    "events",
    "scheduling.hook_runner",
    "data.stalls",
    "state.lifecycle",
    "state.readable_side",
    "state.writable_side",
    "state.stream",
    "state.pipe",
    "scheduling.operation",
)
_CLASS = re.compile(r"cdef class (\w+)")
_FIELD = re.compile(r"    cdef (?:readonly |public )?([\w ]+?) (\w+) *(?:#.*)?$")
_NUMBERS = {"int", "bint", "signed char", "unsigned char", "Py_ssize_t", "long long", "double"}


def give_defaults() -> None:
    """Set the declared defaults as class attributes."""
    for name in _MODULES:
        module = import_module(f"forebay._core.{name}")
        cls = None
        for line in files("forebay._core").joinpath(f"{name.replace('.', '/')}.pxd").read_text().splitlines():
            if opening := _CLASS.match(line):
                cls = getattr(module, opening[1])
            elif (field := _FIELD.match(line)) and not field[2].startswith("__"):
                setattr(cls, field[2], 0 if field[1] in _NUMBERS else None)
