"""A Duplex whose two sides are other streams: the base of `compose` and `Duplex.from_`."""

from __future__ import annotations

from typing import Any

from forebay._core.abort import LEFT_EVENT, Left
from forebay._core.state.completion import Completion
from forebay.errors import AbortError
from forebay.streams.joining.leaving import LeavesInput
from forebay.streams.joining.relay import Relay, destroy_quietly


class Composite(LeavesInput, Relay):
    """A Duplex that writes to ``head`` and reads from ``tail``; either may be None."""

    def __init__(self, head: Any, tail: Any, default_encoding: str | None = None) -> None:
        self._head = head
        self._drain: Completion | None = None
        self._finishing: Completion | None = None
        self._close: Completion | None = None
        #: Whether the streams inside are done, and their end was told.
        self._over = False
        super().__init__(
            readable=tail is not None,
            writable=head is not None,
            readable_object_mode=tail is not None and tail.readable_object_mode,
            writable_object_mode=head is not None and head.writable_object_mode,
            default_encoding=default_encoding,
        )
        if head is not None:
            head.on("drain", self._on_drain)
            if hasattr(head, "_left_input"):
                self._note_sources()
                head.on(LEFT_EVENT, self._head_left)
        if tail is not None:
            self._relay(tail)

    def _head_left(self, left: Left) -> None:
        self._on_drain()
        self._leave_input(left)

    def _write(self, chunk: Any) -> Completion | None:
        if self._left_input is not None or self._head.write(chunk):
            return None
        self._drain = Completion()
        return self._drain

    def _on_drain(self) -> None:
        drain, self._drain = self._drain, None
        if drain is not None:
            drain.resolve()

    def _final(self) -> Completion:
        self._finishing = finish = Completion()
        self._head.end()
        return finish

    def _on_finish(self) -> None:
        finish, self._finishing = self._finishing, None
        if finish is not None:
            finish.resolve()

    # ---- the end

    def _inner_done(self, error: BaseException | None) -> None:
        """Note that the inner streams are done, or that one has failed."""
        close, self._close = self._close, None
        self._over = True
        if close is not None:
            if error is None:
                close.resolve()
            else:
                close.reject(error)
        elif error is not None:
            self.destroy(error)

    def _destroy_inner(self, error: BaseException | None) -> None:
        raise NotImplementedError

    def _destroy(self, error: BaseException | None) -> Completion | None:
        self._starved = False
        self._drain = self._finishing = None
        if self._over:
            # The output of the last stage may go on after the others are done.
            destroy_quietly(self._source, error)
            return None
        self._close = close = Completion()
        self._destroy_inner(error if error is not None else AbortError())
        return close
