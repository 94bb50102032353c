"""What the adapters for MySQL and MariaDB share."""

from __future__ import annotations

from collections.abc import Sequence

from forebay.sql._session import InsertPlan
from forebay.sql._table_names import Table, quoted

__all__ = ["begin_statements", "columns_statement", "insert_statement", "is_answer"]

_QUOTE = "`"


def begin_statements(isolation: str | None, readonly: bool) -> tuple[str, ...]:
    """Return the statements that begin a transaction."""
    begin = "START TRANSACTION READ ONLY" if readonly else "START TRANSACTION"
    if isolation is None:
        return (begin,)
    return (f"SET TRANSACTION ISOLATION LEVEL {isolation.replace('_', ' ').upper()}", begin)


def columns_statement(table: Table) -> str:
    """Return a query that tells the names of the columns of a table."""
    return f"SELECT * FROM {table.sql(_QUOTE)} LIMIT 0"


def is_answer(error: BaseException) -> bool:
    """Whether the server has reported an error, so that nothing else of the statement comes."""
    code = error.args[0] if error.args else None
    # These numbers are those of the client's own errors.
    return isinstance(code, int) and not 2000 <= code < 3000


def insert_statement(plan: InsertPlan, width: int) -> str:
    """Return the INSERT for a row of ``width`` values. The drivers rewrite it for many rows."""
    table = plan.table
    assert table is not None
    names = "" if plan.columns is None else f" ({_names(plan.columns)})"
    after = f" ON DUPLICATE KEY UPDATE {_updates(plan)}" if plan.on_conflict is not None else ""
    # The drivers format this part with %.
    before = f"INSERT INTO {table.sql(_QUOTE)}{names} VALUES ".replace("%", "%%")
    return f"{before}({', '.join(['%s'] * width)}){after}"


def _names(columns: Sequence[str]) -> str:
    return ", ".join(quoted(column, _QUOTE) for column in columns)


def _updates(plan: InsertPlan) -> str:
    columns = plan.columns
    assert columns is not None
    changed = [column for column in columns if column not in plan.key]
    if plan.on_conflict == "ignore" or not changed:
        # INSERT IGNORE would drop rows for other reasons, too, and shorten values that are too long.
        name = quoted(columns[0], _QUOTE)
        return f"{name} = {name}"
    return ", ".join(f"{quoted(column, _QUOTE)} = VALUES({quoted(column, _QUOTE)})" for column in changed)
