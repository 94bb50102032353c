"""copy_tree(): copy a folder with all that is in it, in worker threads."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import Any, NamedTuple

from forebay._core.abort import AbortSignal, abort_error, checked_signal
from forebay._system.paths import StrPath, check_path
from forebay._system.tree_copy import MOST_JOBS, TreeCopy, usual_jobs
from forebay._system.worker_pool import SerialExecutor, settle
from forebay.errors import InvalidArgTypeError, OutOfRangeError

__all__ = ["CopiedTree", "copy_tree"]

# The errors that an exception group holds; more of them are counted.
_MOST_ERRORS = 1000


class CopiedTree(NamedTuple):
    """What `copy_tree` has copied."""

    #: The number of files.
    files: int
    #: The number of folders that did not exist.
    folders: int
    #: The number of symbolic links.
    links: int
    #: The bytes of the files.
    bytes: int
    #: The number of entries that could not be copied. ``on_error`` got an error for each.
    failed: int
    #: The time that the copy took.
    seconds: float


class _Failures:
    """The errors of entries: handed over on the loop's thread, or kept for the group."""

    def __init__(self, loop: asyncio.AbstractEventLoop, on_error: Callable[[OSError], object] | None) -> None:
        self._loop = loop
        self._on_error = on_error
        self._kept: list[OSError] = []
        self._count = 0

    def add(self, error: OSError) -> None:
        """Take an error, in a worker."""
        # The frames would keep the copy.
        error.__traceback__ = None
        self._count += 1
        if self._on_error is not None:
            self._loop.call_soon_threadsafe(self._on_error, error)
        elif len(self._kept) < _MOST_ERRORS:
            self._kept.append(error)

    def raise_any(self, source: str) -> None:
        """Raise what was kept."""
        if not self._kept:
            return
        group = ExceptionGroup(f"{self._count} of the entries of {source} could not be copied", self._kept)
        if self._count > len(self._kept):
            group.add_note(f"The first {len(self._kept)} errors are here.")
        raise group


async def copy_tree(
    source: StrPath,
    target: StrPath,
    *,
    jobs: int | None = None,
    atomic: bool = True,
    sync: bool = False,
    on_error: Callable[[OSError], object] | None = None,
    signal: AbortSignal | None = None,
) -> CopiedTree:
    """Copy a folder with all that is in it.

    ``target`` becomes the copy of ``source``. If it exists, the two are merged: a file replaces a file or a link of its
    name, and what only the target has stays. Symbolic links are copied as links; only ``source`` and ``target`` themselves
    may lead to their folder by links. Names that are linked to one file become files of their own. FIFOs, sockets and
    devices are not copied, which is an error of each. Permissions are copied, less the umask; owners and times are not. A
    file that exists keeps its permissions.

    An entry that cannot be copied does not stop the others. When this call is cancelled, or ``signal`` aborts, what is
    copied by then stays.

    Args:
        source: str, bytes or os.PathLike.
        target: As ``source``. The folder in which it is must exist.
        jobs: The threads that copy, up to 64. None is one for each processor, up to 8.
        atomic: Whether each file gets its name when it is whole. Otherwise a file is written under its name.
        sync: Whether everything is on the disk when this returns. It is synced once, after the last file.
        on_error: Is called with the OSError of each entry that is not copied, on the loop's thread.
        signal: An `AbortSignal` that stops the copy.

    Returns:
        What was copied.

    Raises:
        InvalidArgTypeError: An argument has the wrong type.
        InvalidArgValueError: ``target`` is ``source`` or is inside it.
        OutOfRangeError: ``jobs`` is not from 1 to 64.
        OSError: ``source`` cannot be read, or ``target`` cannot be made.
        ExceptionGroup: Some entries could not be copied, and there is no ``on_error``. It holds the OSError of each, up to
            1,000.
        AbortError: ``signal`` aborted.
    """
    source_path, target_path = (os.fsdecode(check_path(path)) for path in (source, target))
    signal = checked_signal(signal)
    if signal is not None and signal.aborted:
        raise abort_error(signal)
    loop = asyncio.get_running_loop()
    failures = _Failures(loop, _checked_listener(on_error))
    copy = TreeCopy(
        source_path,
        target_path,
        jobs=_checked_jobs(jobs),
        atomic=bool(atomic),
        sync=bool(sync),
        failed=failures.add,
    )
    began = monotonic()
    await _run(loop, copy, signal)
    if signal is not None and signal.aborted and copy.is_stopped:
        raise abort_error(signal)
    failures.raise_any(source_path)
    counts = copy.counts
    return CopiedTree(
        counts.files, counts.folders, counts.links, counts.nbytes, counts.failed, monotonic() - began
    )


async def _run(loop: asyncio.AbstractEventLoop, copy: TreeCopy, signal: AbortSignal | None) -> None:
    """Run the copy in threads, and stop it if this is cancelled. All threads have ended when this returns."""
    ended: asyncio.Future[None] = loop.create_future()
    SerialExecutor(loop, copy.stop).finish(partial(_work, copy), partial(settle, ended))
    if signal is not None:
        signal.add_listener(copy.stop)
    try:
        await asyncio.shield(ended)
    except asyncio.CancelledError:
        copy.stop()
        while not ended.done():
            try:
                await asyncio.wait([ended])
            except asyncio.CancelledError:
                # It was cancelled before, and ends as soon as its system calls.
                continue
        ended.exception()
        raise
    finally:
        if signal is not None:
            signal.remove_listener(copy.stop)


def _work(copy: TreeCopy) -> None:
    copy.start()
    copy.finish()


def _checked_listener(listener: Any) -> Callable[[OSError], object] | None:
    if listener is not None and not callable(listener):
        raise InvalidArgTypeError(f"on_error must be a function or None, got {listener!r}")
    return listener  # type: ignore[no-any-return]


def _checked_jobs(jobs: Any) -> int:
    if jobs is None:
        return usual_jobs()
    if isinstance(jobs, bool) or not isinstance(jobs, int):
        raise InvalidArgTypeError(f"jobs must be an int or None, got {jobs!r}")
    if not 1 <= jobs <= MOST_JOBS:
        raise OutOfRangeError(f"jobs must be from 1 to {MOST_JOBS}, got {jobs}")
    return jobs
