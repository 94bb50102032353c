"""Many chunks in one call.

`push_many` and `write_many` have the events, marks and order of one push() or write() after the other. A *run* is a row of
chunks between which no foreign code can run: objects, or bytes. They go to the buffer, through a pipe, or to the queue in one
loop, and what each call would do again is done once.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

from forebay._core.scheduling import calls
from forebay._core.state import constants as k
from forebay._core.state.pipe import Pipe
from forebay._core.state.stream import Stream

#: What `write_items` returns when the writer should wait, and when the iterator is at its end.
FULL = object()
END = object()

# More bytes than any chunks have.
_ANY_SIZE = sys.maxsize


def push_many(stream: Stream, chunks: list[Any]) -> bool:
    """Push each of ``chunks``; return what the last push returns. The caller hands the list over."""
    if stream._s_checks:
        stream._s_check_loop("push_many()")
    at = 0
    count = len(chunks)
    more = not stream._s_destroyed and stream._s_errored is None and stream._r_can_push()
    while at < count:
        taken = _push_run(stream, chunks, at)
        if taken:
            at += taken
            more = not stream._s_destroyed and stream._s_errored is None and stream._r_can_push()
        else:
            more = stream._r_push(chunks[at], None)
            at += 1
    return more


def write_many(stream: Stream, chunks: list[Any]) -> bool:
    """Write each of ``chunks``; return what the last write returns. The caller hands the list over."""
    if stream._s_checks:
        stream._s_check_loop("write_many()")
    at = 0
    count = len(chunks)
    more = not stream._s_destroyed and stream._s_errored is None and not stream._w_need_drain
    while at < count:
        taken = _queue_run(stream, chunks, at, count)
        if taken:
            at += taken
            more = True
        else:
            more = stream._w_write(chunks[at], None, None)
            at += 1
    return more


def take_waiting(stream: Stream) -> list[Any] | None:
    """Take what waits in the queue of a stream whose hook is at work, to go with the chunk that the hook has; or None."""
    return stream._w_take_waiting()


def read_many(stream: Stream, chunks: list[Any]) -> None:
    """Add what is buffered now to ``chunks``. Reading makes a fast source push more, which stays for the next time."""
    left = stream._r_length
    while left > 0 and not stream._s_destroyed:
        if stream._r_object:
            left -= _read_run(stream, chunks, left - 1)
        chunk = stream._r_read(k.READ_ANY)
        if chunk is None:
            return
        chunks.append(chunk)
        left -= 1 if stream._r_object else len(chunk)


def _read_run(stream: Stream, chunks: list[Any], most: int) -> int:
    """R4, for objects that no listener gets and whose reading calls no hook; not for the last one. Return how many."""
    if stream._r_data_handler is not None or stream._s_errored is not None or not stream._s_constructed:
        return 0
    if not stream._r_reading and not stream._r_ended:
        if stream._r_need_readable:
            return 0
        if most > stream._r_length - stream._r_hwm:
            most = stream._r_length - stream._r_hwm
    if most <= 0:
        return 0
    if stream._r_await is not None:
        stream._r_forget_drains()
    stream._r_emitted_readable = False
    stream._r_did_read = True
    stream._r_changes += most
    stream._r_length -= most
    buffer = stream._r_buffer
    buffer.take_items(chunks, most)
    return most


def write_items(stream: Stream, items: Iterator[Any], failed: Callable[[Exception], object]) -> Any:
    """Write the items of an iterator, as far as ``stream.write(item)`` of each would return True.

    An exception of a write, unlike one of the iterator, is passed to ``failed`` before it is raised.

    Returns:
        END; FULL if the writer should wait, for the stream or for a turn of the loop; or the next item, unwritten, if it is an
        awaitable or cannot be written.
    """
    plain = None
    for item in items:
        if type(item) is not plain:
            if item is None or calls.has_await(item):
                return item
            plain = type(item)
        if stream._w_ending:
            return item
        try:
            more = stream._w_write(item, None, None)
        except Exception as error:
            failed(error)
            raise
        if not more or stream._s_is_late():
            return FULL
    return END


def _push_run(stream: Stream, chunks: list[Any], at: int) -> int:
    """Push as many as foreign code cannot come between; return how many, 0 where the next one needs a push of its own."""
    if (
        stream._r_decoder is not None
        or stream._r_ended
        or stream._s_destroyed
        or stream._s_errored is not None
    ):
        return 0
    if stream._r_sync or stream._r_flowing != 1 or stream._r_length or stream._r_data_handler is None:
        return _buffer_run(stream, chunks, at)
    return 0 if calls.crowded() else _pipe_run(stream, chunks, at)


def _buffer_run(stream: Stream, chunks: list[Any], at: int) -> int:
    """R3, for chunks that no listener gets at once."""
    buffer = stream._r_buffer
    end = len(chunks)
    if buffer is None or not buffer.has_room(end - at):
        buffer = stream._r_make_room()
        buffer.reserve(end - at)
        # The garbage collector may have run, and with it other code.
        return _push_run(stream, chunks, at)
    if not stream._r_object:
        end = _end_of_bytes(chunks, at, end, _ANY_SIZE, False)
    taken: int = buffer.put_items(chunks, at, end)
    if taken:
        size = taken if stream._r_object else _size_of_bytes(chunks, at, at + taken)
        stream._r_reading = False
        stream._r_chunks += taken
        stream._r_bytes += size
        stream._r_length += size
        if stream._r_length > stream._r_peak:
            stream._r_peak = stream._r_length
        if stream._r_need_readable:
            stream._r_announce()
        stream._r_read_more()
    return taken


def _pipe_run(stream: Stream, chunks: list[Any], at: int) -> int:
    """P5, for chunks that only wait in the queue of the one destination."""
    if not isinstance(stream._r_data_listener, Pipe):
        return 0
    link = stream._r_data_listener
    if link._detour:
        return 0
    # The push of an empty chunk is a special one.
    end = len(chunks) if stream._r_object else _end_of_bytes(chunks, at, len(chunks), _ANY_SIZE, False)
    taken = _queue_run(link._dest, chunks, at, end)
    if taken:
        stream._r_reading = False
        stream._r_chunks += taken
        stream._r_bytes += taken if stream._r_object else _size_of_bytes(chunks, at, at + taken)
        if stream._r_await is not None:
            stream._r_forget_drains()
        stream._r_did_read = True
        stream._r_read_more()
    return taken


def _queue_run(stream: Stream, chunks: list[Any], at: int, end: int) -> int:
    """W1, for chunks that only wait in the queue; return how many. The one that fills it is not among them."""
    if (
        stream._w_ending
        or stream._s_destroyed
        or stream._s_errored is not None
        or not (stream._w_writing or stream._w_corked or not stream._s_constructed)
    ):
        return 0
    room = stream._w_hwm - stream._w_length
    if not stream._w_object:
        end = _end_of_bytes(chunks, at, end, room, True)
    elif end > at + room - 1:
        end = at + room - 1
    if at >= end:
        return 0
    buffer = stream._w_buffer
    if buffer is None or not buffer.has_room(2 * (end - at)):
        stream._w_make_room()
        buffer = stream._w_buffer
        buffer.reserve(2 * (end - at))
        # The garbage collector may have run, and with it other code.
        return _queue_run(stream, chunks, at, end)
    taken: int = buffer.put_pairs(chunks, at, end)
    size = taken if stream._w_object else _size_of_bytes(chunks, at, at + taken)
    stream._w_pending += taken
    stream._w_chunks += taken
    stream._w_bytes += size
    stream._w_length += size
    if stream._w_length > stream._w_peak:
        stream._w_peak = stream._w_length
    return taken


def _end_of_bytes(chunks: list[Any], at: int, end: int, room: int, with_empty: bool) -> int:
    """Return where the run from ``at`` on of ``bytes`` ends that are smaller than ``room`` together."""
    while at < end and type(chunks[at]) is bytes:
        size = calls.bytes_size(chunks[at])
        if size >= room or (size == 0 and not with_empty):
            break
        room -= size
        at += 1
    return at


def _size_of_bytes(chunks: list[Any], at: int, end: int) -> int:
    size = 0
    while at < end:
        size += calls.bytes_size(chunks[at])
        at += 1
    return size
