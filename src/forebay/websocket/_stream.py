"""WebSocket: a connection of the library websockets as a Duplex of messages."""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from typing import Any

from forebay._core.abort import AbortSignal, Left
from forebay._core.waiting.aclose import GivenUp
from forebay.errors import InvalidArgTypeError, WebSocketClosedError
from forebay.streams.duplex import Duplex
from forebay.websocket._library import load

__all__ = ["WebSocket"]

# Seconds that a destroyed stream waits for the closing handshake of its peer.
_DESTROY_SECONDS = 1.0
_NORMAL = 1000
_GOING_AWAY = 1001
_INTERNAL_ERROR = 1011
_ABNORMAL = 1006


class WebSocket(Duplex[Any, Any]):
    """A WebSocket as a Duplex in object mode: a text message is ``str``, a binary message is ``bytes``.

    `connect` returns one, and the handler of `serve` gets one. A slow reader makes the peer wait, and a slow peer makes the
    writer wait. A WebSocket cannot be closed in one direction: ``end()`` starts the closing handshake with the code 1000,
    after all that was written, and what the peer still sends until its own close can be read. The readable side ends when the
    peer closes with 1000 or 1001. It fails with `WebSocketClosedError` at another code, and when the connection is lost. A stream
    that is destroyed closes with 1001, and with 1011 after an error.

    Args:
        connection: A connection of ``websockets.asyncio``, of a client or of a server. The stream takes it over.
        high_water_mark: Messages that each side holds. None is 16.
        signal: An `AbortSignal` that destroys the stream.

    Raises:
        InvalidArgTypeError: ``connection`` is something else.
    """

    def __init__(
        self, connection: Any, *, high_water_mark: int | None = None, signal: AbortSignal | None = None
    ) -> None:
        if not isinstance(connection, load("asyncio.connection").Connection):
            raise InvalidArgTypeError(f"connection must be one of websockets.asyncio, got {connection!r:.80}")
        self._errors = load("exceptions")
        self._connection = connection
        super().__init__(
            object_mode=True, allow_half_open=False, high_water_mark=high_water_mark, signal=signal
        )
        self._w_refuse_with(self._refusal)
        self._watch = asyncio.get_running_loop().create_task(self._until_lost())

    @property
    def connection(self) -> Any:
        """The connection of websockets, for its request, response, addresses and pings. Do not send or receive by it."""
        return self._connection

    @property
    def subprotocol(self) -> str | None:
        """The subprotocol that both sides have agreed on, or None."""
        return self._connection.subprotocol  # type: ignore[no-any-return]

    @property
    def close_code(self) -> int | None:
        """The code with which the connection was closed; None while it is open."""
        return self._connection.close_code  # type: ignore[no-any-return]

    @property
    def close_reason(self) -> str | None:
        """The reason with which the connection was closed; None while it is open."""
        return self._connection.close_reason  # type: ignore[no-any-return]

    def _s_label(self) -> object:
        address = self._connection.remote_address
        return ":".join(map(str, address[:2])) if isinstance(address, tuple) else None

    async def _until_lost(self) -> None:
        """Find the end of the connection, also if the stream is not read."""
        await self._connection.wait_closed()
        if not self.destroyed:
            self.read(0)

    # ---- hooks

    async def _read(self, size: int) -> None:
        more = True
        while more:
            try:
                message = await self._connection.recv()
            except self._errors.ConnectionClosedOK:
                self._end_reading()
                return
            except self._errors.ConnectionClosed as error:
                if self.readable_length and self._is_read():
                    # The reader gets the messages that came before. Its read of the empty buffer calls this hook again.
                    self._r_got_nothing()
                    return
                raise _closed_error(error) from error
            more = self.push(message)

    def _is_read(self) -> bool:
        return bool(self.readable_did_read or self.readable_flowing or self.listener_count("readable"))

    def _end_reading(self) -> None:
        """End the readable side. If the writable side is about to finish, that comes first: a pipeline ends with 'end'."""
        if self.writable_ended and not self.writable_finished:
            self.once("finish", partial(self.push, None))
        else:
            self.push(None)

    async def _write(self, message: Any) -> None:
        if not isinstance(message, (str, bytes, bytearray, memoryview)):
            raise InvalidArgTypeError(f"a message is a str or bytes, got {message!r:.80}")
        if (close := self._peer_close) is not None:
            # The library would wait for the end of the connection, which is not seen before everything is read.
            raise WebSocketClosedError(close.code, close.reason)
        try:
            await self._connection.send(message)
        except self._errors.ConnectionClosed as error:
            raise _closed_error(error) from error

    async def _final(self) -> None:
        if self._peer_close is None:
            await self._connection.close(_NORMAL)

    async def _destroy(self, error: BaseException | None) -> None:
        self._watch.cancel()
        connection = self._connection
        calm = error is None or isinstance(error, (Left, GivenUp))
        try:
            async with asyncio.timeout(_DESTROY_SECONDS):
                if self._peer_close is None:
                    await asyncio.gather(
                        connection.close(_GOING_AWAY if calm else _INTERNAL_ERROR), self._drop_the_rest()
                    )
                else:
                    # The library has answered.
                    connection.transport.close()
                    await connection.wait_closed()
        except TimeoutError:
            pass
        finally:
            connection.transport.abort()
        await connection.wait_closed()
        if error is not None:
            raise error

    async def _drop_the_rest(self) -> None:
        """Receive what comes before the close of the peer, and drop it."""
        # After a message in too many fragments, the library takes the next fragment for the start of a message, and asserts.
        with contextlib.suppress(self._errors.ConnectionClosed, AssertionError):
            while True:
                try:
                    await self._connection.recv()
                except self._errors.ConcurrencyError:
                    # The call of a _read that was cancelled is about to end.
                    await asyncio.sleep(0)

    @property
    def _peer_close(self) -> Any:
        """The close frame that has come from the peer, with its code and reason, or None."""
        return self._connection.protocol.close_rcvd

    def _refusal(self) -> WebSocketClosedError | None:
        """Return the error of a write after the peer has closed, or None."""
        code = self._connection.close_code
        return None if code is None else WebSocketClosedError(code, self._connection.close_reason or "")


def _closed_error(error: Any) -> WebSocketClosedError:
    """Return the error for a ConnectionClosed of websockets: what the peer sent, or what this side has sent."""
    close = error.rcvd or error.sent
    return (
        WebSocketClosedError(_ABNORMAL) if close is None else WebSocketClosedError(close.code, close.reason)
    )
