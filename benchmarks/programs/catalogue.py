"""Find programs by name, and import their modules."""

from __future__ import annotations

import importlib

from benchmarks.programs._bench import PROGRAMS, Program

MODULES = (
    "pipes",
    "reads",
    "sources",
    "writes",
    "transforms",
    "lifecycles",
    "operators",
    "composition",
    "files",
    "memory",
    "sockets",
    "reader",
    "hooks",
    "fairness",
)


def find_program(name: str) -> Program:
    """The program of that name; ``LIBRARY:TASK`` is in the module of tasks for that library, the others are here.

    Raises KeyError, with the names that there are.
    """
    library, colon, _ = name.partition(":")
    if colon:
        importlib.import_module(f"benchmarks.tasks.with_{library}")
    else:
        # No module without need: valgrind takes seconds for each.
        for module in MODULES:
            importlib.import_module(f"benchmarks.programs.{module}")
            if name in PROGRAMS:
                break
    if name not in PROGRAMS:
        raise KeyError(f"no program {name!r}; there are {', '.join(sorted(PROGRAMS))}")
    return PROGRAMS[name]
