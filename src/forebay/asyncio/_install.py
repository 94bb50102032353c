"""install(): put forebay's streams under asyncio's names."""

from __future__ import annotations

import asyncio
import asyncio.streams
import asyncio.subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock
from types import ModuleType
from typing import Any

from forebay.asyncio import connections, subprocess
from forebay.asyncio._stand_in_class import StandInMeta
from forebay.asyncio.protocol import StreamReaderProtocol
from forebay.asyncio.reader import StreamReader
from forebay.asyncio.writer import StreamWriter

_CLASSES = (StreamReader, StreamWriter, StreamReaderProtocol)
_STREAM_NAMES: dict[str, Any] = {cls.__name__: cls for cls in _CLASSES} | {
    name: getattr(connections, name)
    for name in ("open_connection", "start_server", "open_unix_connection", "start_unix_server")
    if hasattr(asyncio, name)
}
_PROCESS_NAMES: dict[str, Any] = {
    name: getattr(subprocess, name) for name in ("create_subprocess_exec", "create_subprocess_shell")
}
# asyncio's own functions find the classes in asyncio.streams when they are called, so code that imported the functions
# before gets forebay's too.
_PLACES: tuple[tuple[ModuleType, dict[str, Any]], ...] = (
    (asyncio, _STREAM_NAMES | _PROCESS_NAMES),
    (asyncio.streams, _STREAM_NAMES),
    (asyncio.subprocess, _PROCESS_NAMES),
)

_lock = RLock()
_depth = 0
_replaced: list[tuple[ModuleType, str, Any]] = []


def install() -> None:
    """Replace asyncio's streams and subprocesses by forebay's, in the whole process.

    Code that calls `asyncio.open_connection` and the like gets forebay's streams from then on, however it imported the name.
    Existing streams do not change. Calls nest: each `install` needs one `uninstall`.
    """
    global _depth
    with _lock:
        _depth += 1
        if _depth > 1:
            return
        for module, names in _PLACES:
            for name, value in names.items():
                _replaced.append((module, name, getattr(module, name)))
                setattr(module, name, value)
        for cls in _CLASSES:
            StandInMeta.stands_for[cls] = StandInMeta.originals[cls]


def uninstall() -> None:
    """Undo one `install`.

    Raises:
        RuntimeError: There is no `install` to undo.
    """
    global _depth
    with _lock:
        if _depth == 0:
            raise RuntimeError("uninstall() without install(): forebay's streams are not installed")
        _depth -= 1
        if _depth:
            return
        StandInMeta.stands_for.clear()
        while _replaced:
            module, name, value = _replaced.pop()
            setattr(module, name, value)


@contextmanager
def installed() -> Iterator[None]:
    """Install the streams inside a block: ``with forebay.asyncio.installed():``.

    Returns:
        The context manager.
    """
    install()
    try:
        yield
    finally:
        uninstall()
