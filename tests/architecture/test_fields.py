"""The fields of a stream belong to the core: other modules change its state by the core's operations."""

import ast
import re
from pathlib import Path

import pytest

import forebay

PACKAGE = Path(forebay.__file__).parent
CORE = PACKAGE / "_core"
FIELD = re.compile(r"_[rwst]_")


def assigned_fields(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, ast.AugAssign | ast.AnnAssign):
            targets = [node.target]
        else:
            continue
        for target in targets:
            parts = target.elts if isinstance(target, ast.Tuple) else [target]
            yield from (part for part in parts if isinstance(part, ast.Attribute) and FIELD.match(part.attr))


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.name)
def test_only_the_core_assigns_the_fields_of_a_stream(path):
    if path.is_relative_to(CORE):
        return
    found = [f"{part.lineno}: {ast.unparse(part)}" for part in assigned_fields(ast.parse(path.read_text()))]
    assert found == []


def test_an_assignment_is_found():
    tree = ast.parse("self._r_ended = True\na, b._w_corked = 1, 2\nc._s_kept += 1\nd._hidden = 0")
    assert [part.attr for part in assigned_fields(tree)] == ["_r_ended", "_w_corked", "_s_kept"]
