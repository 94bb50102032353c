"""Compare the instructions of the hot paths with the table that is kept here: ``python -m benchmarks count --check``.

The table is of one interpreter and of one build of it. With another one nothing can be said, and the check passes.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.comparing import compare
from benchmarks.instructions import COMPARISON, REFERENCE
from benchmarks.machine import differences, machine
from benchmarks.peers import VALGRIND
from benchmarks.results import Run, load
from benchmarks.running import run_each

TABLE = Path(__file__).with_name("instructions.json")

#: Percent by which a path may get longer: compilers differ, and so does what earlier paths leave in caches.
TOLERANCE = 5.0
# Percent by which the reference may differ in the same build of the interpreter.
_SAME_BUILD = 0.5
# What else of the machine has no influence on counts.
_DECISIVE = ("implementation", "python", "backend")


def skipped(old: Run) -> str | None:
    """Why nothing can be compared, before anything is counted."""
    if not VALGRIND.is_there:
        return f"{VALGRIND.name} is missing ({VALGRIND.get})"
    found = differences(old.machine, machine(), _DECISIVE)
    return f"the table is for another interpreter ({'; '.join(found)})" if found else None


def reference(run: Run) -> float:
    (row,) = [row for each in run.measurements for row in each.rows if row.case == REFERENCE]
    return row.sample.median


def check(table: Path, options: argparse.Namespace) -> int:
    """Count and compare; return 1 if a path takes more instructions than the table says.

    ``options`` are those of COMPARISON. Where nothing can be compared, say so and return 0.
    """
    old = load(table)
    reason = skipped(old)
    if reason is None:
        new, said = run_each([(COMPARISON, options)])
        if said:
            print("\n".join(said))
            return 1
        if abs(reference(new) / reference(old) - 1) * 100 > _SAME_BUILD:
            reason = "the table is for another build of the interpreter"
    if reason is not None:
        print(f"instructions not checked: {reason}")
        return 0
    return judged(old, new, options.tolerance)


def judged(old: Run, new: Run, tolerance: float | None) -> int:
    found = compare(old, new)
    limit = TOLERANCE if tolerance is None else tolerance
    print(found.text(limit))
    slower = found.slower(limit)
    for change in slower:
        print(f"more instructions: {change.case}: {change.old.median:.0f}, now {change.new.median:.0f}")
    if slower:
        print(
            f"If they are wanted, save the table again: python -m benchmarks count --save benchmarks/{TABLE.name}"
        )
    return 1 if slower else 0
