"""The fields of compiled classes on the pure-Python backend.

A field of a compiled object starts as zero or None. Here the class gets the same defaults from its annotations.
"""

from __future__ import annotations

from inspect import get_annotations

from forebay._backend import backend

__all__ = ["give_defaults"]

_ZEROS = {"bool": False, "int": 0, "float": 0.0}


def give_defaults(*classes: type) -> None:
    """Give each annotated field of ``classes`` its initial value of the compiled backend."""
    if backend == "python":
        for each in classes:
            for name, annotation in get_annotations(each).items():
                setattr(each, name, _ZEROS.get(annotation))
