"""CopyOut: a table or a query as a Readable of bytes, which the server writes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from forebay._core.abort import AbortSignal
from forebay.sql._arguments import check_copy, check_seconds, check_statement
from forebay.sql._connection_use import ConnectionUse
from forebay.sql._database_stream import DatabaseStream
from forebay.sql._session import BlockSource
from forebay.streams.readable import Readable

__all__ = ["CopyOut"]

_MARK = 256 * 1024


class CopyOut(DatabaseStream, Readable[bytes]):
    """The bytes of a table or a query; `copy_out` makes it and describes its arguments.

    ``bytes_read`` is the number of bytes that came from the server so far. ``connection_state`` is "open", then "usable" or
    "discarded".
    """

    def __init__(
        self,
        connection: object,
        source: str,
        args: Sequence[Any],
        *,
        format: str = "csv",
        header: bool = False,
        delimiter: str | None = None,
        null: str | None = None,
        timeout: float | None = None,
        high_water_mark: int | None = None,
        signal: AbortSignal | None = None,
    ) -> None:
        check_statement("source", source)
        check_seconds("timeout", timeout)
        self._options = check_copy(format, header, delimiter, null)
        self._use = ConnectionUse(connection, "copy_out", source, timeout, "bytes")
        #: The table or the query.
        self.source = source
        self._args = args
        self._blocks: BlockSource | None = None
        super().__init__(high_water_mark=_MARK if high_water_mark is None else high_water_mark, signal=signal)

    @property
    def bytes_read(self) -> int:
        """The number of bytes that came from the server so far."""
        return self._use.count

    # ---- hooks

    async def _open(self) -> None:
        use = self._use
        session = await use.open()
        if session.in_transaction():
            # A savepoint, so that the caller's transaction survives a COPY that is left early.
            await use.begin()
        else:
            use.expect_implicit_transaction()
        self._blocks = await session.copy_out(self.source, self._args, self._options)

    def _read(self, size: int) -> None:
        self._use.run(self._next(), self._arrived)

    async def _next(self) -> bytes:
        assert self._blocks is not None
        block = await self._blocks.read()
        if not block:
            await self._wind_up()
            await self._use.commit()
        return block

    def _arrived(self, block: bytes | None, error: BaseException | None) -> None:
        if error is not None:
            self.destroy(error)
        elif block:
            self._use.count += len(block)
            self.push(block)
        else:
            self._whole = True
            self.push(None)

    async def _wind_up(self) -> None:
        blocks, self._blocks = self._blocks, None
        if blocks is not None:
            await blocks.close()
