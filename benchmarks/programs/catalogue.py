"""Imports every module of programs, so that each is in the registry."""

from __future__ import annotations

import importlib

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
)


def load() -> None:
    for name in MODULES:
        importlib.import_module(f"benchmarks.programs.{name}")
