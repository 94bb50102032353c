"""The inputs to begin with: those that a target names, and those that were findings once, in ``corpus/<target>/``."""

from pathlib import Path

from fuzz.targets import load

SEEDS = Path(__file__).parent / "corpus"


def kept(name):
    """Return the inputs in files."""
    folder = SEEDS / name
    return [path.read_bytes() for path in sorted(folder.iterdir())] if folder.is_dir() else []


def seeds_of(name):
    """Return all inputs of a target."""
    return [*load(name).SEEDS, *kept(name)]
