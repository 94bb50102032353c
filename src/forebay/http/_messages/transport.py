# cython: nonecheck=True
"""The interface between a message and the connection that carries it."""

from __future__ import annotations

from typing import Any

from forebay._core.fields import give_defaults
from forebay._core.listeners import Listener
from forebay.streams.duplex import Duplex


class MessageTransport(Listener):
    """A connection as its messages use it. `_socket` is the underlying stream."""

    _socket: Duplex
    #: Whether this decodes the bodies of its messages.
    _decodes: bool

    def _body_limit(self) -> int | None:
        """Return the most bytes that a body may have; None for no limit."""
        return None

    def _body_wanted(self, incoming: Any) -> None:
        """Note that the program reads the body of ``incoming``."""

    def _listeners_changed(self, incoming: Any) -> None:
        """Note that the listeners of ``incoming`` have changed."""

    def _incoming_closed(self, incoming: Any, error: Any) -> None:
        """Note that ``incoming`` was destroyed, before or after its end."""

    def _outgoing_finished(self, outgoing: Any) -> None:
        """Note that the socket has taken all of ``outgoing``."""

    def _outgoing_given_up(self, outgoing: Any, error: Any) -> None:
        """Note that ``outgoing`` was destroyed before its end."""

    def _await_drain(self) -> None:
        """Note that a message waits for room in the socket."""

    def _handler_done(self, outgoing: Any, error: Any) -> None:
        """Note that the async handler that makes ``outgoing`` has ended."""


give_defaults(MessageTransport)
