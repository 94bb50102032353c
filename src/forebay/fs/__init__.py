"""File streams: a file as a `Readable`, a file as a `Writable`, and the short way where both ends of a pipe are files.

The event loop never waits for the disk: opening, reading, writing, syncing, renaming and closing happen in worker
threads. One trip to a worker moves many chunks: reads come in blocks that grow from 64 KiB to 1 MiB while the file is
consumed, and all chunks that are queued for writing leave by one gather write.

**Memory.** A reader holds the block that is being consumed and reads two more ahead: at most 3 MiB, or three times the
high-water mark where that is larger, besides what is in the stream's own buffer. A pipe, a terminal or a device is
never read ahead. A writer holds what was written to it and not yet taken, which its high-water mark bounds.

**The direct path.** A regular file piped to a regular file, with no listener for 'data', no encoding and no transform
between, is copied inside the kernel (``copy_file_range``; reading and writing where that cannot be used). Events,
positions and errors are those of the ordinary way. `pause`, `unpipe`, `destroy`, a listener, a second pipe or a write by
somebody else take effect after the system call that is running, which moves at most 8 MiB; counters are brought up to
date then, and at least some times a second.
"""

from __future__ import annotations

from forebay._core.abort import AbortSignal
from forebay._system.paths import StrPath
from forebay._system.temporary_files import remove_leftovers
from forebay.fs._read_stream import ReadStream
from forebay.fs._write_stream import WriteStream

__all__ = ["ReadStream", "WriteStream", "create_read_stream", "create_write_stream", "remove_leftovers"]


def create_read_stream(
    path: StrPath | None = None,
    *,
    start: int | None = None,
    end: int | None = None,
    high_water_mark: int | None = 65536,
    encoding: str | None = None,
    fd: int | None = None,
    auto_close: bool = True,
    flags: str | int = "r",
    mode: int = 0o666,
    signal: AbortSignal | None = None,
    emit_close: bool = True,
) -> ReadStream:
    """A stream of a file's bytes.

    ``path``: str, bytes or os.PathLike. ``start``, ``end``: offsets in bytes of the first and the last byte to read,
    ``end`` *inclusive*; without ``start``, a descriptor that was given is read from its own position, and ``end``
    counts from there. ``high_water_mark``: bytes that are buffered in the stream, and the size of its chunks at most.
    ``encoding``: give text instead of bytes. ``fd``: read this open descriptor; ``path`` then is only a name.
    ``auto_close``: close the descriptor after the end, after an error and when destroyed; with False it stays open and
    is the caller's. ``flags``, ``mode``: how to open, as Node's words ('r', 'r+', ...) or as numbers of ``os``.
    ``signal``: an `AbortSignal` that destroys the stream. ``emit_close``: emit 'close' in the end.

    Emits 'open' (with the descriptor) and 'ready' before any data, unless ``fd`` was given; then 'data', 'end' and
    'close'. What cannot be opened or read is reported by 'error', as the OSError that it is (FileNotFoundError,
    PermissionError, IsADirectoryError, ...) with ``filename`` set, and then 'close'. A range that starts behind the
    end of the file is empty.

    Raises InvalidArgTypeError, InvalidArgValueError, OutOfRangeError (``start`` after ``end``, negative offsets) and
    MissingArgsError for wrong arguments, NoRunningLoopError outside an event loop.
    """
    return ReadStream(
        path,
        start=start,
        end=end,
        high_water_mark=high_water_mark,
        encoding=encoding,
        fd=fd,
        auto_close=auto_close,
        flags=flags,
        mode=mode,
        signal=signal,
        emit_close=emit_close,
    )


def create_write_stream(
    path: StrPath | None = None,
    *,
    flags: str | int = "w",
    start: int | None = None,
    mode: int = 0o666,
    fd: int | None = None,
    flush: bool = False,
    atomic: bool = False,
    high_water_mark: int | None = None,
    encoding: str | None = None,
    auto_close: bool = True,
    emit_close: bool = True,
    signal: AbortSignal | None = None,
) -> WriteStream:
    """A stream that writes to a file.

    ``path``: str, bytes or os.PathLike. ``flags``: Node's words ('w' empties the file, 'a' appends, 'r+' keeps what is
    there, 'wx' and 'ax' refuse an existing file) or numbers of ``os``. ``start``: offset in bytes at which to write;
    it needs 'r+' to keep the rest of the file. ``mode``: permissions of a new file, less the umask. ``fd``: write to
    this open descriptor; ``path`` then is only a name. ``flush``: sync to the disk before 'finish'.
    ``high_water_mark``: bytes that may be queued before `write` says False; 1 MiB where not given, so that a trip to a
    worker takes many chunks. ``encoding``: take text, encoded so.
    ``auto_close``, ``emit_close``, ``signal``: as for `create_read_stream`.

    ``atomic``: write to a new file, and put it in the target's place when all is written and synced, before 'finish'.
    Until then, and after an error or destroy(), the old file is whole (or the new one, where destroy() comes during the
    rename; `WriteStream.published` says which). The target is what ``path`` leads to when it is opened; a symbolic link
    stays one. Owner (where permitted), permissions, access list and extended attributes of an existing file carry over;
    other hard links of it keep the old content. Devices, FIFOs and sockets, which cannot be replaced, are written
    directly. What a killed process may leave behind, docs/files.md says, and `remove_leftovers` removes.

    Emits 'open' (with the descriptor) and 'ready' unless ``fd`` was given; 'drain', 'finish' and 'close'. What cannot
    be opened or written is reported by 'error', as the OSError that it is, with ``filename`` set; nothing more is
    written after it.

    Raises InvalidArgTypeError, InvalidArgValueError (flags that do not write; ``start`` with append flags; ``atomic``
    with ``start``, ``fd`` or other flags than 'w'), OutOfRangeError and MissingArgsError for wrong arguments,
    NoRunningLoopError outside an event loop.
    """
    return WriteStream(
        path,
        flags=flags,
        start=start,
        mode=mode,
        fd=fd,
        flush=flush,
        atomic=atomic,
        high_water_mark=high_water_mark,
        encoding=encoding,
        auto_close=auto_close,
        emit_close=emit_close,
        signal=signal,
    )
