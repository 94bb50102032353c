"""File streams: a file as a `Readable` and a file as a `Writable`, and copies of files and of trees of folders.

The event loop never waits for the disk: worker threads open, read, write, sync, rename and close. One call in a worker
moves many chunks: reads use blocks that grow from 64 KiB to 1 MiB while the file is consumed, and one gather write writes
all queued chunks.

**Memory.** A reader holds the block that is being consumed and up to two more: at most 3 MiB, or three times the
high-water mark if that is larger, besides the stream's own buffer. It never reads ahead from a pipe, a terminal or a
device. A writer holds the written chunks that the file has not taken; its high-water mark bounds them.

**The direct path.** The kernel copies a regular file that is piped to a regular file without a 'data' listener, an
encoding or a transform in between. Events, positions and errors are the same as without the direct path. `pause`,
`unpipe`, `destroy`, a new listener, a second pipe or a write by other code takes effect after the running system call,
which moves at most 8 MiB. The counters are updated then, and at least a few times per second. See docs/files.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

from forebay._core.abort import AbortSignal
from forebay._core.scheduling.ticks import running_loop
from forebay._system.paths import StrPath
from forebay._system.temporary_files import remove_leftovers
from forebay.fs._copy_tree import CopiedTree, copy_tree
from forebay.fs._follow import Follow
from forebay.fs._read_stream import ReadStream
from forebay.fs._standard import stderr, stdin, stdout
from forebay.fs._write_stream import WriteStream

if TYPE_CHECKING:
    from forebay.streams.generics import Buffer

__all__ = [
    "CopiedTree",
    "Follow",
    "ReadStream",
    "WriteStream",
    "copy_tree",
    "create_read_stream",
    "create_write_stream",
    "follow",
    "remove_leftovers",
    "stderr",
    "stdin",
    "stdout",
]


@overload
def create_read_stream(
    path: StrPath | None = None,
    *,
    start: int | None = None,
    end: int | None = None,
    high_water_mark: int | None = 65536,
    encoding: None = None,
    fd: int | None = None,
    auto_close: bool = True,
    flags: str | int = "r",
    mode: int = 0o666,
    signal: AbortSignal | None = None,
    emit_close: bool = True,
) -> ReadStream: ...
@overload
def create_read_stream(
    path: StrPath | None = None,
    *,
    start: int | None = None,
    end: int | None = None,
    high_water_mark: int | None = 65536,
    encoding: str,
    fd: int | None = None,
    auto_close: bool = True,
    flags: str | int = "r",
    mode: int = 0o666,
    signal: AbortSignal | None = None,
    emit_close: bool = True,
) -> ReadStream[str]: ...
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
) -> ReadStream[Any]:
    """Return a stream of a file's bytes.

    The stream emits 'open' (with the descriptor) and 'ready' before any data, unless ``fd`` was given; then 'data', 'end'
    and 'close'. If the file cannot be opened or read, it emits 'error' with the OSError (FileNotFoundError,
    PermissionError, IsADirectoryError, ...), whose ``filename`` is set, and then 'close'. A range behind the end of the file
    is empty. The behaviour is that of Node's ``fs.createReadStream``.

    Args:
        path: str, bytes or os.PathLike. With ``fd`` it is only a name.
        start: The offset of the first byte to read. Without it, a descriptor is read from its own position.
        end: The offset of the last byte to read, *inclusive*. Without ``start`` it counts from the descriptor's position.
        high_water_mark: The bytes that the stream buffers, and the largest size of a chunk. None is the default.
        encoding: Give ``str`` chunks that are decoded with this encoding.
        fd: An open descriptor to read.
        auto_close: Whether to close the descriptor after the end, after an error and when the stream is destroyed.
        flags: How to open the file: a word of Node ('r', 'r+', ...) or a number of ``os``.
        mode: The permissions of a file that the open creates.
        signal: An `AbortSignal` that destroys the stream.
        emit_close: Whether the stream emits 'close'.

    Returns:
        The stream.

    Raises:
        InvalidArgTypeError: An argument has the wrong type.
        InvalidArgValueError: An argument has a value that is not allowed.
        OutOfRangeError: ``start`` is after ``end``, or an offset is negative.
        MissingArgsError: There is neither ``path`` nor ``fd``.
        NoRunningLoopError: No event loop is running.
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


