"""The system calls of a socket, made in place of asyncio's transport."""

from __future__ import annotations

from typing import Any

from forebay._buffers import ChunkQueue
from forebay._core.fields import give_defaults
from forebay._system.syscalls import gather, send


class SocketCalls:
    """A protocol that receives and sends for its transport.

    The transport of asyncio's own loop spends more time on a plain socket than the system does. Only there a protocol makes the
    system calls itself.
    """

    _socket: Any
    _fd: int

    def _take_over(self, transport: Any, fd: int) -> None:
        """Receive and send for a transport of asyncio's loop; ``fd`` is that of its socket."""
        self._socket = transport
        self._fd = fd
        transport._read_ready_cb = self._on_readable

    def _let_go(self) -> None:
        """Leave the descriptor alone: the connection is lost, or TLS has it."""
        self._socket = None
        self._fd = -1

    def _on_readable(self) -> None:
        """Receive; the loop calls this instead of the transport's method of that name, with the same errors."""
        raise NotImplementedError

    def _send(self, data: Any) -> int:
        """Send a bytes-like object if the transport has none queued. The transport gets what the socket does not take."""
        transport = self._socket
        size = len(data)
        if size == 0 or transport._conn_lost or transport._empty_waiter is not None or transport._buffer:
            transport.write(frozen(data))
            return 0
        try:
            taken = send(self._fd, data)
        except OSError as error:
            # After write_eof() with nothing buffered the socket is shut down: to ask before would cost every write.
            if transport._eof:
                transport.write(data)
            else:
                transport._fatal_error(error, "Fatal write error on socket transport")
            return 0
        if taken < 0:
            transport.write(frozen(data))
        elif taken < size:
            transport.write(frozen(memoryview(data)[taken:]))
        return 0

    def _send_pieces(self, pieces: list[Any]) -> int:
        """Send bytes-like objects that cannot change, by one system call where possible. Otherwise as `_send`."""
        transport = self._socket
        if transport._conn_lost or transport._empty_waiter is not None or transport._buffer:
            for piece in pieces:
                transport.write(piece)
            return 0
        queue = ChunkQueue()
        for piece in pieces:
            if len(piece):
                queue.append(piece)
        try:
            while queue.nbytes and gather(queue, self._fd) >= 0:
                pass
        except OSError as error:
            if transport._eof:
                transport.write(queue.popleft())
            else:
                transport._fatal_error(error, "Fatal write error on socket transport")
            return 0
        while queue.nbytes:
            transport.write(queue.read_view(queue.nbytes))
        return 0


def frozen(data: Any) -> Any:
    """Return the same bytes as an object that cannot change: a copy, unless ``data`` cannot change.

    Raises:
        TypeError: ``data`` is not a bytes-like object.
    """
    if isinstance(data, bytes):
        return data
    try:
        view = memoryview(data)
    except TypeError:
        raise TypeError(f"data argument must be a bytes-like object, not {type(data).__name__!r}") from None
    # A view of bytes is not copied.
    if type(view.obj) is bytes and view.c_contiguous and view.itemsize == 1:
        return view
    return bytes(view)


give_defaults(SocketCalls)
