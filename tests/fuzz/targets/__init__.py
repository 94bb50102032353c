"""The targets, one for each parser. ``SEEDS`` of a target are inputs that reach its parts."""

from importlib import import_module
from pathlib import Path

NAMES = sorted(path.stem for path in Path(__file__).parent.glob("[!_]*.py"))


def load(name):
    """Return the module of a target."""
    return import_module(f"fuzz.targets.{name}")
