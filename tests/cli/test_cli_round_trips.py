"""``forebay copy`` from database to database, by files in each format: every value comes back."""

import json
from datetime import date, datetime
from decimal import Decimal
from math import inf, nan

import pytest

import forebay
from support.copied_databases import KINDS

LOOKS = list(KINDS)
# Nothing of the command is compiled: on the pure-Python backend a table goes back to a database of its own kind.
PAIRS = [(here, there) for here in LOOKS for there in LOOKS if forebay.backend == "c" or here == there]
WITH_INFINITY = [pair for pair in PAIRS if "mysql" not in pair]
WAYS = ["csv", "jsonl", "json", "direct"]
# What each kind of column keeps on its way through files and databases.
TYPED = {
    "id": ("integer", [1, -5, None, 2147483647]),
    "big": ("bigint", [9223372036854775807, -9223372036854775808, None, 9007199254740993]),
    "body": ("varchar(99)", ['a "q", x', "line\nline\r\n\r\t", None, "\\. \\N NULL null ü€😀 '  "]),
    "data": ("blob", [b"\0\xff\\'", b"abc", None, b"\\x00"]),
    "day": ("date", [date(2020, 1, 2), date(1000, 1, 1), None, date(9999, 12, 31)]),
    "moment": (
        "timestamp",
        [datetime(2020, 1, 2, 3, 4, 5, 678), datetime(2001, 2, 3), None, datetime(2037, 1, 1)],
    ),
    "price": (
        "decimal(30, 10)",
        [Decimal("1.5"), Decimal("-12345678901234567890.1234567891"), None, Decimal(0)],
    ),
    "yes": ("boolean", [True, False, None, True]),
    "ratio": ("double precision", [0.1 + 0.2, 1e300, None, -2.0]),
}
DECLARED = {
    "postgres": {"blob": "bytea"},
    "mysql": {"timestamp": "datetime(6)"},
}
INFINITE = [(1, inf), (2, -inf), (3, nan), (4, None)]


def create(database, table, columns, rows):
    declared = DECLARED.get(database.kind, {})
    types = ", ".join(f"{name} {declared.get(kind, kind)}" for name, kind in columns.items())
    database.run(f"create table {table} ({types})")
    if rows and database.kind == "sqlite":
        rows = [
            tuple(str(value) if isinstance(value, date | Decimal) else value for value in row) for row in rows
        ]
    if rows:
        database.run(f"insert into {table} values ({', '.join('?' * len(columns))})", rows)


def normal(rows):
    """Rows as they can be compared: SQLite has numbers for booleans and decimals, and texts for dates."""

    def one(value):
        if isinstance(value, Decimal | float):
            return float(value)
        return str(value) if isinstance(value, date) else value

    return [tuple(map(one, row)) for row in rows]


def carried(copy, source, target, table, way, folder):
    """Copy a table to the table of the same name, by a file in the format ``way``, or directly."""
    if way == "direct":
        status, _, err = copy(f"{source.url}?table={table}", f"{target.url}?table={table}")
        assert (status, err) == (0, "")
        return
    file = folder / f"{table}.{way}"
    null = ("--null", "<null>") if way == "csv" else ()
    for ends in ((f"{source.url}?table={table}", file), (file, f"{target.url}?table={table}")):
        status, _, err = copy(*ends, *null)
        assert (status, err) == (0, "")


@pytest.mark.parametrize(("here", "there"), PAIRS)
def test_every_type_comes_back(copy, make, tmp_path, here, there):
    source, target = make(here), make(there)
    columns = {name: kind for name, (kind, _) in TYPED.items()}
    rows = list(zip(*(values for _, values in TYPED.values()), strict=True))
    create(source, "typed", columns, rows)
    create(target, "typed", columns, [])
    before = source.run("select * from typed order by id, day")
    for way in WAYS:
        carried(copy, source, target, "typed", way, tmp_path)
        compare(here, there, way, before, target.run("select * from typed order by id, day"))
        target.run("delete from typed")


def compare(here, there, way, before, after):
    if here == there:
        assert after == before
    if way in ("json", "jsonl") and there == "sqlite":
        # SQLite has no type for a time; it keeps the text of the file.
        after = [(*row[:5], row[5] and row[5].replace("T", " "), *row[6:]) for row in after]

    def key(row):
        return row[0] is None, row[0]

    before, after = sorted(before, key=key), sorted(after, key=key)
    if "sqlite" not in (here, there):
        assert [row[6] for row in after] == [row[6] for row in before]
    assert normal(after) == normal(before)


@pytest.mark.parametrize(("here", "there"), PAIRS)
def test_no_row_of_a_table_with_one_column_is_lost(copy, make, tmp_path, here, there):
    source, target = make(here), make(there)
    values = ["x", None, "", None, "\\.", "\n", '"', "last", None]
    for database, rows in ((source, [(value,) for value in values]), (target, [])):
        create(database, "one", {"v": "varchar(9)"}, rows)
    expected = sorted(values, key=repr)
    for way in WAYS:
        carried(copy, source, target, "one", way, tmp_path)
        assert sorted((value for (value,) in target.run("select * from one")), key=repr) == expected
        target.run("delete from one")
    # The text of NULL is nothing, unless the command has another one.
    expected = sorted((value or "" for value in values), key=repr)
    file = tmp_path / "nothing.csv"
    for header in ((), ("--no-header",)):
        assert copy(f"{source.url}?table=one", file, *header)[0] == 0
        status, out, err = copy(file, f"{target.url}?table=one", *header, "--json")
        assert (status, err) == (0, "")
        assert json.loads(out)["bytes" if there == "postgres" else "rows"]
        found = sorted((value or "" for (value,) in target.run("select * from one")), key=repr)
        assert found == expected
        target.run("delete from one")


@pytest.mark.parametrize(("here", "there"), WITH_INFINITY)
def test_infinities_come_back(copy, make, tmp_path, here, there):
    source, target = make(here), make(there)
    rows = [row for row in INFINITE if here != "sqlite" or row[0] != 3]
    create(source, "f", {"id": "integer", "v": "double precision"}, rows)
    create(target, "f", {"id": "integer", "v": "double precision"}, [])
    right = [row for row in rows if row[0] != 3]
    for way in WAYS:
        carried(copy, source, target, "f", way, tmp_path)
        found = target.run("select * from f order by id")
        assert [row for row in found if row[0] != 3] == right
        # SQLite has no NaN: it keeps the text.
        assert [str(v).lower() for n, v in found if n == 3] == ["nan"] * (here != "sqlite")
        target.run("delete from f")
