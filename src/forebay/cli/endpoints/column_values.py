"""What the texts of a file become for the columns of a table, where the database does not read them itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from forebay.sql._table_names import Table
from forebay.streams.transform import Transform

__all__ = ["ColumnValues", "columns_statement", "forms_of"]

# Rows that the stage holds.
_MARK = 1000
_TRUTH = {"t": 1, "true": 1, "f": 0, "false": 0}
_INFINITE = {"inf", "infinity", "-inf", "-infinity"}


def columns_statement(kind: str, table: Table) -> str:
    """Return a query for the names and types of the columns of a table. It has no row if there is no such table."""
    name = _text(table.name)
    if kind == "sqlite":
        schema = "" if table.schema is None else f", {_text(table.schema)}"
        return f"SELECT name, type FROM pragma_table_info({name}{schema})"
    if kind == "duckdb":
        schema = "current_schema()" if table.schema is None else _text(table.schema)
        return (
            "SELECT column_name, data_type FROM duckdb_columns() "
            f"WHERE lower(table_name) = lower({name}) AND lower(schema_name) = lower({schema}) ORDER BY column_index"
        )
    schema = "database()" if table.schema is None else _text(table.schema)
    return (
        "SELECT column_name, column_type FROM information_schema.columns "
        f"WHERE table_name = {name} AND table_schema = {schema} ORDER BY ordinal_position"
    )


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def forms_of(kind: str, columns: Iterable[tuple[str, str]]) -> dict[str, Callable[[Any], Any] | None]:
    """Return a function for the values of each column, by its name in lower case; None if they stay as they are."""
    return {name.lower(): _form_of(kind, declared.lower()) for name, declared in columns}


def _form_of(kind: str, declared: str) -> Callable[[Any], Any] | None:
    if kind == "duckdb":
        return _bytes if declared == "blob" else None
    if "blob" in declared or "binary" in declared:
        return _bytes
    if "bool" in declared or (kind == "mysql" and declared == "tinyint(1)"):
        return _truth
    if kind == "sqlite" and any(part in declared for part in ("real", "floa", "doub")):
        return _infinite
    return None


def _bytes(value: Any) -> Any:
    r"""Return the bytes of the hexadecimal digits behind ``\x``."""
    if type(value) is str and value.startswith("\\x"):
        try:
            return bytes.fromhex(value[2:])
        except ValueError:
            pass
    return value


def _truth(value: Any) -> Any:
    return _TRUTH.get(value.lower(), value) if type(value) is str else value


def _infinite(value: Any) -> Any:
    return float(value) if type(value) is str and value.lower() in _INFINITE else value


class ColumnValues(Transform[Any, Any]):
    """Rows as dicts or lists → the same with values in the forms that `forms_of` gives."""

    def __init__(self, forms: Mapping[str, Callable[[Any], Any] | None]) -> None:
        super().__init__(object_mode=True, high_water_mark=_MARK)
        self._by_name = forms
        self._by_place = list(forms.values())
        # For the columns of this file that have a form: the name or the place, and the form.
        self._forms: list[tuple[Any, Callable[[Any], Any]]] | None = None

    def _transform(self, row: Any) -> Any:
        if self._forms is None:
            self._forms = self._forms_for(row)
        for key, form in self._forms:
            row[key] = form(row[key])
        return row

    def _forms_for(self, row: Any) -> list[tuple[Any, Callable[[Any], Any]]]:
        if isinstance(row, dict):
            pairs: Iterable[tuple[Any, Any]] = [(name, self._by_name.get(name.lower())) for name in row]
        else:
            pairs = enumerate(self._by_place[: len(row)])
        return [(key, form) for key, form in pairs if form is not None]
