"""What compiled code must not say, for Cython does with it what Python does not. ``python tests/lint/check_compiled.py``

1. ``min(a(), self.b)``: Cython evaluates the arguments of min() and max() from the right, so ``self.b`` is looked at before
   ``a()`` runs. The same for ``self.b - a()`` and ``self.b < a()``, where ``self.b`` is a field in C: it is read last.
2. ``except -1`` for a function that returns -1, or a difference, as a value: the caller takes it for an exception.
3. ``x[-1]`` in a native file that turns wraparound off.
4. ``self.x.method()``, where both are in C: nothing holds the object of the field while its method runs, and what runs in it
   may clear the field. The object goes into a variable first.
5. ``with``: if an exception leaves the block and there is no memory for its traceback, Cython hands NULL to ``__exit__``.
   ``try`` takes its place. What Cython translates by itself, ``nogil`` and ``critical_section``, has no ``__exit__``.

A line that is right all the same says why, after ``# compiled: ``.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "src" / "forebay"
NATIVE = ROOT / "ext" / "forebay"

_CLASS = re.compile(r"^cdef class (\w+)(?:\((\w+)\))?")
_FIELD = re.compile(r"^    cdef (?:readonly |public )?(\w[\w ]*?) (\w+) *(?:#.*)?$")
_METHOD = re.compile(r"^    (?:cdef|cpdef) (?:inline )?[\w ]+? \*?(\w+)\(")
_FUNCTION = re.compile(r"^ *(?:cdef|cpdef) (?:inline )?(Py_ssize_t|int|long long) (\w+)\(.*\) except -1\b")
WITH = "'with' crashes if there is no memory for a traceback"
_NUMBERS = {"int", "bint", "signed char", "unsigned char", "Py_ssize_t", "long long", "double", "size_t"}


@dataclass
class Class:
    base: str | None
    fields: dict[str, str] = field(default_factory=dict)
    methods: set[str] = field(default_factory=set)


@dataclass
class Declared:
    """What the ``.pxd`` files say."""

    classes: dict[str, Class] = field(default_factory=dict)
    # Functions with ``except -1``, by the stem of their module.
    excepted: dict[str, set[str]] = field(default_factory=dict)

    def read(self, path: Path) -> None:
        current = None
        for line in path.read_text().splitlines():
            if opening := _CLASS.match(line):
                current = self.classes.setdefault(opening[1], Class(opening[2]))
            elif line and not line.startswith((" ", "#")):
                current = None
            if function := _FUNCTION.match(line):
                self.excepted.setdefault(path.stem, set()).add(function[2])
            if current is None:
                continue
            if method := _METHOD.match(line):
                current.methods.add(method[1])
            elif found := _FIELD.match(line):
                current.fields[found[2]] = found[1]

    def type_of(self, cls: str | None, name: str) -> str | None:
        while cls in self.classes:
            if name in self.classes[cls].fields:
                return self.classes[cls].fields[name]
            cls = self.classes[cls].base
        return None

    def has_method(self, cls: str | None, name: str) -> bool:
        while cls in self.classes:
            if name in self.classes[cls].methods:
                return True
            cls = self.classes[cls].base
        return False


def has(node: ast.AST, *kinds: type[ast.AST]) -> bool:
    return any(isinstance(each, kinds) for each in ast.walk(node))


def calls(node: ast.AST) -> bool:
    """Whether something is called that may be anybody's: not a look at the kind of an object."""
    return any(
        isinstance(each, ast.Call)
        and not (isinstance(each.func, ast.Name) and each.func.id in ("type", "isinstance", "min", "max"))
        for each in ast.walk(node)
    )


