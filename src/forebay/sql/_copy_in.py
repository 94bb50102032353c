"""CopyIn: a table as a Writable of bytes, which the server reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from forebay._core.abort import AbortSignal
from forebay._core.state.completion import Completion
from forebay.sql._arguments import check_choice, check_columns, check_copy, check_named, check_seconds
from forebay.sql._connection_use import ConnectionUse
from forebay.sql._database_stream import DatabaseStream
from forebay.sql._header_line import header_names
from forebay.sql._session import BlockSink
from forebay.sql._table_names import parse_table
from forebay.streams.generics import Buffer
from forebay.streams.writable import Writable

__all__ = ["CopyIn"]

_MARK = 1024 * 1024
_TRANSACTIONS = ("stream", None)


class CopyIn(DatabaseStream, Writable[Buffer]):
    """Bytes into a table; `copy_in` makes it and describes its arguments.

    ``bytes_written`` is the number of bytes that were handed to the driver. ``rows_committed`` is the number of rows that are
    committed, or None if the driver does not report it. ``connection_state`` is "open", then "usable" or "discarded".
    """

    def __init__(
        self,
        connection: object,
        table: str,
        *,
        columns: Sequence[str] | None = None,
        format: str = "csv",
        header: bool | Literal["columns"] = False,
        delimiter: str | None = None,
        null: str | None = None,
        transaction: str | None = "stream",
        timeout: float | None = None,
        high_water_mark: int | None = None,
        signal: AbortSignal | None = None,
    ) -> None:
        self._table = parse_table("table", table)
        self._columns = check_columns("columns", columns)
        self._named = header == "columns"
        if self._named:
            check_named(format, self._columns)
        self._options = check_copy(format, self._named or header, delimiter, null)
        check_choice("transaction", transaction, _TRANSACTIONS)
        check_seconds("timeout", timeout)
        self._use = ConnectionUse(connection, "copy_in", table, timeout, "bytes")
        #: The table.
        self.table = table
        self.rows_committed: int | None = 0
        self._transaction = transaction
        self._blocks: BlockSink | None = None
        # The bytes received before the header line is complete.
        self._head = b""
        super().__init__(high_water_mark=_MARK if high_water_mark is None else high_water_mark, signal=signal)

    @property
    def bytes_written(self) -> int:
        """The number of bytes that were handed to the driver."""
        return self._use.count

    # ---- hooks

    async def _open(self) -> None:
        use = self._use
        session = await use.open()
        if self._transaction == "stream" or session.in_transaction():
            await use.begin()
        else:
            use.expect_implicit_transaction()
        if not self._named:
            await self._start(self._columns)

    async def _start(self, columns: tuple[str, ...] | None) -> None:
        self._blocks = await self._use.session.copy_in(self._table, columns, self._options)

    def _write(self, chunk: Any) -> Completion:
        return self._writev([chunk])

    def _writev(self, chunks: list[Any]) -> Completion:
        return self._use.hook(self._send(chunks))

    async def _send(self, chunks: list[Any]) -> None:
        if self._blocks is None:
            self._head += b"".join(chunks)
            names = header_names(self._head, self._options.delimiter)
            if names is None:
                return
            await self._start(names)
            chunks, self._head = [self._head], b""
        assert self._blocks is not None
        await self._blocks.write(chunks)
        self._use.count += sum(map(len, chunks))

    def _final(self) -> Completion:
        return self._use.hook(self._finish())

    async def _finish(self) -> None:
        if self._blocks is None:
            # The data ends with its header line: check the names in it. There are no rows.
            await self._start(header_names(self._head, self._options.delimiter, ended=True))
        assert self._blocks is not None
        rows = await self._blocks.finish()
        self._blocks = None
        await self._use.commit()
        self._whole = True
        self.rows_committed = rows

    async def _wind_up(self) -> None:
        blocks, self._blocks = self._blocks, None
        if blocks is not None:
            await blocks.abort()
