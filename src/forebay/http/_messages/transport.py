# cython: nonecheck=True
"""What a message asks of the connection that carries it."""

from __future__ import annotations

from typing import Any

from forebay._core.listeners import Listener
from forebay.streams.duplex import Duplex


class MessageTransport(Listener):
    """A connection, as its messages see it. `_socket` is the stream below."""

    _socket: Duplex

    def _body_wanted(self, incoming: Any) -> None:
        """The program reads the body of ``incoming``."""

    def _listeners_changed(self, incoming: Any) -> None:
        """The listeners of ``incoming`` have changed."""

    def _incoming_closed(self, incoming: Any, error: Any) -> None:
        """``incoming`` was destroyed, read to its end or not."""

    def _outgoing_finished(self, outgoing: Any) -> None:
        """All of ``outgoing`` was handed to the socket."""

    def _outgoing_given_up(self, outgoing: Any, error: Any) -> None:
        """``outgoing`` was destroyed before its end."""

    def _await_drain(self) -> None:
        """A message waits for room in the socket."""

    def _handler_done(self, outgoing: Any, error: Any) -> None:
        """The asynchronous handler that makes ``outgoing`` is through."""
