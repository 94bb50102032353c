# cython: nonecheck=True
"""TLS on a socket: the standard library's `ssl` between the channel and the stream.

The records go through memory (`ssl.MemoryBIO`) and not through a transport of the loop. So one receive takes many records,
the channel's gather writes send the ciphertext, an open connection can be upgraded, and asyncio and uvloop
behave alike. `Records` turns what was received into blocks, and blocks into what is sent.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, Any

from forebay._core.fields import give_defaults
from forebay._core.seconds import check_seconds
from forebay._core.state.completion import Completion
from forebay._system.cleanup import run_all
from forebay._tls.records import Records
from forebay.errors import AlreadyConnectedError, InvalidArgTypeError, PrematureCloseError

if TYPE_CHECKING:
    from forebay.net._channel import Channel
    from forebay.streams.duplex import Duplex

__all__ = ["Secure"]

#: Plain bytes after which the ciphertext is taken out; it becomes one chunk of the queue.
_BATCH_BYTES = 65536


class Secure:
    """The layer of a channel that encrypts and decrypts. `start` begins with the handshake."""

    object: ssl.SSLObject
    _stream: Any
    _channel: Any
    _records: Any
    _timeout: float
    _timer: Any
    _shaken: Any
    _ready: bool
    _over: bool
    _early: Any
    _early_done: Any
    _plain: Any

    def __init__(
        self,
        stream: Duplex,
        channel: Channel,
        context: ssl.SSLContext | bool,
        server_side: bool,
        server_hostname: str | None,
        handshake_timeout: float,
    ) -> None:
        if channel.layer is not None:
            raise AlreadyConnectedError("start_tls() on a socket that is encrypted already")
        if context is True and not server_side:
            context = ssl.create_default_context()
        if not isinstance(context, ssl.SSLContext):
            raise InvalidArgTypeError(
                f"context must be an ssl.SSLContext{'' if server_side else ' or True'}, got {context!r}"
            )
        check_seconds("handshake_timeout", handshake_timeout)
        self._stream = stream
        self._channel = channel
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.object = context.wrap_bio(
            incoming, outgoing, server_side=server_side, server_hostname=server_hostname
        )
        self._records = Records(self.object, incoming, outgoing)
        self._timeout = handshake_timeout
        self._timer = None
        self._shaken = None
        self._ready = False
        self._over = False
        # Plain bytes: written before the handshake was done, or decrypted before the SSL object was shut down.
        self._early = []
        self._early_done = None
        self._plain = []

    async def start(self) -> None:
        """Perform the handshake. If it fails, raise its error; the socket is destroyed then."""
        stream = self._stream
        loop = asyncio.get_running_loop()
        if stream.writable_length:
            await self._until_written(loop)
        self._shaken = loop.create_future()
        self._timer = loop.call_later(self._timeout, self._too_late)
        self._channel.layer = self
        try:
            # Data after the last plain bytes belongs to the handshake, which fails if an attacker inserted the data.
            records = self._records
            while (data := stream._s_read_rest()) is not None:
                records.feed(data)
            self._go_on()
            await self._shaken
        except BaseException as error:
            if not stream.destroyed and isinstance(error, Exception):
                self.failed(error)
            stream.destroy()
            if self._shaken.done() and not self._shaken.cancelled():
                # The error is raised here.
                self._shaken.exception()
            raise
        finally:
            self._timer.cancel()

    async def _until_written(self, loop: asyncio.AbstractEventLoop) -> None:
        written: asyncio.Future[None] = loop.create_future()

        def tell(error: BaseException | None) -> None:
            if not written.done():
                if error is None:
                    written.set_result(None)
                else:
                    written.set_exception(error)

        self._stream.write(b"", None, tell)
        await written

    def _too_late(self) -> None:
        self.failed(TimeoutError(f"the TLS handshake was not done in {self._timeout:g} seconds"))

    def failed(self, error: BaseException) -> None:
        """Note that the handshake failed, or that the connection is broken."""
        self._over = True
        self._channel.note_fault(error)
        self._send_alert()
        if self._shaken is not None and not self._shaken.done():
            self._shaken.set_exception(error)
            # The caller of start_tls() gets the error. The stream's 'error' listeners get it as well, if there are any.
            if not self._stream.listener_count("error"):
                self._stream.destroy()
                return
        self._stream.destroy(error)

    def close(self, error: BaseException | None) -> None:
        """Note that the socket is destroyed."""
        self._over = True
        self._plain.clear()
        self._early.clear()
        error = error or PrematureCloseError("the socket was destroyed during the TLS handshake")
        if self._timer is not None:
            self._timer.cancel()
        if self._shaken is not None and not self._shaken.done():
            self._shaken.set_exception(error)
        done, self._early_done = self._early_done, None
        if done is not None:
            done.reject(error)

    def _flush(self) -> None:
        """Send the records that the SSL object has made."""
        records = self._records
        if records.holds_output():
            self._channel.put(records.take())

    # ---- the handshake

    def _go_on(self) -> None:
        """Continue the handshake with the data that has arrived."""
        try:
            self.object.do_handshake()
        except ssl.SSLWantReadError:
            self._send_or_fail()
            if not self._over:
                self._channel.read(0)
            return
        except (ssl.SSLError, ssl.CertificateError) as error:
            self.failed(error)
            return
        self._ready = True
        self._send_or_fail()
        if self._over:
            return
        early, self._early = self._early, []
        done, self._early_done = self._early_done, None
        assert self._shaken is not None
        if not self._shaken.done():
            self._shaken.set_result(None)
        # An exception of a listener does not delay the data. The data is pushed after the task that awaits the handshake has
        # resumed and can add its listeners.
        run_all(
            lambda: self._stream._s_tell("secure"),
            lambda: self._write_early(early, done),
            lambda: asyncio.get_running_loop().call_soon(self._decrypt),
        )

    def _send_or_fail(self) -> None:
        try:
            self._flush()
        except OSError as error:
            self.failed(error)

    def _write_early(self, early: list[Any], done: Completion | None) -> None:
        if done is None or self._over:
            return
        try:
            self._encrypt(early)
        except OSError as error:
            done.reject(error)
            return
        if self._channel.sent_all(done):
            done.resolve()

    # ---- receiving

    def read(self) -> bool:
        """Return whether the stream got buffered data or the end."""
        if not self._ready:
            return False
        return self._decrypt()

    def received(self, data: bytes) -> None:
        """Receive records, or parts of records."""
        records = self._records
        records.feed(data)
        if self._ready:
            self._decrypt()
        else:
            self._go_on()

    def received_end(self) -> None:
        """Note that the peer has ended the underlying connection."""
        records = self._records
        records.feed_end()
        if self._ready:
            self._decrypt()
        else:
            self.failed(
                ssl.SSLEOFError(ssl.SSL_ERROR_EOF, "the peer ended the connection during the TLS handshake")
            )

    def _decrypt(self) -> bool:
        """Push decrypted data while the stream wants more. Return whether there was any."""
        try:
            return self._decrypt_wanted()
        except BaseException:
            # A listener raised this. Data received together with the refused chunk must not be held back.
            asyncio.get_running_loop().call_soon(self._decrypt)
            raise

    def _decrypt_wanted(self) -> bool:
        channel = self._channel
        records = self._records
        handed = False
        while channel.wanted and not self._over:
            if self._plain:
                channel.deliver(self._plain.pop(0))
                handed = True
                continue
            try:
                data = records.read_block()
            except ssl.SSLError as error:
                self.failed(error)
                return True
            if data is None:
                break
            if data:
                channel.deliver(data)
                handed = True
                continue
            channel.deliver(None)
            return True
        if not self._over:
            # Send the response to a key update, for example.
            self._send_or_fail()
        return handed

    # ---- sending

    def write(self, chunk: Any) -> Completion | None:
        """The ``_write`` hook."""
        return self.writev([chunk])

    def writev(self, chunks: list[Any]) -> Completion | None:
        """The ``_writev`` hook."""
        if not self._ready:
            self._early.extend(chunks)
            self._early_done = Completion()
            return self._early_done  # type: ignore[no-any-return]  # a field is Any
        self._encrypt(chunks)
        done = Completion()
        return None if self._channel.sent_all(done) else done

    def _encrypt(self, chunks: list[Any]) -> None:
        if len(chunks) > 1:
            self._encrypt_many(chunks)
        else:
            self._encrypt_one(chunks[0])
        self._flush()

    def _encrypt_many(self, chunks: list[Any]) -> None:
        """Encrypt chunks in their order, and small ones next to each other together: each record has its price."""
        small: list[Any] = []
        size = 0
        for chunk in chunks:
            if len(chunk) + size > _BATCH_BYTES:
                self._encrypt_one(b"".join(small))
                small = []
                size = 0
            if len(chunk) > _BATCH_BYTES:
                self._encrypt_one(chunk)
            else:
                small.append(chunk)
                size += len(chunk)
        self._encrypt_one(b"".join(small))

    def _encrypt_one(self, chunk: Any) -> None:
        records = self._records
        size = len(chunk)
        if size > _BATCH_BYTES:
            view = memoryview(chunk)
            try:
                for at in range(0, size, _BATCH_BYTES):
                    records.seal(view[at : at + _BATCH_BYTES])
                    self._flush()
            finally:
                view.release()
        elif size:
            records.seal(chunk)
            if records.outgoing.pending >= _BATCH_BYTES:
                self._flush()

    def final(self) -> Any:
        """The ``_final`` hook: announce the end to the peer, inside TLS and below it."""
        if self._ready:
            # The shutdown also looks for the peer's answer, and would fail on unread data.
            while self.object.pending():
                self._plain.append(self.object.read(_BATCH_BYTES))
            records = self._records
            unread = records.incoming.read()
            self._announce_end()
            records.feed(unread)
            self._flush()
        return self._channel.finish()

    def _send_alert(self) -> None:
        """Tell the peer the reason of a failure."""
        try:
            self._flush()
        except OSError:
            # The connection is broken.
            return

    def _announce_end(self) -> None:
        try:
            self.object.unwrap()
        except ssl.SSLError:
            # The peer has not announced its end yet.
            return


give_defaults(Secure)
