"""The floors of the package: a module imports from its own folder and from lower floors, and never in a circle."""

import ast
from dataclasses import dataclass
from pathlib import Path

import pytest

import forebay

PACKAGE = Path(forebay.__file__).parent

# What may be imported from where: the lower number is never allowed to import the higher one.
FLOORS = {
    "_backend": 0,
    "errors": 0,
    "stats": 0,
    "_system": 1,
    "_buffers": 1,
    "_core": 2,
    "_tls": 2,
    "streams": 3,
    "_run": 3,
    "codecs": 4,
    "consumers": 4,
    "formats": 4,
    "fs": 4,
    "testing": 4,
    "threads": 4,
    "throttle": 4,
    "asyncio": 5,
    "net": 5,
    "process": 5,
    "websocket": 5,
    "sql": 5,
    "storage": 5,
    "adapters": 6,
    "http": 6,
    "cli": 7,
}
# They name the public classes and run the command.
WITHOUT_FLOOR = {"__init__", "__main__", "_public"}
# Where an import inside a function is allowed: the command imports what its arguments ask for.
MAY_IMPORT_LATE = ("forebay.cli",)


@dataclass(frozen=True)
class Import:
    importer: str
    imported: str
    line: int
    in_function: bool

    def __str__(self) -> str:
        return f"{self.importer}:{self.line} imports {self.imported}"


def module_name(path):
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def imported_modules(node):
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names if alias.name in MODULES]
    if isinstance(node, ast.ImportFrom) and node.module in MODULES:
        inner = [f"{node.module}.{alias.name}" for alias in node.names]
        return [name if name in MODULES else node.module for name in inner]
    return []


def imports_of(name):
    found = []

    def visit(node, in_function):
        found.extend(Import(name, other, node.lineno, in_function) for other in imported_modules(node))
        inside = in_function or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for child in ast.iter_child_nodes(node):
            visit(child, inside)

    visit(ast.parse(MODULES[name].read_text()), False)
    return [one for one in found if one.imported != name]


IMPORTS = [one for name in MODULES for one in imports_of(name)]


def room(name):
    parts = name.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def test_every_entry_of_the_package_has_a_floor():
    assert {room(name) for name in MODULES} == FLOORS.keys() | WITHOUT_FLOOR


def test_a_module_imports_from_lower_floors_only():
    wrong = [
        str(one)
        for one in IMPORTS
        if {room(one.importer), room(one.imported)}.isdisjoint(WITHOUT_FLOOR)
        and room(one.importer) != room(one.imported)
        and FLOORS[room(one.importer)] <= FLOORS[room(one.imported)]
    ]
    assert wrong == []


def test_imports_stand_at_the_top_of_a_file():
    late = [str(one) for one in IMPORTS if one.in_function and not one.importer.startswith(MAY_IMPORT_LATE)]
    assert late == []


def circles(graph):
    """The strongly connected groups of more than one module, by Tarjan's algorithm."""
    number, lowest, stack, found = {}, {}, [], []

    def visit(module):
        number[module] = lowest[module] = len(number)
        stack.append(module)
        for other in graph[module]:
            if other not in number:
                visit(other)
            if other in stack:
                lowest[module] = min(lowest[module], lowest[other])
        if lowest[module] == number[module]:
            at = stack.index(module)
            if len(stack) - at > 1:
                found.append(sorted(stack[at:]))
            del stack[at:]

    for module in graph:
        if module not in number:
            visit(module)
    return found


def test_no_modules_import_each_other():
    # The package's own __init__ is loaded before any module, whoever imports that.
    graph = {name: {one.imported for one in imports_of(name)} - {"forebay"} for name in MODULES}
    del graph["forebay"]
    assert circles(graph) == []


def test_circles_are_found():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]]


@pytest.mark.parametrize("name", ["pipeline", "finished", "compose", "share", "merge", "duplex_pair", "run"])
def test_a_public_function_is_not_also_a_module(name):
    assert f"forebay.{name}" not in MODULES


NATIVE = PACKAGE.parents[1] / "ext" / "forebay"
SOURCES = [
    path
    for folder in (PACKAGE, NATIVE)
    for path in sorted(folder.rglob("*.p*"))
    if path.suffix in (".py", ".pyi", ".pxd", ".pyx", ".pxi")
]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_no_file_has_more_than_600_lines(path):
    assert len(path.read_text().splitlines()) <= 600
