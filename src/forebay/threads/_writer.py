"""thread_writer(): a Writable that many threads write to."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from time import monotonic
from types import TracebackType
from typing import Any, Generic, Self

from forebay._core.names import stream_name
from forebay._system.loop_watch import POLL_SECONDS
from forebay._system.pinned_thread import PinnedThread
from forebay.errors import (
    AbortError,
    InvalidArgTypeError,
    NullChunkError,
    PrematureCloseError,
    WriteAfterEndError,
)
from forebay.streams.blocking.mailbox import FromMailbox, Mailbox
from forebay.streams.generics import In_contra
from forebay.streams.readable import Readable
from forebay.streams.writable import Writable
from forebay.threads._flow import ThreadFlow

__all__ = ["ThreadWriter", "close_in_thread", "reason_of"]

_CLOSE_THREAD = "forebay-close"


class _WriterSource(FromMailbox, Readable[Any]):
    """The first stage of the flow from the writer."""

    def __init__(self, mailbox: Mailbox, object_mode: bool) -> None:
        super().__init__(object_mode=object_mode, high_water_mark=1)
        self._mailbox = mailbox
        mailbox.deliver_to(self._deliver)

    def _s_label(self) -> object:
        return "writers in threads"

    def _destroy(self, error: BaseException | None) -> None:
        self._mailbox.leave(error)


class _WriterFlow(ThreadFlow):
    """The flow from the writer to the stream."""

    def __init__(self, stream: Writable[Any], limit: int) -> None:
        super().__init__("writer")
        object_mode = stream.writable_object_mode
        self.mailbox = Mailbox(self.loop, limit, by_size=not object_mode, fixed=True)
        self._end = _WriterSource(self.mailbox, object_mode)
        self.start(self._end, stream)

    def _release(self) -> None:
        self.mailbox.leave(self.error)


class ThreadWriter(Generic[In_contra]):
    """A way for any number of threads to write to one Writable; made by `thread_writer`.

    A chunk is on its way when `write` returns. 'finish', and an error after the last write, are told by `close`.
    """

    def __init__(self, stream: Writable[In_contra], high_water_mark: int) -> None:
        self._stream_name = stream_name(stream)
        self._object_mode = stream.writable_object_mode
        self._closed = False
        # A `__del__` that the garbage collector runs in a call may write too, such as one that logs.
        self._lock = threading.RLock()
        self._flow = _WriterFlow(stream, high_water_mark)
        self._mailbox = self._flow.mailbox

    def __repr__(self) -> str:
        return f"<ThreadWriter of {self._stream_name}{' closed' if self._closed else ''}>"

    @property
    def closed(self) -> bool:
        """Whether the writer was closed."""
        return self._closed

    def write(self, chunk: In_contra, timeout: float | None = None) -> None:
        """Write a chunk; wait while ``high_water_mark`` is reached.

        Args:
            chunk: Bytes, which are copied if they can change; or an object if the stream is in object mode.
            timeout: Seconds to wait for room. None waits as long as it takes.

        Raises:
            BaseException: The error of the stream.
            DeadlockError: The caller is the loop's thread. Use `try_write` there, or write to the stream itself.
            InvalidArgTypeError: The chunk has the wrong type.
            TimeoutError: There was no room in time. The chunk was not written.
            WriteAfterEndError: The writer was closed.
        """
        self._flow.check_thread("write()")
        deadline = None if timeout is None else monotonic() + timeout
        checked = self._checked(chunk)
        while not self._put(checked):
            left = POLL_SECONDS if deadline is None else deadline - monotonic()
            if left <= 0:
                raise TimeoutError(
                    f"{self._stream_name} had no room for {timeout} s; the chunk was not written"
                )
            self._mailbox.wait_a_moment(left)

    def try_write(self, chunk: In_contra) -> bool:
        """Write a chunk if there is room. This never waits, and any thread may call it, also the loop's.

        Args:
            chunk: As for `write`.

        Returns:
            Whether the chunk was written.

        Raises:
            BaseException: The error of the stream.
            InvalidArgTypeError: The chunk has the wrong type.
            WriteAfterEndError: The writer was closed.
        """
        return self._put(self._checked(chunk))

    def _checked(self, chunk: Any) -> Any:
        if chunk is None:
            raise NullChunkError("None marks the end of a stream and cannot be a chunk")
        if self._object_mode or isinstance(chunk, bytes):
            return chunk
        try:
            return bytes(memoryview(chunk))
        except TypeError:
            raise InvalidArgTypeError(
                f"{self._stream_name} takes bytes, got {chunk!r:.80}"
                + ("; encode it" if isinstance(chunk, str) else "")
            ) from None

    def _put(self, chunk: Any) -> bool:
        with self._lock:
            if self._closed:
                raise WriteAfterEndError("write() after close() of the writer")
            if self._mailbox.left is not None:
                self._flow.raise_error()
                raise PrematureCloseError(f"{self._stream_name} has ended and takes no more")
            if self._mailbox.is_full():
                return False
            self._mailbox.put(chunk)
            return True

    def _end(self) -> None:
        with self._lock:
            if not self._closed:
                self._closed = True
                self._mailbox.end(None)

    def close(self) -> None:
        """End the stream when all is written, and wait for 'finish'. Closing again waits too, and raises the same error.

        Raises:
            BaseException: The error of the stream.
            DeadlockError: The caller is the loop's thread. Use `aclose` there.
        """
        self._flow.check_thread("close()")
        self._end()
        self._flow.wait_over()

    async def aclose(self) -> None:
        """Close the writer on the loop's thread, and wait for 'finish'. Writes that wait in threads raise WriteAfterEndError.

        Raises:
            BaseException: The error of the stream.
        """
        await close_in_thread(self.close, self.destroy)

    def destroy(self, error: BaseException | None = None) -> None:
        """Destroy the stream at once. What is on its way is dropped, and threads that write get the error.

        Args:
            error: The error. None is an AbortError.
        """
        self._flow.abandon(error if error is not None else AbortError("the writer was destroyed"))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
        else:
            self._closed = True
            self.destroy(reason_of(error, "writer"))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            await self.aclose()
        else:
            self._closed = True
            self.destroy(reason_of(error, "writer"))

    def __del__(self) -> None:
        if hasattr(self, "_flow") and not self._closed:
            self._flow.drop(
                PrematureCloseError(f"the writer of {self._stream_name} was dropped without close()")
            )


async def close_in_thread(close: Callable[[], object], give_up: Callable[[BaseException], object]) -> None:
    """Run a close() that waits for the loop in a thread. A cancellation gives the stream up."""
    thread = PinnedThread(asyncio.get_running_loop(), _CLOSE_THREAD, _nothing)
    closing = thread.run(close)
    thread.end()
    try:
        await asyncio.shield(closing)
    except asyncio.CancelledError:
        give_up(AbortError("aclose() was cancelled"))
        await asyncio.wait([closing])
        closing.exception()
        raise


def reason_of(error: BaseException, what: str) -> BaseException:
    """Return the error with which a stream is destroyed because its user's code failed."""
    if isinstance(error, Exception):
        return error
    aborted = AbortError(f"the use of the {what} ended with {type(error).__name__}")
    aborted.__cause__ = error
    return aborted


def _nothing() -> None:
    return
