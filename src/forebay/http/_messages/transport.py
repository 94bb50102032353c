# cython: nonecheck=True
"""What a message asks of the connection that carries it."""

from forebay._core.listeners import Listener


class Carrier(Listener):
    """A connection, as its messages see it. `_socket` is the stream below."""

    def _body_wanted(self, incoming):
        """Somebody reads the body of ``incoming``."""

    def _incoming_closed(self, incoming, error):
        """``incoming`` was destroyed, read to its end or not."""

    def _outgoing_finished(self, outgoing):
        """All of ``outgoing`` was handed to the socket."""

    def _outgoing_given_up(self, outgoing, error):
        """``outgoing`` was destroyed before its end."""

    def _await_drain(self):
        """A message waits for room in the socket."""

    def _handler_done(self, outgoing, error):
        """The asynchronous handler that makes ``outgoing`` is through."""