@overload
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
    encoding: None = None,
    auto_close: bool = True,
    emit_close: bool = True,
    signal: AbortSignal | None = None,
) -> WriteStream: ...
@overload
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
    encoding: str,
    auto_close: bool = True,
    emit_close: bool = True,
    signal: AbortSignal | None = None,
) -> WriteStream[Buffer | str]: ...
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
) -> WriteStream[Any]:
    """Return a stream that writes to a file.

    The stream emits 'open' (with the descriptor) and 'ready', unless ``fd`` was given; then 'drain', 'finish' and 'close'.
    If the file cannot be opened or written, it emits 'error' with the OSError, whose ``filename`` is set, and writes nothing
    more. The behaviour is that of Node's ``fs.createWriteStream``.

    With ``atomic`` the stream writes to a new file and renames it to the target when everything is written and synced, before
    'finish'. Until then, and after an error or destroy(), the old file is whole. If destroy() comes during the rename,
    `WriteStream.published` tells which file is in place. The target is the file to which ``path`` leads at the time of the
    open; a symbolic link stays a link. The new file gets the owner (if permitted), the permissions, the ACL and the extended
    attributes of the old file; other hard links keep the old content. Devices, FIFOs and sockets cannot be replaced and are
    written directly. See docs/files.md for what a killed process can leave behind; `remove_leftovers` removes it.

    Args:
        path: str, bytes or os.PathLike. With ``fd`` it is only a name.
        flags: How to open the file: a word of Node ('w' empties the file, 'a' appends, 'r+' keeps its content, 'wx' and 'ax'
            fail if it exists) or a number of ``os``.
        start: The offset of the first byte to write. Use 'r+' to keep the rest of the file.
        mode: The permissions of a new file, less the umask.
        fd: An open descriptor to write to.
        flush: Whether to sync the file to the disk before 'finish'.
        atomic: Whether to replace the whole file at once.
        high_water_mark: The bytes in the queue from which on `write` returns False. None is 1 MiB, so that one call in a
            worker takes many chunks.
        encoding: Accept ``str`` chunks and encode them with this encoding.
        auto_close: As for `create_read_stream`.
        emit_close: As for `create_read_stream`.
        signal: As for `create_read_stream`.

    Returns:
        The stream.

    Raises:
        InvalidArgTypeError: An argument has the wrong type.
        InvalidArgValueError: The flags do not let the stream write; ``start`` is given with flags that append; ``atomic`` is
            given with ``start``, ``fd`` or other flags than 'w'.
        OutOfRangeError: An offset is negative.
        MissingArgsError: There is neither ``path`` nor ``fd``.
        NoRunningLoopError: No event loop is running.
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


def follow(
    path: StrPath,
    *,
    start: str = "end",
    interval: float = 0.1,
    high_water_mark: int | None = None,
    signal: AbortSignal | None = None,
) -> Follow:
    """Return a stream of the bytes that are appended to a file, as ``tail -F`` gives them. It has no end by itself.

    If the file becomes shorter, the stream emits 'truncate' and reads it from its beginning. If another file takes its place, as
    when a log is rotated, the stream reads the old file to its end, emits 'rotate' and reads the new one from its beginning. A
    file that is not there is awaited. A worker thread looks at the file every ``interval`` seconds, which works on every file
    system. A file that is emptied and grows beyond its old size between two looks is not noticed. `Follow.stop` ends the stream
    after the bytes that the file has.

    Args:
        path: A regular file.
        start: "end" gives what is appended from now on, "beginning" the whole file.
        interval: Seconds between two looks while the file does not grow.
        high_water_mark: Bytes that the stream buffers. None is 64 KiB.
        signal: An `AbortSignal` that destroys the stream.

    Returns:
        The stream. It fails with the OSError of a file that cannot be read, and with InvalidArgValueError if the file is not
        a regular one.

    Raises:
        InvalidArgTypeError: An argument has the wrong type.
        InvalidArgValueError: ``start`` is something else.
        OutOfRangeError: ``interval`` is not positive.
        NoRunningLoopError: No event loop is running.
    """
    running_loop()
    return Follow(path, start=start, interval=interval, high_water_mark=high_water_mark, signal=signal)
