"""Streams over synchronous code: a source over an iterable, a sink and a transform by functions of an iterator."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from forebay._core.abort import Left as ReaderLeft
from forebay._core.state.completion import Completion
from forebay.errors import AbortError
from forebay.streams.blocking.inbox import Inbox
from forebay.streams.blocking.job import Job, fill
from forebay.streams.blocking.mailbox import MOST_OBJECTS, FromMailbox, Mailbox
from forebay.streams.duplex import Duplex
from forebay.streams.readable import Readable
from forebay.streams.writable import Writable

__all__ = ["MOST_BYTES", "MOST_QUEUED", "ThreadSink", "ThreadSource", "ThreadTransform"]

#: The bytes that are read ahead, or queued, if the program names no mark.
MOST_BYTES = 512 * 1024
#: The objects that are queued for a thread if the program names no mark. They reach it in one wake-up.
MOST_QUEUED = 128


def _mark(object_mode: bool, high_water_mark: int | None) -> int:
    """Return the mark of the readable side. Objects come in batches, when those before have been read."""
    return 1 if object_mode else high_water_mark or MOST_BYTES


def _mailbox(object_mode: bool, high_water_mark: int | None) -> Mailbox:
    limit = high_water_mark
    if limit is None:
        limit = MOST_OBJECTS if object_mode else MOST_BYTES
    return Mailbox(
        asyncio.get_running_loop(),
        limit,
        by_size=not object_mode,
        fixed=not object_mode or high_water_mark is not None,
    )


class ThreadSource(FromMailbox, Readable[Any]):
    """A Readable of what an iterable gives in a thread. The thread starts with the first read."""

    _job: Job | None = None

    def __init__(
        self,
        make: Callable[[], Iterable[Any]],
        label: str,
        *,
        object_mode: bool = True,
        high_water_mark: int | None = None,
        unused: Callable[[], object] | None = None,
        **options: Any,
    ) -> None:
        self._label = label
        self._unused = unused
        self._make: Callable[[], Iterable[Any]] = make
        super().__init__(
            object_mode=object_mode,
            high_water_mark=_mark(object_mode, high_water_mark),
            **options,
        )
        self._mailbox = _mailbox(object_mode, high_water_mark)
        self._mailbox.deliver_to(self._deliver)

    def _s_label(self) -> object:
        return self._label

    def _read(self, size: int) -> None:
        if self._job is None:
            make, self._make = self._make, tuple
            self._job = Job(partial(fill, self._mailbox, make), self._job_ended)
        self._deliver()

    def _job_ended(self, error: BaseException | None) -> None:
        """Do nothing: the mailbox has the end."""

    def _destroy(self, error: BaseException | None) -> Completion | None:
        self._mailbox.leave(error)
        return _when_over(self, error)


class _IntoInbox:
    """The writable side of a stream whose chunks are iterated over in a thread."""

    destroyed: bool
    destroy: Callable[..., Any]
    on: Callable[..., Any]

    _job: Job | None = None
    _inbox: Inbox
    # The error of the destroy after the function stopped reading. A pipeline does not count it as a failure.
    _left: ReaderLeft | None = None

    def _start(self) -> None:
        raise NotImplementedError

    def _write(self, chunk: Any) -> Completion:
        return self._writev([chunk])

    def _writev(self, chunks: list[Any]) -> Completion:
        if self._job is None:
            self._start()
        return self._inbox.give(chunks)

    def _leave(self) -> None:
        """Note that the function has ended before its input."""
        self._left = ReaderLeft()
        # Leaving is not an error to report; the waiting writer gets it.
        self.on("error", _nothing)
        self._inbox.refuse(self._left)
        self.destroy(self._left)

    def __del__(self) -> None:
        if hasattr(self, "_inbox"):
            self._inbox.fail(AbortError("the stream was dropped"))


class ThreadSink(_IntoInbox, Writable[Any]):
    """A Writable whose chunks a function of an iterator takes in a thread."""

    _ended: Completion | None = None

    def __init__(
        self,
        fn: Callable[[Iterator[Any]], object],
        label: str,
        *,
        unused: Callable[[], object] | None = None,
        **options: Any,
    ) -> None:
        self._label = label
        self._unused = unused
        self._fn = fn
        super().__init__(**options)
        self._inbox = Inbox(asyncio.get_running_loop())

    def _s_label(self) -> object:
        return self._label

    def _start(self) -> None:
        self._job = Job(partial(_consume, self._fn, self._inbox), self._job_ended)

    def _final(self) -> Completion:
        if self._job is None:
            self._start()
        ended = self._ended = Completion()
        assert self._job is not None
        self._job.keep(self)
        self._inbox.end()
        return ended

    def _job_ended(self, error: BaseException | None) -> None:
        if self.destroyed:
            return
        if self._ended is not None:
            if error is None:
                self._ended.resolve()
            else:
                self._ended.reject(error)
        elif error is None:
            self._leave()
        elif not self._inbox.refuse(error):
            self.destroy(error)

    def _destroy(self, error: BaseException | None) -> Completion | None:
        self._inbox.fail(error if error is not None else AbortError())
        return _when_over(self, error)


class ThreadTransform(FromMailbox, _IntoInbox, Duplex[Any, Any]):
    """A Duplex: a function of an iterator makes the output of the input in a thread."""

    def __init__(
        self,
        fn: Callable[[Iterator[Any]], Iterable[Any]],
        label: str,
        *,
        object_mode: bool,
        high_water_mark: int | None,
        **options: Any,
    ) -> None:
        self._label = label
        self._fn = fn
        written = MOST_QUEUED if object_mode else MOST_BYTES
        super().__init__(
            object_mode=object_mode,
            readable_high_water_mark=_mark(object_mode, high_water_mark),
            writable_high_water_mark=written if high_water_mark is None else high_water_mark,
            **options,
        )
        self._inbox = Inbox(asyncio.get_running_loop())
        self._mailbox = _mailbox(object_mode, high_water_mark)
        self._mailbox.deliver_to(self._deliver)

    def _s_label(self) -> object:
        return self._label

    def _start(self) -> None:
        make = partial(self._fn, self._inbox.items())
        self._job = Job(partial(fill, self._mailbox, make), self._job_ended)

    def _final(self) -> Completion:
        if self._job is None:
            self._start()
        if self._mailbox.ended:
            done = Completion()
            done.resolve()
            return done
        return self._inbox.end()

    def _job_ended(self, error: BaseException | None) -> None:
        if self.destroyed:
            return
        if self._mailbox.error is None and not self._inbox.read_to_end:
            # Only the end was left to be read, or the rest of the input is given up when the output has been read.
            if self._inbox.ended:
                self._inbox.refuse(None)
            elif self.readable_ended:
                self._output_ended()
            else:
                self.once("end", self._output_ended)

    def _output_ended(self) -> None:
        if not self.destroyed and not self._inbox.ended:
            self._leave()

    def _destroy(self, error: BaseException | None) -> Completion | None:
        self._inbox.fail(error if error is not None else AbortError())
        self._mailbox.leave(error)
        if self._job is None:
            return None
        return self._job.when_over(error)

    def __del__(self) -> None:
        FromMailbox.__del__(self)
        _IntoInbox.__del__(self)


def _when_over(stream: ThreadSource | ThreadSink, error: BaseException | None) -> Completion | None:
    """Return the completion of the destruction. A stream that was never used still releases what it was given."""
    if stream._job is None:
        if stream._unused is None:
            return None
        stream._job = Job(partial(_call, stream._unused), stream._job_ended)
    return stream._job.when_over(error)


def _consume(fn: Callable[[Iterator[Any]], object], inbox: Inbox) -> None:
    fn(inbox.items())


def _call(function: Callable[[], object]) -> None:
    function()


def _nothing(_: Any) -> None:
    return
