"""The Python examples of the pages, of README.md and of the docstrings run, and print what the page says.

The examples of a page run in their order, in one folder and with one set of names, as a reader would type them into
`python -m asyncio`. A block with a title is a file that is run by itself, and so is a block that starts an event loop. A block
of `text` that follows is what the example prints. What the examples of a page need before the first one (files, tables, servers)
is made by `preludes/PAGE.py`.
"""

import ast
import asyncio
import builtins
import contextlib
import importlib
import inspect
import os
import re
import shutil
import socket
import subprocess
import sys
import textwrap
import types
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PRELUDES = Path(__file__).parent / "preludes"
BLOCK = re.compile(
    r"^```python(?: title=\"(?P<title>[^\"]*)\")?\n(?P<code>.*?)^```\n(?:\n```text\n(?P<output>.*?)^```)?",
    re.MULTILINE | re.DOTALL,
)
PAGES = [
    path.relative_to(ROOT).as_posix()
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    if path.exists() and BLOCK.search(path.read_text(encoding="utf-8"))
]
MODULES = [
    "forebay._buffers.ring",
    "forebay.adapters.aiohttp",
    "forebay.adapters.asgi",
    "forebay.adapters.httpx",
    "forebay.formats.arrow",
    "forebay.http",
    "forebay.net",
    "forebay.sql",
    "forebay.storage",
    "forebay.testing",
    "forebay.threads",
]
# Names that the text of a page describes.
DESCRIBED = {
    "docs/arrow.md": {"pool"},
    "docs/testing.md": {"MyDecoder", "MySink", "MySource"},
    "docs/threads.md": {"s3"},
}
STARTS_A_LOOP = re.compile(r"^(?:forebay|asyncio|uvloop)\.run\(|^http\.serve\(", re.MULTILINE)


def blocks_of_page(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    for match in BLOCK.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        yield match["title"], match["code"], match["output"], f"{page}:{line}"


def blocks_of_docstring(doc):
    """The indented blocks behind ``::``."""
    for match in re.finditer(r"::\n\n((?:[ ]{4}.*\n|\n)+)", f"{doc}\n"):
        yield None, textwrap.dedent(match[1]), None, "docstring"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def replaced(request):
    """What stands in the pages, and what this machine has in its place."""
    names = {"8000": str(free_port())}

    def replace(code):
        for database in ("postgresql://localhost/shop", "postgresql://localhost/archive"):
            if database in code:
                names[database] = request.getfixturevalue("postgres")
        if "cert.pem" in code and not os.path.exists("cert.pem"):
            for made, name in zip(
                request.getfixturevalue("certificate"), ("cert.pem", "key.pem"), strict=True
            ):
                shutil.copy(made, name)
        for old, new in names.items():
            code = code.replace(old, new)
        return code

    return replace


class Page:
    """The names and the event loop that the examples of one page share."""

    def __init__(self, replaced, capsys, folder):
        self.replaced = replaced
        self.capsys = capsys
        self.folder = folder
        self.namespace = {"__name__": "__main__", "__builtins__": builtins}
        self.reports = []

    async def run(self, prelude, blocks):
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: self.reports.append(context))
        async with contextlib.AsyncExitStack() as stack:
            self.namespace.update(stack=stack, folder=self.folder)
            if prelude.exists():
                await self.execute(self.replaced(prelude.read_text(encoding="utf-8")), str(prelude))
            self.capsys.readouterr()
            for title, code, output, place in blocks:
                code = self.replaced(code)
                if title or STARTS_A_LOOP.search(code):
                    printed = await asyncio.to_thread(self.run_file, title or "example.py", code, place)
                else:
                    await self.execute(code, place)
                    printed = self.capsys.readouterr().out
                if output is not None:
                    assert printed == output, place
        assert self.reports == []

    async def execute(self, code, place):
        # The source is kept, so that a failure shows the line.
        padded = "\n" * (int(place.rpartition(":")[2]) if place[-1].isdigit() else 0) + code
        compiled = compile(padded, place, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        result = types.FunctionType(compiled, self.namespace)()
        if inspect.iscoroutine(result):
            await asyncio.wait_for(result, 30)

    def run_file(self, title, code, place):
        path = self.folder / title
        path.write_text(code, encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-W", "error", title],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(self.folder)},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, f"{place}\n{done.stderr}"
        assert done.stderr == "", f"{place}\n{done.stderr}"
        return done.stdout


@pytest.fixture
def page(replaced, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Page(replaced, capsys, tmp_path)


def prelude_of(name):
    return PRELUDES / f"{name.removeprefix('docs/').removesuffix('.md').replace('/', '__')}.py"


@pytest.mark.parametrize("name", PAGES)
def test_examples_of_a_page_run(name, page):
    asyncio.run(page.run(prelude_of(name), list(blocks_of_page(name))))


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_a_docstring_run(name, page):
    doc = docstring_of(name)
    blocks = list(blocks_of_docstring(doc))
    assert blocks
    asyncio.run(page.run(prelude_of(name), blocks))


def names_in(code):
    """The names that the code makes, and those that it uses."""
    made, used = set(), set()
    for node in ast.walk(ast.parse(code)):
        match node:
            case ast.Name(id=name, ctx=ast.Load()):
                used.add(name)
            case ast.Name(id=name) | ast.arg(arg=name) | ast.ExceptHandler(name=str(name)):
                made.add(name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                made.add(name)
            case ast.alias(name=name, asname=new):
                made.add(new or name.partition(".")[0])
    return made, used


@pytest.mark.parametrize("name", PAGES)
def test_a_reader_can_find_every_name_of_an_example(name):
    """A name that only the prelude makes is a riddle."""
    known = {*dir(builtins), "__name__", *DESCRIBED.get(name, ())}
    unknown = {}
    for title, code, _, place in blocks_of_page(name):
        made, used = names_in(code)
        alone = title or STARTS_A_LOOP.search(code)
        if missing := used - made - (set(dir(builtins)) | {"__name__"} if alone else known):
            unknown[place] = missing
        if not title:
            known |= made
    assert unknown == {}


@pytest.mark.parametrize("name", PAGES)
def test_examples_join_streams_by_what_hands_errors_on(name):
    """A reader behind ``source.pipe(stage)`` waits without end if the source fails."""
    assert [place for _, code, _, place in blocks_of_page(name) if ".pipe(" in code] == []


def docstring_of(name):
    if name == "forebay._buffers.ring":
        # Its stub has the public documentation.
        tree = ast.parse((ROOT / "src/forebay/_buffers/ring.pyi").read_text(encoding="utf-8"))
        return next(
            ast.get_docstring(each) for each in tree.body if getattr(each, "name", "") == "RingBuffer"
        )
    return inspect.getdoc(importlib.import_module(name))


def test_every_example_of_a_docstring_is_run():
    found = set()
    for path in [*(ROOT / "src").rglob("*.py"), *(ROOT / "src").rglob("*.pyi")]:
        if re.search(r"::\n\n {4}", path.read_text(encoding="utf-8")):
            found.add(
                ".".join(path.relative_to(ROOT / "src").with_suffix("").parts).removesuffix(".__init__")
            )
    assert found == set(MODULES)


def test_every_prelude_has_its_page():
    names = {prelude_of(name).name for name in [*PAGES, *MODULES]}
    assert {path.name for path in PRELUDES.glob("*.py")} <= names
