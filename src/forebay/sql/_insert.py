"""Insert: a table, or a statement, as a Writable of rows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from operator import itemgetter
from typing import Any

from forebay._core.abort import AbortSignal
from forebay._core.scheduling.ticks import next_tick
from forebay._core.state.completion import Completion
from forebay._core.state.many import take_waiting
from forebay.errors import InvalidArgTypeError, InvalidArgValueError, StreamDestroyedError
from forebay.formats._record_batches import is_batch, tuples_of
from forebay.sql._arguments import (
    METHODS,
    TRANSACTIONS,
    check_choice,
    check_columns,
    check_count,
    check_seconds,
    check_statement,
)
from forebay.sql._connection_use import ConnectionUse, shortened
from forebay.sql._database_stream import DatabaseStream
from forebay.sql._session import InsertPlan, RowSink
from forebay.sql._table_names import is_statement, parse_table
from forebay.streams.generics import Generic, In_contra
from forebay.streams.writable import Writable

__all__ = ["Insert"]

_CONFLICTS = (None, "ignore", "update")
# The largest high-water mark, in record batches, of an insert that gets record batches. Each has thousands of rows.
_BATCH_MARK = 2
# Chunks from which on write() returns False while the connection is being opened.
_FIRST_MARK = 16


class Insert(DatabaseStream, Writable[In_contra], Generic[In_contra]):
    """Rows into a table; `insert` makes it and describes its arguments.

    ``rows_written`` is the number of rows that were handed to the driver. ``rows_committed`` is the number of rows that are
    committed; each commit emits 'commit' with this number. ``connection_state`` is "open", then "usable" or "discarded".
    """

    def __init__(
        self,
        connection: object,
        into: str,
        *,
        columns: Sequence[str] | None = None,
        batch: int = 1000,
        linger: float | None = None,
        method: str = "auto",
        transaction: str | None = "stream",
        on_conflict: str | None = None,
        key: Sequence[str] | None = None,
        timeout: float | None = None,
        high_water_mark: int | None = None,
        signal: AbortSignal | None = None,
    ) -> None:
        check_statement("into", into)
        self._plan = _plan(into, columns, method, on_conflict, key)
        check_count("batch", batch)
        check_seconds("linger", linger)
        check_seconds("timeout", timeout)
        check_choice("transaction", transaction, TRANSACTIONS)
        # Until the connection is open it is not known whether the chunks are rows or record batches.
        self._mark = batch if high_water_mark is None else high_water_mark
        first_mark = min(batch, _FIRST_MARK) if high_water_mark is None else high_water_mark
        self._use = ConnectionUse(connection, "insert", into, timeout, "rows")
        #: The table or the statement.
        self.into = into
        self.rows_committed = 0
        self._batch = batch
        self._linger = linger
        self._transaction = transaction
        self._sink: RowSink | None = None
        self._pick: Callable[[Any], Any] | None = None
        self._first_seen = False
        # Whether the chunks are record batches.
        self._columnar = False
        self._gathered: list[Any] = []
        self._timer: asyncio.TimerHandle | None = None
        # Whether gathered rows are being sent after `linger`, and the hook that waits for this: its completion and its work.
        self._sending = False
        self._held: tuple[Completion, Callable[[], Coroutine[Any, Any, None]]] | None = None
        super().__init__(object_mode=True, high_water_mark=first_mark, signal=signal)

    @property
    def rows_written(self) -> int:
        """The number of rows that were handed to the driver."""
        return self._use.count

    # ---- hooks

    async def _open(self) -> None:
        await self._use.open()
        if self._transaction == "stream":
            await self._use.begin()
        elif self._transaction is None and self._use.is_own:
            # The program has no access to this connection, so the stream commits a transaction that the driver begins by itself.
            self._use.expect_implicit_transaction()

    def _write(self, row: Any) -> Completion:
        # The rows that the writer adds before it returns to the loop are sent with this one.
        done = Completion()
        next_tick(self._write_waiting, row, done)
        return done

    def _write_waiting(self, row: Any, done: Completion) -> None:
        if self.destroyed:
            done.reject(StreamDestroyedError("a row was not sent: the stream was destroyed"))
            return
        try:
            self._accept([row, *(take_waiting(self) or ())], done)
        except Exception as error:
            done.reject(error)

    def _writev(self, rows: list[Any]) -> Completion:
        done = Completion()
        self._accept(rows, done)
        return done

    def _accept(self, rows: list[Any], done: Completion) -> None:
        """Send rows, or keep them for `linger`. ``done`` gets the outcome."""
        if not self._first_seen:
            self._look_at(rows[0])
        if self._columnar:
            rows = self._batches(rows)
        elif self._pick is not None:
            rows = list(map(self._pick, rows))
        if self._linger is None:
            self._use.hook(self._send(rows), done)
            return
        self._gathered += rows
        if self._sending or len(self._gathered) >= self._batch:
            self._when_sent(self._send_gathered, done)
            return
        self._start_timer()
        done.resolve()

    def _final(self) -> Completion:
        done = Completion()
        self._when_sent(self._finish, done)
        return done

    async def _wind_up(self) -> None:
        self._stop_timer()
        self._gathered.clear()
        sink, self._sink = self._sink, None
        if sink is not None:
            await sink.abort()

    # ---- rows

    def _look_at(self, row: Any) -> None:
        """Take the columns from the first row, if it has names."""
        self._first_seen = True
        self._s_set_write_mark(self._mark)
        if is_batch(row):
            self._columnar = True
            self._s_set_write_mark(min(self._mark, _BATCH_MARK))
            return
        if self._plan.statement is not None:
            return
        keys = getattr(row, "keys", None)
        if not callable(keys):
            return
        names = tuple(keys())
        if self._plan.columns is None:
            self._plan = replace(self._plan, columns=names)
        self._pick = row_maker(self._plan.columns or names)

    def _batches(self, chunks: list[Any]) -> list[Any]:
        """Return record batches as they are, or their rows if the driver does not take batches."""
        for chunk in chunks:
            if not is_batch(chunk):
                raise InvalidArgTypeError(f"a row follows record batches: {chunk!r}")
        if self._plan.statement is not None:
            return list(chain.from_iterable(map(tuples_of, chunks)))
        columns = self._plan.columns
        if columns is None:
            columns = tuple(chunks[0].schema.names)
            self._plan = replace(self._plan, columns=columns)
        chunks = [_selected(chunk, columns) for chunk in chunks]
        if self._use.session.takes_batches and self._plan.method in ("auto", "copy"):
            return chunks
        return list(chain.from_iterable(map(tuples_of, chunks)))

    async def _send(self, rows: list[Any]) -> None:
        for at in range(0, len(rows), self._batch):
            await self._send_batch(rows[at : at + self._batch])

    async def _send_batch(self, rows: list[Any]) -> None:
        by_batch = self._transaction == "batch"
        if self._sink is None:
            if by_batch:
                await self._use.begin()
            self._sink = await self._use.session.row_sink(self._plan)
        await self._sink.write(rows)
        self._use.count += sum(row.num_rows for row in rows) if is_batch(rows[0]) else len(rows)
        if self._transaction != "stream":
            await self._finish_sink()
            await self._use.commit()
            self._committed()

    async def _finish_sink(self) -> None:
        if self._sink is not None:
            await self._sink.finish()
            self._sink = None

    def _committed(self) -> None:
        if self.rows_committed != self.rows_written:
            self.rows_committed = self.rows_written
            self._s_tell("commit", self.rows_committed)

    async def _finish(self) -> None:
        await self._send_gathered()
        await self._finish_sink()
        await self._use.commit()
        self._whole = True
        self._committed()

    # ---- linger

    def _start_timer(self) -> None:
        if self._timer is None:
            assert self._linger is not None
            self._timer = asyncio.get_running_loop().call_later(self._linger, self._lingered)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _lingered(self) -> None:
        self._timer = None
        self._sending = True
        self._use.run(self._send_gathered(), self._sent)

    def _sent(self, _: None, error: BaseException | None) -> None:
        self._sending = False
        held, self._held = self._held, None
        if error is None:
            if held is not None:
                self._use.hook(held[1](), held[0])
        elif held is not None:
            held[0].reject(error)
        else:
            self.destroy(error)

    def _when_sent(self, work: Callable[[], Coroutine[Any, Any, None]], done: Completion) -> None:
        """Run the work of a hook, after the rows that have lingered were sent."""
        if self._sending:
            self._held = (done, work)
        else:
            self._use.hook(work(), done)

    async def _send_gathered(self) -> None:
        self._stop_timer()
        rows, self._gathered = self._gathered, []
        await self._send(rows)


def _plan(into: str, columns: object, method: str, on_conflict: str | None, key: object) -> InsertPlan:
    """Check the arguments that say where the rows go, and how."""
    names = check_columns("columns", columns)
    keys = check_columns("key", key) or ()
    check_choice("method", method, METHODS)
    check_choice("on_conflict", on_conflict, _CONFLICTS)
    if on_conflict == "update" and not keys:
        raise InvalidArgValueError(
            'on_conflict="update" needs key: the columns that identify a row, like key=("id",)'
        )
    if not is_statement(into):
        return InsertPlan(parse_table("into", into), None, names, method, on_conflict, keys)
    for name, given in (("columns", names), ("on_conflict", on_conflict), ("key", keys)):
        if given:
            raise InvalidArgValueError(
                f"{name} is for the name of a table; into is a statement, {shortened(into)!r}"
            )
    if method not in ("auto", "executemany"):
        raise InvalidArgValueError(f"method={method!r} needs the name of a table; into is a statement")
    return InsertPlan(None, into, None, method, None, ())


def row_maker(columns: tuple[str, ...]) -> Callable[[Any], Any]:
    """Return the function that makes a tuple in the order of ``columns`` from a row with names.

    A row that lacks a column raises InvalidArgValueError: its value would be lost, or another one's.
    """
    if len(columns) == 1:
        (name,) = columns
        pick: Callable[[Any], Any] = lambda row: (row[name],)  # noqa: E731 - the other branch is no def either
    else:
        pick = itemgetter(*columns)
    return partial(_checked, pick, len(columns))


def _selected(batch: Any, columns: Sequence[str]) -> Any:
    """Return the columns of a record batch, in the order in which they are inserted."""
    names = batch.schema.names
    if sorted(names) != sorted(columns):
        raise InvalidArgValueError(
            f"a record batch has the columns {', '.join(names)}, and {', '.join(columns)} are needed"
        )
    return batch if names == list(columns) else batch.select(list(columns))


def _checked(pick: Callable[[Any], Any], width: int, row: Any) -> Any:
    if len(row) != width:
        raise InvalidArgValueError(
            f"a row has {len(row)} columns where the first had {width}: {tuple(row.keys())!r}"
        )
    return pick(row)
