"""The base of Query, Insert, CopyOut and CopyIn: the use of a connection, from its opening to 'close'."""

from __future__ import annotations

from typing import Self

from forebay._core.state.completion import Completion
from forebay._core.state.stream import Stream
from forebay.sql._connection_use import ConnectionUse, shortened

__all__ = ["DatabaseStream"]


class DatabaseStream(Stream):
    """A stream that uses a database connection alone, from its construction to 'close'."""

    _use: ConnectionUse
    # Whether all work is done: otherwise the transaction is rolled back at the end.
    _whole = False

    async def _open(self) -> None:
        """Get the connection and start the statement."""
        raise NotImplementedError

    async def _wind_up(self) -> None:
        """Close the cursor or the COPY that is open on the connection."""
        raise NotImplementedError

    @property
    def connection_state(self) -> str:
        """ "open" while the stream may use the connection; after 'close', "usable" or "discarded"."""
        return self._use.state

    def _s_label(self) -> object:
        return repr(shortened(self._use.statement))

    def _construct(self) -> Completion:
        return self._use.construct(self._open())

    def destroy(self, error: BaseException | None = None) -> Self:
        """Destroy the stream as `Readable.destroy` and `Writable.destroy` do.

        The statement on the server is cancelled, and an open transaction of the stream is rolled back.

        Args:
            error: The exception that 'error' reports, or None.

        Returns:
            The stream.
        """
        self._use.stop()
        super().destroy(error)
        return self

    def _destroy(self, error: BaseException | None) -> Completion:
        return self._use.close(error, self._wind_up, self._whole)
