"""The direct path of a socket as a source: decide, for each receive, whether the kernel moves the bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from forebay._core.state.pipe import sole_destination
from forebay.fs._write_stream import WriteStream
from forebay.net._direct.socket_to_file import SocketToFile
from forebay.net._direct.socket_to_socket import SocketToSocket
from forebay.streams.duplex import Duplex
from forebay.streams.readable import Readable

if TYPE_CHECKING:
    from forebay.net._channel import Channel

__all__ = ["KernelPath"]


class KernelPath:
    """The direct path of one socket. The channel of a piped socket calls it whenever data has arrived."""

    def __init__(self, source: Duplex, channel: Channel) -> None:
        self._source = source
        self._channel = channel
        self._route: SocketToSocket | SocketToFile | None = None
        self._fit = type(source).push is Readable.push

    def take_over(self) -> bool:
        """Return whether the kernel path handles the arrived data."""
        channel = self._channel
        if not self._fit or channel.layer is not None:
            return False
        route = self._route
        dest = sole_destination(self._source)
        if route is not None:
            if route.dest is dest:
                return route.take_over()
            self.leave()
        if dest is None or not channel.brisk:
            return False
        if isinstance(dest, WriteStream):
            self._route = SocketToFile(self._source, dest, channel)
        else:
            out = getattr(dest, "_channel", None)
            if out is None or type(out) is not type(channel):
                # The destination has no direct path, so do not check it again.
                channel.kernel_path = None
                return False
            self._route = SocketToSocket(self._source, dest, channel, out)
        return self._route.take_over()

    def leave(self) -> None:
        """Leave the direct path: the bytes take the ordinary path, or there are no more."""
        route, self._route = self._route, None
        if route is not None:
            route.leave()
