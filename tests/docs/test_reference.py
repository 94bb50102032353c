"""The reference has every public name, with what its docstring says."""

import importlib
import inspect
import pkgutil
import re
import types

import pytest

import forebay

# Modules without an underscore in their path that are no part of the public API: their names are reached by others.
NOT_PUBLIC = ("forebay.cli.", "forebay.streams", "forebay.asyncio.", "forebay.stats")
# What programs get from methods.
MORE = {"forebay.stats": ["StreamStats", "SideStats"]}


def public_modules():
    yield "forebay"
    for each in pkgutil.walk_packages(forebay.__path__, "forebay."):
        parts = each.name.split(".")
        if not any(part.startswith("_") for part in parts) and not each.name.startswith(NOT_PUBLIC):
            yield each.name


def public_names():
    for name in public_modules():
        try:
            module = importlib.import_module(name)
        except ImportError:
            continue
        for each in getattr(module, "__all__", ()):
            yield f"{name}.{each}", getattr(module, each)
    for name, names in MORE.items():
        for each in names:
            yield f"{name}.{each}", getattr(importlib.import_module(name), each)


@pytest.fixture(scope="module")
def anchors(site):
    found = {}
    for path in (site / "reference").glob("*.html"):
        for each in re.findall(r'id="(forebay[\w.]*)"', path.read_text(encoding="utf-8")):
            found[each] = path.name
    return found


def test_every_public_name_is_in_the_reference(anchors):
    places = {id(thing): name for name, thing in public_names() if name in anchors}
    missing = [
        name
        for name, thing in public_names()
        # Some names are in two modules, such as the errors. One place is enough.
        if name not in anchors and (isinstance(thing, str | int) or id(thing) not in places)
    ]
    assert missing == []


def test_the_reference_has_no_name_that_is_gone(anchors):
    for anchor in anchors:
        parts = anchor.split(".")
        thing = forebay
        for count, part in enumerate(parts[1:], 2):
            try:
                thing = getattr(thing, part)
            except AttributeError:
                try:
                    thing = importlib.import_module(".".join(parts[:count]))
                except ImportError:
                    owned = inspect.isclass(thing) and (
                        part in fields_of(thing) or f"self.{part}" in inspect.getsource(thing)
                    )
                    assert owned or part in getattr(thing, "__annotations__", {}), anchor
                    break


def fields_of(cls):
    return {name for each in cls.__mro__ for name in getattr(each, "__annotations__", {})}


def test_every_member_of_a_public_class_is_in_the_reference(anchors):
    """A member stands under its class, or under a class that this one is derived from."""
    classes = {
        id(thing): name for name, thing in public_names() if inspect.isclass(thing) and name in anchors
    }
    missing = []
    for name, thing in public_names():
        if not inspect.isclass(thing) or not thing.__module__.startswith("forebay"):
            continue
        places = [classes[id(each)] for each in thing.__mro__ if id(each) in classes]
        for member in dir(thing):
            owner = next((each for each in thing.__mro__ if member in vars(each)), None)
            if member.startswith("_") or owner is None or not owner.__module__.startswith("forebay"):
                continue
            if isinstance(vars(owner)[member], types.MemberDescriptorType):
                continue
            if not any(f"{place}.{member}" in anchors for place in places):
                missing.append(f"{name}.{member} (of {owner.__module__}.{owner.__qualname__})")
    assert missing == []
