"""`inspect.signature` and `help` of every public name are the same on both backends."""

import importlib
import inspect
import json
import os
import pydoc
import subprocess
import sys
from pathlib import Path

import pytest

import forebay

MODULES = [
    "forebay",
    "forebay.adapters.aiohttp",
    "forebay.adapters.asgi",
    "forebay.adapters.httpx",
    "forebay.asyncio",
    "forebay.cli",
    "forebay.codecs",
    "forebay.consumers",
    "forebay.errors",
    "forebay.formats.csv",
    "forebay.formats.json",
    "forebay.fs",
    "forebay.http",
    "forebay.net",
    "forebay.sql",
    "forebay.stats",
    "forebay.testing",
    "forebay.throttle",
]


def public_names():
    for module in map(importlib.import_module, MODULES):
        for name in getattr(module, "__all__", [name for name in vars(module) if not name.startswith("_")]):
            value = getattr(module, name)
            if callable(value) and str(getattr(value, "__module__", "")).startswith("forebay"):
                yield f"{module.__name__}.{name}", value


def methods_of(cls):
    """The public methods of a class that are written in forebay, with their names."""
    for name in dir(cls):
        owner = next(base for base in cls.__mro__ if name in vars(base))
        if not name.startswith("_") and owner.__module__.startswith("forebay"):
            member = getattr(cls, name)
            if callable(member) and not isinstance(member, type):
                yield name, member


def every_callable():
    for name, value in public_names():
        yield name, value
        if isinstance(value, type):
            for method, member in methods_of(value):
                yield f"{name}.{method}", member


def parameters(value):
    return [str(each.replace(annotation=each.empty)) for each in inspect.signature(value).parameters.values()]


CALLABLES = dict(every_callable())


def signatures():
    found = {}
    for name, value in CALLABLES.items():
        try:
            found[name] = parameters(value)
        except ValueError as error:
            found[name] = str(error)
    return found


def test_every_public_callable_has_a_signature():
    assert {name: text for name, text in signatures().items() if isinstance(text, str)} == {}
    assert len(CALLABLES) > 500


def test_both_backends_have_the_same_signatures():
    program = (
        f"import json, sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import test_signatures as t"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"{program}; print(json.dumps(t.signatures()))"],
        env=os.environ | {"FOREBAY_BACKEND": "python", "PYTHONPATH": str(Path(forebay.__file__).parents[1])},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    other = json.loads(done.stdout)
    assert {
        name: (text, other.get(name)) for name, text in signatures().items() if text != other.get(name)
    } == {}


# The parameters that stand for any number of arguments, because there may be any number of them, or because asyncio's
# function has them.
MANY = {"stages", "sources", "args", "address"}
OF_ASYNCIO = ("open_", "start_", "create_subprocess_", "StreamWriter.start_tls")
# They catch wrong options and say which are right.
FOR_WRONG_OPTIONS = {"positional", "unknown"}


def test_no_signature_hides_its_parameters():
    hidden = {}
    for name, value in CALLABLES.items():
        if name.startswith(tuple(f"forebay.asyncio.{each}" for each in OF_ASYNCIO)) or name.endswith("Error"):
            continue
        for each in inspect.signature(value).parameters.values():
            variadic = each.kind in (each.VAR_POSITIONAL, each.VAR_KEYWORD)
            if variadic and each.name not in MANY | FOR_WRONG_OPTIONS and not name.endswith(".from_"):
                hidden[name] = str(each)
    assert hidden == {}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "forebay.Readable",
            "read, destroy, construct, high_water_mark, object_mode, encoding, signal, auto_destroy, emit_close",
        ),
        (
            "forebay.Readable.map",
            "self, fn, concurrency, high_water_mark, signal, executor, ordered, window, chunk",
        ),
        ("forebay.Readable.reduce", "self, fn, initial, signal"),
        ("forebay.Readable.push", "self, chunk, encoding"),
        ("forebay.Readable.pipe", "self, dest, end"),
        ("forebay.Writable.write", "self, chunk, encoding, callback"),
        ("forebay.EventEmitter.on", "self, event, fn"),
        ("forebay.Completion", ""),
        ("forebay.Completion.resolve", "self, value"),
        ("forebay.RingBuffer", "capacity"),
        ("forebay.http.ServerResponse.write_head", "self, status_code, reason, headers"),
        ("forebay.pipeline", "stages, signal, end"),
    ],
)
def test_a_signature_names_the_parameters(name, expected):
    found = list(inspect.signature(CALLABLES[name]).parameters)
    assert [each for each in found if each not in ("positional", "unknown")] == [
        each for each in expected.split(", ") if each
    ]


@pytest.mark.parametrize(
    "name", ["Readable", "Writable", "Duplex", "Transform", "Completion", "EventEmitter", "RingBuffer"]
)
def test_help_shows_the_signature_and_the_docstring(name):
    cls = getattr(forebay, name)
    text = pydoc.plain(pydoc.render_doc(cls))
    assert f"class {name}(" in text
    assert inspect.getdoc(cls).splitlines()[0] in text
    assert " |  --\n" not in text


class Own(forebay.Transform):
    def __init__(self, level, *, strict=False):
        super().__init__()


class Same(forebay.Duplex):
    pass


def test_a_subclass_has_the_signature_of_its_constructor():
    assert str(inspect.signature(Own)) == "(level, *, strict=False)"
    assert parameters(Same) == parameters(forebay.Duplex)
    assert "high_water_mark" in str(inspect.signature(Same))
