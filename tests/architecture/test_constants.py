"""A Python module and a C enum define the same constants with the same values."""

import ast
import re
from importlib import import_module
from itertools import chain
from pathlib import Path

import pytest

import forebay

PACKAGE = Path(forebay.__file__).parent
SOURCES = sorted(PACKAGE.rglob("constants.py"))


def module_of(path):
    return import_module(".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts))


def numbers_of(path):
    return {name: value for name, value in vars(module_of(path)).items() if name.isupper()}


def enum_of(path):
    text = path.with_suffix(".pxd").read_text()
    return {name: int(value) for name, value in re.findall(r"^    ([A-Z_]+) = (-?\d+)$", text, re.MULTILINE)}


def names_used(path, folder):
    """The constants of ``folder`` that a source takes, by whatever name it imports them under."""
    tree = ast.parse(path.read_text())
    aliases = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == folder
        for alias in node.names
        if alias.name == "constants"
    }
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in aliases
    }


def test_there_are_constants():
    assert len(SOURCES) >= 3


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.parent.name)
def test_the_module_and_the_enum_agree(path):
    assert numbers_of(path)
    assert enum_of(path) == numbers_of(path)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.parent.name)
def test_constants_module_is_not_compiled(path):
    # A compiled module could not assign to the names of its own enum.
    assert module_of(path).__file__.endswith(".py")


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.parent.name)
def test_every_constant_is_used(path):
    folder = module_of(path).__name__.rpartition(".")[0]
    used = set(chain.from_iterable(names_used(each, folder) for each in PACKAGE.rglob("*.py")))
    assert used == set(numbers_of(path))


@pytest.mark.parametrize("prefix", ["TICK_", "HOOK_"])
def test_numbers_of_a_stream_are_unique(prefix):
    # A class of the chain hands numbers that are not its own to its base class.
    others = {"TICK_SOURCE_ENDED", "TICK_PIPE_WRITE_LATE"}
    numbers = [
        number
        for path in SOURCES
        if path.parent.name in ("state", "_messages")
        for name, number in numbers_of(path).items()
        if name.startswith(prefix) and name not in others
    ]
    assert len(set(numbers)) == len(numbers)


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.name)
def test_no_source_redefines_a_constant(path):
    if path.name == "constants.py":
        return
    taken = {f"_{name}" for each in SOURCES for name in numbers_of(each)} | {
        f"_{name[5:]}" for each in SOURCES for name in numbers_of(each) if name.startswith("HOOK_")
    }
    assigned = {
        target.id
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    assert assigned & taken == set()
