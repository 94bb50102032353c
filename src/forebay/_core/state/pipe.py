"""pipe() and unpipe(): the link that carries chunks from a readable to a writable. Rules P1 to P10."""

from __future__ import annotations

from typing import Any

from forebay._core.fields import give_defaults
from forebay._core.listeners import Listener
from forebay._core.scheduling import calls
from forebay._core.scheduling.ticks import current_queue, report
from forebay._core.state import constants as k
from forebay._core.state.stream import Stream

# Beyond this number, further pipes to a destination add no 'unpipe' listener, because each unpipe() would call all of them.
_MOST_UNPIPE_LISTENERS = 16


# Number of pipes made so far; the number of the next one.
_pipes_made = 0


class PipeListener(Listener):
    """One event of a pipe's source or destination."""

    _pipe: Any
    _on: int

    def _notify0(self) -> None:
        pipe = self._pipe
        try:
            self._take(pipe)
        except MemoryError as error:
            pipe._broken(error)

    def _take(self, pipe: Pipe) -> None:
        if self._on == k.ON_DRAIN:
            pipe._drained()
        elif self._on == k.ON_END:
            pipe._source._s_remove("end", self)
            pipe._source_ended()
        elif self._on == k.ON_CLOSE:
            pipe._dest._s_remove("finish", pipe._on_finish)
            pipe._unpipe()
        elif self._on == k.ON_FINISH:
            pipe._dest._s_remove("close", pipe._on_close)
            pipe._unpipe()

    def _notify1(self, arg: Any) -> None:
        pipe = self._pipe
        try:
            if self._on == k.ON_ERROR:
                pipe._failed(arg)
            elif self._on == k.ON_UNPIPE:
                if arg is pipe._source and pipe._leaving:
                    pipe._cleanup()
            else:
                self._take(pipe)
        except MemoryError as error:
            pipe._broken(error)

    def __call__(self, *args: Any) -> None:
        if args:
            self._notify1(args[0])
        else:
            self._notify0()


def _listener(pipe: Pipe, on: int) -> PipeListener:
    # Avoids type(), which costs compiled code more than the rest. A pipe has five listeners.
    listener = PipeListener.__new__(PipeListener)
    listener._pipe = pipe
    listener._on = on
    return listener


