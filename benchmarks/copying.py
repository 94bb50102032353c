"""The file that is copied in a comparison, and the check that its copy is the same."""

from __future__ import annotations

import os
from pathlib import Path

from benchmarks.pairing import ProgramFailed

MIB = 1024 * 1024


def make_source(path: Path, size: int) -> None:
    """Make a file of ``size`` bytes that do not repeat within a MiB, and read it once, so that it is in the page cache."""
    with open(path, "wb", buffering=0) as file:
        for at in range(0, size, MIB):
            file.write(os.urandom(min(MIB, size - at)))
    with open(path, "rb", buffering=0) as file:
        while file.read(MIB):
            pass


def check_and_remove(source: Path, copy: Path, label: str) -> None:
    """Raise ProgramFailed if ``copy`` differs from ``source``."""
    with open(source, "rb", buffering=0) as one, open(copy, "rb", buffering=0) as other:
        at = 0
        while True:
            expected, got = one.read(MIB), other.read(MIB)
            if expected != got:
                raise ProgramFailed(f"{label}: the copy differs in the MiB at {at}")
            if not expected:
                break
            at += len(expected)
    copy.unlink()
