"""Public docstrings have one form: ``Args:`` names every parameter, and ``Raises:`` names the errors that the body raises."""

import ast
import importlib
import inspect
import re
import textwrap

import pytest

from forebay import errors

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
    "forebay.process",
    "forebay.websocket",
    "forebay.formats.sse",
    "forebay.testing",
    "forebay.throttle",
]
# Functions of the library make these objects, so the function describes the arguments.
MADE_BY_FUNCTIONS = {
    "Batches",
    "Chain",
    "ClientRequest",
    "ClientResponse",
    "Compressor",
    "Connecting",
    "ContentBody",
    "CopiedTree",
    "CopyIn",
    "CopyOut",
    "CsvParser",
    "CsvWriter",
    "Decompressor",
    "EventParser",
    "Follow",
    "Gunzip",
    "Gzip",
    "Hashing",
    "Headers",
    "Insert",
    "JsonArrayParser",
    "JsonArrayWriter",
    "JsonLinesParser",
    "JsonLinesWriter",
    "Lines",
    "Listening",
    "Pipeline",
    "Process",
    "ProcessInput",
    "ProcessOutput",
    "ProcessStage",
    "Query",
    "ReadStream",
    "RequestBody",
    "ResponseBody",
    "ServerRequest",
    "ServerResponse",
    "Shared",
    "ServerEvent",
    "SideStats",
    "StreamStats",
    "Throttle",
    "Transaction",
    "Unzstd",
    "WebSocketServer",
    "WriteStream",
    "Zstd",
}
# Its arguments are those of its base class.
LIKE_ITS_BASE = {"PassThrough"}
# Their stubs have the public documentation.
WITH_STUBS = ("ChunkQueue", "RingBuffer")
# They catch wrong options and name the right ones.
FOR_WRONG_OPTIONS = {"positional", "unknown"}
ERRORS = {
    name for name, each in vars(errors).items() if inspect.isclass(each) and issubclass(each, BaseException)
}
# What a body raises without a word in ``Raises:``: a subclass has to override it.
UNNAMED = {"NotImplementedHookError"}


def public_names(module):
    names = getattr(module, "__all__", None) or [name for name in vars(module) if not name.startswith("_")]
    for name in names:
        thing = getattr(module, name)
        if (getattr(thing, "__module__", None) or "").startswith("forebay"):
            yield name, thing


def public_methods(cls):
    for name in dir(cls):
        base = next((each for each in cls.__mro__ if name in vars(each)), None)
        if base is not None and base.__module__.startswith("forebay") and not name.startswith("_"):
            function = getattr(vars(base)[name], "__func__", vars(base)[name])
            if inspect.isroutine(function):
                yield name, function


def callables():
    """Each public class, function and method once, by its name."""
    found = {}
    for name in MODULES:
        try:
            module = importlib.import_module(name)
        except ImportError:
            continue
        for each, thing in public_names(module):
            if each.startswith(WITH_STUBS) or not (inspect.isclass(thing) or inspect.isroutine(thing)):
                continue
            if each not in MADE_BY_FUNCTIONS | LIKE_ITS_BASE:
                found.setdefault(id(thing), (f"{name}.{each}", thing))
            if inspect.isclass(thing):
                for method, function in public_methods(thing):
                    found.setdefault(id(function), (f"{name}.{each}.{method}", function))
    return list(found.values())


CALLABLES = callables()


def parameters(thing):
    try:
        signature = inspect.signature(thing)
    except (ValueError, TypeError):
        # An exception class without a constructor of its own.
        return set()
    names = signature.parameters.keys() - FOR_WRONG_OPTIONS - {"self", "cls"}
    if inspect.isclass(thing) and issubclass(thing, errors.StreamError):
        # The message, as for every exception.
        names -= {"args"}
    return {name for name in names if not name.startswith("_")}


def section(doc, title):
    match = re.search(rf"^{title}:\n((?:[ ]+.*\n|\n)+)", f"{doc}\n", re.MULTILINE)
    return textwrap.dedent(match[1]) if match else ""


def heads(text):
    """The names in front of the colons of a section."""
    return {
        name for head in re.findall(r"^(\S.*?):(?:\s|$)", text, re.MULTILINE) for name in head.split(", ")
    }


def raised(thing):
    """The errors of `forebay.errors` that the body itself raises, if its source can be found."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(thing)))
    except (OSError, TypeError, SyntaxError):
        return set()
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            names.add(ast.unparse(node.exc.func))
    return (names & ERRORS) - UNNAMED


@pytest.mark.parametrize(("name", "thing"), CALLABLES, ids=[name for name, _ in CALLABLES])
def test_args_names_every_parameter(name, thing):
    doc = inspect.getdoc(thing) or ""
    assert doc.strip(), "no docstring"
    assert parameters(thing) - heads(section(doc, "Args")) == set()


@pytest.mark.parametrize(
    ("name", "thing"),
    [each for each in CALLABLES if not inspect.isclass(each[1])],
    ids=[name for name, thing in CALLABLES if not inspect.isclass(thing)],
)
def test_raises_names_every_error_of_the_body(name, thing):
    assert raised(thing) - heads(section(inspect.getdoc(thing) or "", "Raises")) == set()


NOTHING = (inspect.Signature.empty, None, "None", "Never", "NoReturn", "Self")


@pytest.mark.parametrize(
    ("name", "thing"),
    [each for each in CALLABLES if not inspect.isclass(each[1])],
    ids=[name for name, thing in CALLABLES if not inspect.isclass(thing)],
)
def test_docstring_says_what_is_returned(name, thing):
    if inspect.signature(thing).return_annotation in NOTHING:
        return
    doc = inspect.getdoc(thing) or ""
    assert section(doc, "Returns") or re.search(r"\bReturn\b", doc.split("\n\n")[0])