class Pipe(Listener):
    """One pipe. It is also the 'data' listener of the source."""

    _source: Any
    _dest: Any
    _end: bool
    _leaving: bool
    _gone: bool
    _own_write: bool
    _detour: bool
    _late: Any
    _number: int
    _on_end: Any
    _on_unpipe: Any
    _on_drain: Any
    _on_error: Any
    _on_close: Any
    _on_finish: Any

    # A compiled Pipe always has its streams: its C methods use them without a check.
    def __cinit__(self, source: Any, dest: Any, *options: Any) -> None:
        if not isinstance(source, Stream) or not isinstance(dest, Stream):
            raise TypeError("a pipe has two streams; it is made by Readable.pipe()")

    def __init__(self, source: Any, dest: Any, end: Any, own_write: Any) -> None:
        self._source = source
        self._dest = dest
        self._end = end
        self._own_write = own_write
        self._leaving = False
        self._gone = False
        self._on_drain = None
        self._late = None
        self._detour = own_write

    def _connect(self) -> None:
        source = self._source
        dest = self._dest
        self._on_end = _listener(self, k.ON_END)
        self._on_unpipe = _listener(self, k.ON_UNPIPE)
        self._on_error = _listener(self, k.ON_ERROR)
        self._on_close = _listener(self, k.ON_CLOSE)
        self._on_finish = _listener(self, k.ON_FINISH)
        if source._r_end_emitted:
            current_queue().add(self, k.TICK_SOURCE_ENDED, None)
        else:
            source._s_add("end", self._on_end, False)
        if dest._s_count("unpipe") < _MOST_UNPIPE_LISTENERS:
            dest._s_add("unpipe", self._on_unpipe, False)
        source._s_add("data", self, False)
        dest._s_add("error", self._on_error, True)
        dest._s_add("close", self._on_close, False)
        dest._s_add("finish", self._on_finish, False)
        dest._s_emit1("pipe", source)
        if dest._w_need_drain and not dest._w_ending and not dest._s_destroyed:
            self._wait()
        elif source._r_flowing != 1:
            source._r_resume()

    def _notify1(self, chunk: Any) -> None:
        """Write a chunk to the destination (P5)."""
        dest = self._dest
        try:
            ok = self._write(chunk) if self._detour or calls.crowded() else dest._w_write(chunk, None, None)
            if not ok:
                self._wait()
        except Exception as error:
            # A wrong chunk is an error of the destination, not of the source.
            dest._s_destroy_stream(error)

    def __call__(self, chunk: Any) -> None:
        self._notify1(chunk)

    def _write(self, chunk: Any) -> bool:
        """Write by an overridden write(), or on a tick if calls are nested too deeply."""
        if self._late is None and not calls.crowded():
            dest = self._dest
            return bool(dest.write(chunk) if self._own_write else dest._w_write(chunk, None, None))
        if self._late is None:
            self._late = []
            self._detour = True
            current_queue().add(self, k.TICK_PIPE_WRITE_LATE, None)
        self._late.append(chunk)
        return False

    def _write_late(self) -> None:
        """Write the postponed chunks, even after unpipe(): the pipe had accepted them."""
        late = self._late
        if late is None:
            return
        self._late = None
        self._detour = self._own_write
        dest = self._dest
        ok = True
        try:
            for chunk in late:
                ok = self._write(chunk)
        except Exception as error:
            dest._s_destroy_stream(error)
            return
        if ok and not self._gone:
            self._drained()

    def _wait(self) -> None:
        """Pause the source until the destination drains (P6)."""
        if self._gone:
            return
        source = self._source
        # A stream may define __eq__, so the set holds ids and not streams.
        dest = self._dest
        if source._r_pipe_count == 1:
            source._r_await = dest
            source._r_multi_await = False
        else:
            source._r_await.add(id(dest))
        source._r_stall()
        source._r_pause()
        if self._on_drain is None and not self._gone:
            self._on_drain = _listener(self, k.ON_DRAIN)
            dest._s_add("drain", self._on_drain, False)

    def _drained(self) -> None:
        """Resume the source if no other destination is full (P7)."""
        source = self._source
        if not self._forget_wait():
            source._r_unstall()
            if source._r_data_handler is not None:
                source._r_resume()

    def _source_ended(self) -> None:
        """End the destination (P2)."""
        self._write_late()
        if not self._end:
            self._unpipe()
            return
        dest = self._dest
        try:
            dest.end()
        except Exception as error:
            # Only an overridden end() can raise.
            dest._s_destroy_stream(error)

    def _s_run_tick(self, op: Any, arg: Any) -> None:
        if op == k.TICK_PIPE_WRITE_LATE:
            self._write_late()
        else:
            self._source_ended()

    def _broken(self, error: Any) -> None:
        """Fail, because there was no memory to go on."""
        dest = self._dest
        if dest._s_destroyed:
            report(current_queue()._loop, "A pipe could not be removed", error, dest)
        else:
            dest._s_destroy_stream(error)

    def _failed(self, error: Any) -> None:
        """Remove the pipe because the destination failed (P9)."""
        dest = self._dest
        self._unpipe()
        dest._s_remove("error", self._on_error)
        if dest._s_count("error") == 0:
            if not dest._s_error_emitted:
                dest._s_fail(error, False)
            else:
                dest._s_tell_error(error)

    def _unpipe(self) -> None:
        unpipe(self._source, self._dest)

    def _cleanup(self) -> None:
        if self._gone:
            return
        source = self._source
        dest = self._dest
        self._gone = True
        dest._s_remove("close", self._on_close)
        dest._s_remove("finish", self._on_finish)
        if self._on_drain is not None:
            dest._s_remove("drain", self._on_drain)
        dest._s_remove("error", self._on_error)
        dest._s_remove("unpipe", self._on_unpipe)
        source._s_remove("end", self._on_end)
        source._s_remove("data", self)
        # A removed destination emits no 'drain' for this pipe, so the source continues for the other destinations.
        waited = self._on_drain is not None and source._r_await is not None
        if waited and (dest._w_need_drain or self._holds_others_up()):
            self._drained()
        # The listeners refer to the pipe, and the pipe to them.
        self._on_end = self._on_unpipe = self._on_error = self._on_close = self._on_finish = (
            self._on_drain
        ) = None

    def _forget_wait(self) -> bool:
        """Stop waiting for this destination. Return whether the source still waits for another one."""
        source = self._source
        if source._r_multi_await:
            source._r_await.discard(id(self._dest))
            return len(source._r_await) > 0
        if source._r_await is self._dest:
            source._r_await = None
        return source._r_await is not None

    def _holds_others_up(self) -> bool:
        """Return whether the source waits for this removed destination and has other destinations."""
        source = self._source
        if source._s_destroyed or source._r_pipe_count == 0:
            return False
        key = id(self._dest)
        if key in source._r_pipes:
            return False
        return key in source._r_await if source._r_multi_await else source._r_await is self._dest