class Checker(ast.NodeVisitor):
    """The rules, over one module that is Python source."""

    def __init__(self, declared: Declared, stem: str) -> None:
        self.declared = declared
        self.excepted = declared.excepted.get(stem, set())
        # First line, last line, what is wrong.
        self.found: list[tuple[int, int, str]] = []
        self.cls: str | None = None
        self.function: str | None = None

    def say(self, node: ast.expr | ast.stmt, text: str) -> None:
        self.found.append((node.lineno, node.end_lineno or node.lineno, text))

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.cls = node.name
        self.generic_visit(node)
        self.cls = None

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        outer, self.function = self.function, node.name
        self.generic_visit(node)
        self.function = outer

    def visit_Return(self, node: ast.Return) -> None:
        if self.function in self.excepted and node.value is not None and may_be_negative(node.value):
            self.say(node, f"{self.function}() is declared 'except -1' and may return -1 as a value")
        self.generic_visit(node)

    def visit_With(self, node: ast.With | ast.AsyncWith) -> None:
        self.say(node.items[0].context_expr, WITH)
        self.generic_visit(node)

    visit_AsyncWith = visit_With

    def visit_Call(self, node: ast.Call) -> None:
        fn = node.func
        if isinstance(fn, ast.Name) and fn.id in ("min", "max") and len(node.args) > 1:
            for index, arg in enumerate(node.args):
                others = node.args[:index] + node.args[index + 1 :]
                if calls(arg) and any(has(other, ast.Attribute, ast.Call, ast.Subscript) for other in others):
                    self.say(node, f"{fn.id}() of a call and of what the call may change")
                    break
        if (
            isinstance(fn, ast.Attribute)
            and isinstance(fn.value, ast.Attribute)
            and isinstance(fn.value.value, ast.Name)
            and fn.value.value.id == "self"
            and self.declared.has_method(self.declared.type_of(self.cls, fn.value.attr), fn.attr)
        ):
            self.say(node, f"self.{fn.value.attr}.{fn.attr}(): nothing holds self.{fn.value.attr} meanwhile")
        self.generic_visit(node)

    def is_number(self, node: ast.expr) -> bool:
        return (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == "self"
            and self.declared.type_of(self.cls, node.attr) in _NUMBERS
        )

    def visit_BinOp(self, node: ast.BinOp) -> None:
        if self.is_number(node.left) and calls(node.right):
            self.say(node, "a field in C before a call that may change it: it is read after the call")
        self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> None:
        if self.is_number(node.left) and any(calls(right) for right in node.comparators):
            self.say(node, "a field in C before a call that may change it: it is read after the call")
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if self.is_number(node.target) and calls(node.value):
            self.say(node, "a field in C is read after the call, and by Python before it")
        self.generic_visit(node)


def may_be_negative(node: ast.expr) -> bool:
    if isinstance(node, ast.IfExp):
        return may_be_negative(node.body) or may_be_negative(node.orelse)
    if isinstance(node, ast.BinOp):
        return isinstance(node.op, ast.Sub)
    return isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)


# ---- Cython's own language, which `ast` does not read


def arguments(text: str, at: int) -> list[str]:
    """The arguments of a call whose opening parenthesis is before ``at``."""
    found, depth, begin = [], 0, at
    for index in range(at, len(text)):
        if text[index] in "([{":
            depth += 1
        elif text[index] in ")]}":
            if depth == 0:
                return [*found, text[begin:index]]
            depth -= 1
        elif text[index] == "," and depth == 0:
            found.append(text[begin:index])
            begin = index + 1
    return found


def check_native(path: Path) -> Iterator[tuple[int, int, str]]:
    text = re.sub(r"(?m)#.*$", "", path.read_text())
    for match in re.finditer(r"(?<![\w.])(min|max)\(", text):
        args = arguments(text, match.end())
        for index, arg in enumerate(args):
            others = args[:index] + args[index + 1 :]
            if "(" in arg and any(set("(.[") & set(other) for other in others):
                line = text.count("\n", 0, match.start()) + 1
                yield line, line, f"{match[1]}() of a call and of what the call may change"
                break
    for match in re.finditer(r"(?m)^ *(async )?with (?!(no)?gil\b|cython\.critical_section\().*:$", text):
        line = text.count("\n", 0, match.start()) + 1
        yield line, line, WITH
    if "wraparound=False" in path.read_text().partition("\n")[0]:
        for match in re.finditer(r"\[[^\]:]*:? *-\d", text):
            line = text.count("\n", 0, match.start()) + 1
            yield line, line, "a negative index, in code that is compiled without wraparound"
    for match in re.finditer(r"(?m)^( *)c?p?def .*\) except -1:\n((?:\1 +.*\n|\n)+)", text):
        for negative in re.finditer(r"return -1\b", match[2]):
            line = text.count("\n", 0, match.start(2) + negative.start()) + 1
            yield line, line, "'except -1', and -1 is returned as a value"


def check() -> Iterator[str]:
    declared = Declared()
    for path in (*sorted(SOURCES.rglob("*.pxd")), *sorted(NATIVE.rglob("*.pxd"))):
        declared.read(path)
    for path in sorted(SOURCES.rglob("*.pxd")):
        source = path.with_suffix(".py")
        if not source.exists() or source.stem in ("__init__", "constants"):
            continue
        text = source.read_text()
        checker = Checker(declared, source.stem)
        checker.visit(ast.parse(text))
        yield from told(source, text, checker.found)
    for path in sorted(NATIVE.rglob("*.p*")):
        if path.suffix in (".pyx", ".pxd", ".pxi"):
            yield from told(path, path.read_text(), check_native(path))


def told(path: Path, text: str, found: Iterable[tuple[int, int, str]]) -> Iterator[str]:
    lines = text.splitlines()
    for first, last, what in sorted(found):
        if not any("# compiled: " in line for line in lines[first - 1 : last]):
            yield f"{path.relative_to(ROOT)}:{first}: {what}"


if __name__ == "__main__":
    complaints = list(check())
    print("\n".join(complaints) or "compiled sources: all clean")
    sys.exit(bool(complaints))
