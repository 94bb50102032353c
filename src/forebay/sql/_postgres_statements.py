"""Statements for PostgreSQL: COPY, and inserts with ``on_conflict``, whose rows go to a temporary table first."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from forebay.sql._session import CopyOptions, InsertPlan
from forebay.sql._table_names import Table, is_statement, parse_table, quoted

__all__ = [
    "Stage",
    "Staged",
    "copy_in_statement",
    "copy_out_statement",
    "insert_statement",
    "is_declarable",
    "make_stage",
    "stage_table",
]

# The column of a staging table that keeps the order of the rows.
_ORDER = "forebay_order"


_COMMENTS = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_READS = re.compile(r"[\s(]*(?:select|values|table)\b", re.IGNORECASE)
_READS_OR_CHANGES = re.compile(r"[\s(]*with\b", re.IGNORECASE)
_CHANGES = re.compile(r"\b(?:insert|update|delete|merge)\b", re.IGNORECASE)


class Executor(Protocol):
    """The methods of a session that staging uses."""

    async def execute(self, statement: str) -> None: ...

    async def column_names(self, table: Table) -> tuple[str, ...]: ...


@dataclass(frozen=True)
class Stage:
    """A temporary table, into which rows are copied first and from which they are merged into their table."""

    table: Table
    columns: tuple[str, ...]
    create_statements: tuple[str, ...]
    merge_statements: tuple[str, ...]


@dataclass
class Staged:
    """Rows that are copied into a temporary table first, and merged into their table when all are there."""

    session: Executor
    stage: Table
    columns: tuple[str, ...]
    merge_statements: tuple[str, ...]

    async def merge(self) -> None:
        """Merge the rows into their table and drop the temporary one."""
        for statement in self.merge_statements:
            await self.session.execute(statement)


_count = 0


def make_stage(plan: InsertPlan, columns: tuple[str, ...]) -> Stage:
    """Return the temporary table for the rows of an insert with ``on_conflict``, and the statements for it."""
    global _count
    table = plan.table
    assert table is not None
    _count += 1
    stage = Table(f"forebay_stage_{_count}")
    names = ", ".join(map(quoted, columns))
    return Stage(
        stage,
        columns,
        (
            f"CREATE TEMPORARY TABLE {stage.sql()} AS SELECT {names} FROM {table.sql()} WITH NO DATA",
            f"ALTER TABLE {stage.sql()} ADD COLUMN {_ORDER} bigserial",
        ),
        (merge_statement(replace(plan, columns=columns), stage), f"DROP TABLE {stage.sql()}"),
    )


async def stage_table(session: Executor, plan: InsertPlan) -> Staged:
    """Make the temporary table for the rows of an insert with ``on_conflict``."""
    assert plan.table is not None
    stage = make_stage(plan, plan.columns or await session.column_names(plan.table))
    for statement in stage.create_statements:
        await session.execute(statement)
    return Staged(session, stage.table, stage.columns, stage.merge_statements)


def is_declarable(statement: object) -> bool:
    """Whether a cursor of the server can run a statement: it only reads."""
    if not isinstance(statement, str):
        return True
    text = _COMMENTS.sub(" ", statement)
    if _READS_OR_CHANGES.match(text):
        return _CHANGES.search(text) is None
    return _READS.match(text) is not None


def merge_statement(plan: InsertPlan, stage: Table) -> str:
    """Return the statement that merges a staging table. Of several rows with one key, the last one counts."""
    assert plan.table is not None
    assert plan.columns is not None
    names = ", ".join(map(quoted, plan.columns))
    if plan.on_conflict == "ignore":
        target = f" ({', '.join(map(quoted, plan.key))})" if plan.key else ""
        return (
            f"INSERT INTO {plan.table.sql()} ({names}) SELECT {names} FROM {stage.sql()} ORDER BY {_ORDER} "
            f"ON CONFLICT{target} DO NOTHING"
        )
    key = ", ".join(map(quoted, plan.key))
    updates = ", ".join(
        f"{quoted(name)} = EXCLUDED.{quoted(name)}" for name in plan.columns if name not in plan.key
    )
    return (
        f"INSERT INTO {plan.table.sql()} ({names}) "
        f"SELECT DISTINCT ON ({key}) {names} FROM {stage.sql()} ORDER BY {key}, {_ORDER} DESC "
        f"ON CONFLICT ({key}) DO {f'UPDATE SET {updates}' if updates else 'NOTHING'}"
    )


def insert_statement(table: Table, columns: Sequence[str], placeholder: str = "$") -> str:
    """Return an INSERT for one row. ``placeholder`` is "$" for ``$1``, or the text of each placeholder."""
    marks = [f"${n}" if placeholder == "$" else placeholder for n in range(1, len(columns) + 1)]
    target = f"{table.sql()} ({', '.join(map(quoted, columns))})"
    if placeholder.startswith("%"):
        target = target.replace("%", "%%")
    return f"INSERT INTO {target} VALUES ({', '.join(marks)})"


def copy_out_statement(source: str, options: CopyOptions) -> str:
    """Return the COPY that sends a table or a query."""
    what = f"({source.strip().rstrip(';')})" if is_statement(source) else parse_table("source", source).sql()
    return f"COPY {what} TO STDOUT {_options(options)}"


def copy_in_statement(table: Table, columns: tuple[str, ...] | None, options: CopyOptions) -> str:
    """Return the COPY that receives a table."""
    names = "" if columns is None else f" ({', '.join(map(quoted, columns))})"
    return f"COPY {table.sql()}{names} FROM STDIN {_options(options)}"


def _options(options: CopyOptions) -> str:
    words = [f"FORMAT {options.format}"]
    if options.header:
        words.append("HEADER true")
    if options.delimiter is not None:
        words.append(f"DELIMITER {_literal(options.delimiter)}")
    if options.null is not None:
        words.append(f"NULL {_literal(options.null)}")
    return f"({', '.join(words)})"


def _literal(text: str) -> str:
    return (
        "E'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
        if "\\" in text
        else "'" + text.replace("'", "''") + "'"
    )
