"""The prose of the package names its subjects: some indefinite pronouns and constructions do not occur."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Each has a plainer form: the stream, the caller, the handler, no process, a value that is not a stream.
UNWANTED = re.compile(
    r"\b(?:nobody|somebody|whoever|those who|what is no(?:ne)?)\b|(?<!there )\b(?:is|are) none\b"
    r"|\b(?:let|lets|letting) go of\b|\bsays? (?:True|False)\b|\bruns? anything\b|\bwith it anything\b"
    r"|\bon the spot\b|\bfor ever\b|\bin vain\b|\bfor want of\b|\bno news\b|\bof ones own\b"
    r"|(?:None|-1|0|it) where (?:it|that|they|nothing)\b",
    re.IGNORECASE,
)
# In the name of a test: name the object or the rule instead.
UNWANTED_IN_NAMES = re.compile(
    r"_(?:nobody|somebody|whoever|anybody|those_who|what_is_no|(?:is|are)_none|of_ones_own|no_news|lets?_go"
    r"|is_told)(?:_|$)"
)
# Python's None is a value.
ALLOWED = re.compile(r"\b(?:is|are) None\b")
SOURCES = {".py", ".pyi", ".pyx", ".pxd", ".pxi", ".md"}


def prose_files():
    for name in ("src", "ext", "docs", "examples", "CHANGES"):
        yield from (path for path in (ROOT / name).rglob("*") if path.suffix in SOURCES)
    yield from (ROOT / name for name in ("README.md", "CONTRIBUTING.md"))


def unwanted(text, first_line=1):
    for number, line in enumerate(text.splitlines(), first_line):
        if UNWANTED.search(ALLOWED.sub("", line)):
            yield number, line.strip()


def docstrings(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            text = ast.get_docstring(node, clean=False)
            if text is not None:
                yield node.body[0].lineno, text


@pytest.mark.skipif(not (ROOT / "docs").exists(), reason="only in a checkout")
def test_sources_and_pages_name_their_subjects():
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line}"
        for path in prose_files()
        for number, line in unwanted(path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_docstrings_of_tests_name_their_subjects():
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line}"
        for path in (ROOT / "tests").rglob("*.py")
        if path != Path(__file__)
        for first, text in docstrings(path)
        for number, line in unwanted(text, first)
    ]
    assert found == []


def test_names_of_tests_name_their_subjects():
    found = [
        f"{path.relative_to(ROOT)}: {node.name}"
        for path in (ROOT / "tests").rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and node.name.startswith("test")
        and UNWANTED_IN_NAMES.search(node.name)
    ]
    assert found == []


@pytest.mark.parametrize(
    "line",
    [
        "a stream that nobody reads",
        "Whoever waits",
        "what is no path",
        "it is none",
        "this lets go of the stream",
        "write() says False",
        "which may run anything",
        "a thread waits for ever",
        "-1 where it would block",
    ],
)
def test_the_lint_sees(line):
    assert list(unwanted(line))


@pytest.mark.parametrize(
    "line", ["return None if it is None", "0 if there is none", "None if there are none", "for every stream"]
)
def test_the_lint_lets_pass(line):
    assert not list(unwanted(line))
