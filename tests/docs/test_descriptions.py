"""What the reference says of each name: arguments and results wherever there are some, and a sentence for every attribute."""

import re
from pathlib import Path

import pytest

griffe = pytest.importorskip("griffe", reason="the documentation needs griffe: pip install -e '.[docs]'")

ROOT = Path(__file__).parents[2]
EXTENSION = ROOT / "docs" / "site" / "docstrings.py"
FOR_WRONG_OPTIONS = {"positional", "unknown"}
NOTHING = {"None", "Never", "NoReturn", "Self", "Coroutine[Any, Any, None]"}


def names():
    for path in sorted((ROOT / "docs" / "reference").glob("*.md")):
        yield from re.findall(r"^::: (\S+)$", path.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.fixture(scope="module")
def package():
    # As the site reads it: the sources, which both backends have in common.
    return griffe.load(
        "forebay",
        search_paths=[ROOT / "src"],
        extensions=griffe.load_extensions(str(EXTENSION)),
        resolve_aliases=True,
        allow_inspection=False,
    )


def whole(thing):
    return thing.final_target if thing.is_alias else thing


def said(thing):
    return thing.docstring.value if thing.docstring else ""


def sections(thing):
    if not thing.docstring:
        return set()
    return {each.kind.value for each in thing.docstring.parse("google", warnings=False)}


def faults(name, thing):
    if thing.is_class:
        if not thing.docstring:
            yield f"{name}: no docstring"
        for member_name, alias in thing.all_members.items():
            member = whole(alias)
            if not member_name.startswith("_") and member.path.startswith("forebay."):
                yield from faults_of_member(f"{name}.{member_name}", member, thing)
    elif thing.is_function:
        yield from faults_of_function(name, thing)
    elif not thing.docstring:
        yield f"{name}: no description"


def faults_of_member(name, member, cls):
    if member.is_function:
        yield from faults_of_function(name, member)
    elif not member.docstring:
        # The class may describe it.
        mention = rf"``{member.name}``|^\s+{member.name}:"
        if not any(re.search(mention, said(each), re.MULTILINE) for each in (cls, *cls.mro())):
            yield f"{name}: no description"


def faults_of_function(name, function):
    if not function.docstring:
        yield f"{name}: no docstring"
        return
    if said(function).startswith("Another name of"):
        return
    found = sections(function)
    given = {each.name for each in function.parameters} - FOR_WRONG_OPTIONS - {"self", "cls"}
    if any(not each.startswith("_") for each in given) and "parameters" not in found:
        yield f"{name}: no Args"
    returned = str(function.returns) if function.returns is not None else "None"
    # A short docstring may begin with the result.
    described = found & {"returns", "yields"} or re.search(r"\bReturn\b", said(function).split("\n\n")[0])
    if returned not in NOTHING and not described:
        yield f"{name}: no Returns"


def test_every_name_of_the_reference_is_described(package):
    assert "\n".join(each for name in names() for each in faults(name, whole(package[name[8:]]))) == ""
