"""The stages of a copy of rows: from a database, to a database, or both."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from forebay import sql
from forebay._core.abort import AbortSignal
from forebay.cli.commands.byte_route import ByteRoute
from forebay.cli.commands.copy_options import option_of
from forebay.cli.endpoints.column_values import ColumnValues, columns_statement, forms_of
from forebay.cli.endpoints.databases import DatabaseSource, DatabaseTarget
from forebay.cli.endpoints.formats import RowFormat, format_of
from forebay.cli.endpoints.row_stages import (
    CopiedJson,
    CsvRows,
    JsonArray,
    JsonValues,
    PlainValues,
    WholeRows,
    array_text,
    json_text,
)
from forebay.cli.output.failure import Failure, in_one_line
from forebay.errors import AbortError
from forebay.formats import csv, json

__all__ = ["RowRoute"]

Add = Callable[[str, Any], None]

_COMPRESS = ("gzip", "zstd", "compress")
# The format behind an option; that of --decompress is found by the name, or by the first bytes.
_CODINGS = {"gzip": "gzip", "gunzip": "gzip", "zstd": "zstd", "unzstd": "zstd", "decompress": "auto"}
# What the text of NULL is in CSV, where that is not for PostgreSQL to say.
_NULLS = {"duckdb": ""}
# Types with a higher number are not the same in another database.
_FIRST_OWN_TYPE = 16384
_JSON_TYPES = (114, 3802)
# The columns of a table with their types, and whether these are arrays. Generated columns cannot be copied.
_COLUMNS = """\
SELECT attname::text, atttypid::bigint, typcategory = 'A' FROM pg_attribute JOIN pg_type ON pg_type.oid = atttypid
WHERE attrelid = to_regclass('{}') AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum"""


class RowRoute(ByteRoute):
    """The route of rows between a database and a file, or two databases. PostgreSQL's rows go by COPY where they can."""

    def __init__(self, args: argparse.Namespace, source: Any, target: Any) -> None:
        super().__init__(args, source, target)
        self._format: RowFormat | None = None
        self._from_file = not isinstance(source, DatabaseSource)
        self._to_file = not isinstance(target, DatabaseTarget)
        self._check()

    def _check(self) -> None:
        args = self.args
        if args.hash and not self._to_file:
            raise Failure("--hash is for bytes that are written, and a table takes rows", 2)
        option = option_of("coding", args)
        if args.coding and (option in _COMPRESS) != self._to_file:
            raise Failure(f"--{option} does not fit: a database has no compressed rows", 2)
        file = self.source if self._from_file else self.target if self._to_file else None
        if file is not None:
            coding = None if args.coding is None else _CODINGS.get(option) or args.coding.partition(" ")[2]
            self._format = format_of(file.name, args.format, coding)
            if not self._format.is_csv:
                self._refuse(("null", "header"), "CSV")
            return
        self._refuse(("coding", "format", "header", "null"), "a file")
        if self.source.is_same_table(self.target):
            raise Failure(f"{self.source.name} and {self.target.name} are the same table")
        if args.throttle and self.target.kind != "postgres":
            raise Failure("--throttle counts bytes, and between these databases there are only rows", 2)

    def _refuse(self, names: tuple[str, ...], what: str) -> None:
        for name in names:
            if getattr(self.args, name) is not None:
                raise Failure(f"--{option_of(name, self.args)} is for {what}", 2)

    @property
    def counts_input(self) -> bool:
        """See `ByteRoute.counts_input`."""
        return self._from_file

    def is_done(self, writer: Any) -> bool:
        """See `ByteRoute.is_done`."""
        if self._to_file:
            return super().is_done(writer)
        return isinstance(writer, sql.CopyIn | sql.Insert) and writer._whole

    def failure(self, error: Exception) -> Failure:
        """Return ``error`` for the user: without passwords, and with the end that it comes from."""
        return self._failure_at(self._place_of(error), error)

    def _failure_at(self, place: str, error: Exception) -> Failure:
        text = in_one_line(error, place)
        context = getattr(error, "context", None) or getattr(getattr(error, "diag", None), "context", None)
        if isinstance(context, str):
            text += f" ({' '.join(context.split())})"
        for end in (self.source, self.target):
            if isinstance(end, DatabaseSource | DatabaseTarget):
                text = end.redacted(text)
        return Failure(text + self.target.hint(error))

    def _place_of(self, error: Exception) -> str:
        notes = " ".join(getattr(error, "__notes__", ()))
        if "in insert " in notes or "in copy_in " in notes:
            return str(self.target.name)
        if isinstance(error, OSError) and not ("in query " in notes or "in copy_out " in notes):
            return f"{self.source.name}, {self.target.name}"
        return str(self.source.name)

    # ---- the stages

    async def open(self, add: Add, signal: AbortSignal) -> None:
        """See `ByteRoute.open`."""
        try:
            if self._from_file:
                await self._open_load(add, signal)
            elif self._to_file:
                await self._open_export(add, signal)
            elif self.target.kind == "postgres":
                await self._open_copy(add, signal)
            else:
                self._add_query(add)
                self._add_insert(add)
        except (AbortError, Failure):
            raise
        except Exception as error:
            raise self.failure(error) from None

    async def _open_export(self, add: Add, signal: AbortSignal) -> None:
        """From a database to a file."""
        format = self._format
        assert format is not None
        if self.source.kind == "postgres":
            self._add_copy_out(add, format)
        else:
            self._add_query(add)
            self._add_writer(add, format)
        if format.compression is not None:
            self.add_coder(add, f"compress {format.compression}")
        self.add_hash(add)
        self.add_throttle(add)
        await self.open_target(add, signal)

    def _add_copy_out(self, add: Add, format: RowFormat) -> None:
        url, statement = self.source.url, self.source.statement
        if format.is_csv:
            options = {"delimiter": format.delimiter, "header": self._has_header, "null": self.args.null}
            add("read", sql.copy_out(url, statement, format="csv", **options))
            return
        # The server makes the JSON: it knows all its types.
        inner = statement.strip().rstrip(";")
        objects = f"WITH forebay_row AS ({inner}\n) SELECT row_to_json(forebay_row) FROM forebay_row"
        add("read", sql.copy_out(url, objects, format="text"))
        add("lines", CopiedJson(self.mark))
        if format.name == "json":
            add("array", JsonArray(self.mark))

    def _add_writer(self, add: Add, format: RowFormat) -> None:
        if format.is_csv:
            add(format.name, CsvRows(format.delimiter, self._has_header, self.args.null or ""))
            return
        add("values", JsonValues())
        if format.name == "json":
            add("array", json.stringify_array())
        else:
            add("lines", json.stringify_lines())

    async def _open_load(self, add: Add, signal: AbortSignal) -> None:
        """From a file to a database."""
        format = self._format
        assert format is not None
        await self.open_source(add, signal)
        self.add_throttle(add)
        if format.compression is not None:
            self.add_coder(add, f"decompress {format.compression}")
        to_postgres = self.target.kind == "postgres"
        if format.is_csv and to_postgres:
            header = "columns" if self._has_header else False
            options = {"delimiter": format.delimiter, "header": header, "null": self.args.null}
            add("write", sql.copy_in(self.target.url, self.target.into, format="csv", **options))
            return
        if format.is_csv:
            null = _NULLS.get(self.target.kind) if self.args.null is None else self.args.null
            columns = True if self._has_header else None
            add(format.name, csv.parse(columns=columns, delimiter=format.delimiter, null=null))
        else:
            parse = json.parse_array if format.name == "json" else json.parse_lines
            # SQLite has floats only.
            add("lines", parse(decimals=self.target.kind != "sqlite"))
        if to_postgres:
            await self._add_copy_in(add, signal)
            return
        if not format.is_csv:
            add("rows", WholeRows())
        await self._add_column_values(add, signal)
        self._add_insert(add)

    async def _add_column_values(self, add: Add, signal: AbortSignal) -> None:
        """Texts of a file that the database would not read as what its columns are."""
        columns = await self._rows_of(
            self.target, columns_statement(self.target.kind, self.target.table), signal
        )
        forms = forms_of(self.target.kind, columns)
        if any(forms.values()):
            add("columns", ColumnValues(forms))

    async def _open_copy(self, add: Add, signal: AbortSignal) -> None:
        """From a database to PostgreSQL."""
        if self.source.kind != "postgres":
            self._add_query(add)
            await self._add_copy_in(add, signal)
            return
        names = None if self.source.table is None else await self._same_columns(signal)
        if names is not None:
            columns = ", ".join('"' + name.replace('"', '""') + '"' for name in names)
            statement = f"SELECT {columns} FROM {self.source.table.sql()}"
            add("read", sql.copy_out(self.source.url, statement, format="binary"))
            self.add_throttle(add)
            add("write", sql.copy_in(self.target.url, self.target.into, columns=names, format="binary"))
            return
        add("read", sql.copy_out(self.source.url, self.source.statement, format="csv", header=True))
        self.add_throttle(add)
        add("write", sql.copy_in(self.target.url, self.target.into, format="csv", header="columns"))

    async def _same_columns(self, signal: AbortSignal) -> tuple[str, ...] | None:
        """Return the source's columns if the target has all of them with the same types, so that the binary format is safe."""
        source, target = [
            {name: kind for name, kind, _ in await self._columns_of(end, signal)}
            for end in (self.source, self.target)
        ]
        same = all(kind == target.get(name) and kind < _FIRST_OWN_TYPE for name, kind in source.items())
        return tuple(source) if source and same else None

    async def _columns_of(self, end: Any, signal: AbortSignal) -> list[tuple[str, int, bool]]:
        """Return the columns of a table of PostgreSQL; none if there is no such table."""
        return await self._rows_of(end, _COLUMNS.format(end.table.sql().replace("'", "''")), signal)

    async def _rows_of(self, end: Any, statement: str, signal: AbortSignal) -> list[Any]:
        rows: list[Any]
        try:
            rows = await sql.query(end.url, statement, rows=tuple, signal=signal).to_list()
        except AbortError:
            raise
        except Exception as error:
            raise self._failure_at(end.name, error) from None
        return rows

    def _add_query(self, add: Add) -> None:
        add("read", sql.query(self.source.url, self.source.statement, rows=dict, batch=self.args.batch))

    async def _add_copy_in(self, add: Add, signal: AbortSignal) -> None:
        """Rows with names, as text: the server makes of it what the columns are."""
        forms: dict[str, Callable[[Any], Any]] = {}
        arrays = set()
        for name, kind, is_array in await self._columns_of(self.target, signal):
            if is_array:
                forms[name] = array_text
                arrays.add(name)
            elif kind in _JSON_TYPES and self._from_file:
                # In JSON, a text for such a column is one, and in a database it is JSON already.
                forms[name] = json_text
        if self._from_file:
            add("rows", WholeRows(arrays))
        add("csv", CsvRows(",", True, "", forms))
        if not self._from_file:
            self.add_throttle(add)
        add("write", sql.copy_in(self.target.url, self.target.into, format="csv", header="columns"))

    def _add_insert(self, add: Add) -> None:
        if self.target.kind in ("sqlite", "mysql") and not (self._format and self._format.is_csv):
            # What CSV has is text.
            add("values", PlainValues())
        add("write", sql.insert(self.target.url, self.target.into, batch=self.args.batch or 1000))

    @property
    def _has_header(self) -> bool:
        return self.args.header is not False
