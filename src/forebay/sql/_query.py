"""Query: the rows of a query as a Readable."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from forebay._core.abort import AbortSignal
from forebay.sql._arguments import check_count, check_query, check_seconds
from forebay.sql._batch_size import BatchSize
from forebay.sql._connection_use import ConnectionUse
from forebay.sql._database_stream import DatabaseStream
from forebay.sql._row_shapes import ARROW, Convert, RowShape, check_shape, converter
from forebay.sql._session import Cursor
from forebay.streams.generics import Generic, Out_co
from forebay.streams.readable import Readable

__all__ = ["Query"]

# Record batches that a query with rows="arrow" reads ahead.
_ARROW_MARK = 2
# Rows of one trip, and of one record batch.
_ROWS = 1000
_ARROW_ROWS = 10_000


class Query(DatabaseStream, Readable[Out_co], Generic[Out_co]):
    """The rows of a query; `query` makes it and describes its arguments.

    ``columns`` is the names of the columns, or None before the first row; the event 'columns' reports them. ``row_count`` is
    the number of rows that the stream has given so far. ``connection_state`` is "open", then "usable" or "discarded".
    """

    def __init__(
        self,
        connection: object,
        sql: object,
        args: Sequence[Any],
        *,
        batch: int | None = None,
        batch_bytes: int = 1 << 20,
        rows: RowShape = None,
        ahead: bool = True,
        timeout: float | None = None,
        high_water_mark: int | None = None,
        signal: AbortSignal | None = None,
    ) -> None:
        check_query("sql", sql)
        if batch is not None:
            check_count("batch", batch)
        check_count("batch_bytes", batch_bytes)
        check_seconds("timeout", timeout)
        self._arrow = check_shape(rows) == ARROW
        if batch is None:
            batch = _ARROW_ROWS if self._arrow else _ROWS
        if high_water_mark is None:
            high_water_mark = _ARROW_MARK if self._arrow else batch
        self._use = ConnectionUse(connection, "query", str(sql), timeout, "rows")
        #: The statement.
        self.sql: Any = sql
        self.columns: tuple[str, ...] | None = None
        self._args = args
        self._rows = rows
        self._convert: Convert | None = None
        self._size = BatchSize(batch, batch_bytes)
        self._batch = batch
        self._most_rows = high_water_mark
        self._ahead = ahead
        self._cursor: Cursor | None = None
        # A batch that has arrived before the next `_read`.
        self._arrived: list[Any] | None = None
        self._fetching = False
        self._wanted = False
        super().__init__(object_mode=True, high_water_mark=high_water_mark, signal=signal)

    @property
    def row_count(self) -> int:
        """The number of rows that the stream has given so far."""
        return self._use.count

    # ---- hooks

    async def _open(self) -> None:
        use = self._use
        session = await use.open()
        if session.query_in_transaction:
            await use.begin()
        else:
            use.expect_implicit_transaction()
        if self._arrow:
            self._cursor = await session.query_arrow(self.sql, self._args, self._batch)
        else:
            self._cursor = await session.query(self.sql, self._args, self._size.rows)
        self.columns = self._cursor.columns
        self._convert = converter(self._rows, self.columns)
        self._s_tell("columns", self.columns)

    def _read(self, size: int) -> None:
        self._wanted = True
        if self._arrived is not None:
            self._deliver()
        elif not self._fetching:
            self._fetch()

    async def _wind_up(self) -> None:
        cursor, self._cursor = self._cursor, None
        if cursor is not None:
            await cursor.close()

    # ---- batches

    def _fetch(self) -> None:
        self._fetching = True
        self._use.run(self._next(), self._fetched)

    async def _next(self) -> list[Any]:
        assert self._cursor is not None
        batch = await self._cursor.fetch(self._size.rows)
        if not batch:
            # Commit before the end is pushed, so that 'error' replaces 'end' if the commit fails.
            await self._wind_up()
            await self._use.commit()
        return batch

    def _fetched(self, batch: list[Any] | None, error: BaseException | None) -> None:
        self._fetching = False
        if error is not None:
            self.destroy(error)
            return
        self._arrived = batch
        if self._wanted:
            self._deliver()

    def _deliver(self) -> None:
        """Push the batch that has arrived, after ordering the next one."""
        batch, self._arrived = self._arrived, None
        self._wanted = False
        if not batch:
            self._whole = True
            self.push(None)
            return
        if not self._arrow:
            self._size.saw(batch)
            # With wide rows the buffer holds fewer rows, so that its bytes are bounded too.
            self._s_set_read_mark(min(self._most_rows, self._size.rows))
        if self._convert is not None:
            try:
                batch = self._convert(batch)
            except Exception as error:
                self._use.annotate(error)
                self.destroy(error)
                return
        if self._ahead:
            self._fetch()
        self._use.count += sum(part.num_rows for part in batch) if self._arrow else len(batch)
        self.push_many(batch)
