"""Many chunks in one call.

`push_many` has the events, marks and order of one push() after the other. A *run* is a row of pushes between which no
foreign code can run. Its objects go to the buffer, or through a pipe to a queue, in one loop, and what each push would do
again is done once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from forebay._core.scheduling import calls
from forebay._core.state import constants as k
from forebay._core.state.pipe import Pipe
from forebay._core.state.stream import Stream

#: What `write_items` returns when the writer should wait, and when the iterator is at its end.
FULL = object()
END = object()


def push_many(stream: Stream, chunks: list[Any]) -> bool:
    """Push each of ``chunks``; return what the last push returns. The caller hands the list over."""
    if stream._s_debug:
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
        not stream._r_object
        or stream._r_decoder is not None
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
    count = len(chunks)
    if buffer is None or not buffer.has_room(count - at):
        buffer = stream._r_make_room()
        buffer.reserve(count - at)
        # The garbage collector may have run, and with it other code.
        return _push_run(stream, chunks, at)
    taken: int = buffer.put_items(chunks, at, count)
    if taken:
        stream._r_reading = False
        stream._r_chunks += taken
        stream._r_bytes += taken
        stream._r_length += taken
        if stream._r_length > stream._r_peak:
            stream._r_peak = stream._r_length
        if stream._r_need_readable:
            stream._r_announce()
        stream._r_read_more()
    return taken


def _pipe_run(stream: Stream, chunks: list[Any], at: int) -> int:
    """P5 and W1, for chunks that only wait in the queue of the one destination. The one that fills it is not among them."""
    if not isinstance(stream._r_data_listener, Pipe):
        return 0
    link = stream._r_data_listener
    dest = link._dest
    if (
        link._detour
        or not dest._w_object
        or dest._w_ending
        or dest._s_destroyed
        or dest._s_errored is not None
        or not (dest._w_writing or dest._w_corked or not dest._s_constructed)
    ):
        return 0
    last = at + dest._w_hwm - 1 - dest._w_length
    count = len(chunks)
    if last > count:
        last = count
    if at >= last:
        return 0
    buffer = dest._w_buffer
    if buffer is None or not buffer.has_room(2 * (last - at)):
        dest._w_make_room()
        buffer = dest._w_buffer
        buffer.reserve(2 * (last - at))
        # As above.
        return _push_run(stream, chunks, at)
    taken: int = buffer.put_pairs(chunks, at, last)
    if taken == 0:
        return 0
    dest._w_pending += taken
    dest._w_chunks += taken
    dest._w_bytes += taken
    dest._w_length += taken
    if dest._w_length > dest._w_peak:
        dest._w_peak = dest._w_length
    stream._r_reading = False
    stream._r_chunks += taken
    stream._r_bytes += taken
    if stream._r_await is not None:
        stream._r_forget_drains()
    stream._r_did_read = True
    stream._r_read_more()
    return taken