def pipe(source: Stream, dest: Stream, end: bool, own_write: bool) -> None:
    """Connect two streams (P1 to P4)."""
    global _pipes_made
    # Allocate before any check: the garbage collector may run foreign code.
    link = Pipe(source, dest, end, own_write)
    pipes: dict[int, Any] = {}
    waited_for = set()
    more = [link]
    key = id(dest)
    if source._r_pipes is None:
        source._r_pipes = pipes
    if source._r_pipe_count == 1 and not source._r_multi_await:
        source._r_multi_await = True
        if source._r_await is not None:
            waited_for.add(id(source._r_await))
        source._r_await = waited_for
    link._number = _pipes_made
    _pipes_made += 1
    before = source._r_pipes.get(key)
    if before is None:
        source._r_pipes[key] = link
    elif type(before) is list:
        before.append(link)
    else:
        more.insert(0, before)
        source._r_pipes[key] = more
    source._r_pipe_count += 1
    link._connect()


def unpipe(source: Stream, dest: Stream | None) -> None:
    """Remove the first pipe to ``dest``, or every pipe if it is None (P8)."""
    if source._r_pipe_count == 0:
        return
    if dest is None:
        links = _in_order(source._r_pipes)
        source._r_pipes = {}
        source._r_pipe_count = 0
        source._r_pause()
        for link in links:
            _part(link)
        return
    found = source._r_pipes.get(id(dest))
    if found is None:
        return
    if type(found) is list:
        link = found.pop(0)
        if len(found) == 1:
            source._r_pipes[id(dest)] = found[0]
    else:
        link = found
        del source._r_pipes[id(dest)]
    source._r_pipe_count -= 1
    if source._r_pipe_count == 0:
        source._r_pause()
    _part(link)


def _part(link: Pipe) -> None:
    link._leaving = True
    link._dest._s_emit1("unpipe", link._source)
    # Clean up if the pipe's own 'unpipe' listener has not done so.
    link._cleanup()


def _in_order(pipes: dict[Any, Any]) -> list[Any]:
    links = []
    for found in pipes.values():
        if type(found) is list:
            links.extend(found)
        else:
            links.append(found)
    links.sort(key=_number_of)
    return links


def _number_of(link: Any) -> Any:
    pipe = link
    return pipe._number


def sole_destination(source: Any) -> Any:
    """Return the only destination of ``source`` if it gets the bytes unchanged; None if other code sees them.

    The conditions: one pipe, whose listener is the only one for 'data'; no text decoding; flowing; an empty buffer.
    """
    if (
        source._r_pipe_count != 1
        or source._r_flowing != 1
        or source._r_length
        or source._r_decoder is not None
        or not isinstance(source._r_data_listener, Pipe)
    ):
        return None
    link = source._r_data_listener
    return None if link._detour else link._dest


give_defaults(PipeListener, Pipe)
