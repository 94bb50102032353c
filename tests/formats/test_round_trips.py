"""Random tables, written by each format and read back: every value of its types is the same, and what has no form is refused."""

import asyncio
import datetime
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forebay import Readable, Writable, pipeline
from forebay.errors import RecordError
from forebay.formats import csv, json

same_each_time = settings(
    max_examples=80,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
NULL = "\\N"

TEXT = st.text(
    alphabet=st.one_of(
        st.sampled_from("ab,;\t'\"\\\r\n é\u2028\x0b\0€\ufeffN."), st.characters(exclude_categories=["Cs"])
    ),
    max_size=6,
)
INT64 = st.integers(-(2**63), 2**63 - 1)
INTEGER = INT64 | st.integers(-(10**40), 10**40)
FLOAT = st.floats(allow_nan=False)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
DATE = st.dates()
MOMENT = st.datetimes()
DECIMAL = st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**20), max_value=10**20)


def tables(columns):
    """Lists of rows, each with a value or a None in each of the columns."""
    return st.lists(st.tuples(*(st.none() | values for values in columns.values())), max_size=12)


async def collected(source, *stages):
    got = []
    await pipeline(source, *stages, Writable(object_mode=True, write=got.append))
    return got


async def there_and_back(rows, write, read, size):
    data = b"".join(await collected(rows, write))
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    return await collected(Readable.from_(pieces, object_mode=False), read)


# ---- CSV

CSV_COLUMNS = {
    "text": TEXT.filter(lambda text: text != NULL),
    "integer": INTEGER,
    "float": FLOAT,
    "decimal": DECIMAL,
    "day": DATE,
    "moment": MOMENT,
    "yes": st.booleans(),
}
CSV_TYPES = {
    "integer": int,
    "float": float,
    "decimal": Decimal,
    "day": datetime.date.fromisoformat,
    "moment": datetime.datetime.fromisoformat,
    "yes": lambda text: {"True": True, "False": False}[text],
}


@pytest.mark.parametrize(
    "options",
    [{}, {"delimiter": ";", "quote": "'"}, {"delimiter": "\t"}, {"encoding": "utf-16"}],
    ids=["excel", "semicolon", "tabs", "utf-16"],
)
@same_each_time
@given(rows=tables(CSV_COLUMNS), size=st.integers(1, 200))
def test_csv(options, rows, size):
    async def main():
        names = list(CSV_COLUMNS)
        write = csv.stringify(columns=names, null=NULL, **options)
        read = csv.parse(rows=tuple, types=CSV_TYPES, null=NULL, **options)
        assert await there_and_back(rows, write, read, size) == rows

    asyncio.run(main())


# ---- JSON

JSON_COLUMNS = {
    "text": TEXT,
    "integer": INTEGER,
    "float": FINITE,
    "yes": st.booleans(),
    "list": st.lists(st.none() | TEXT | INT64, max_size=3),
    "object": st.dictionaries(TEXT, st.none() | FINITE, max_size=3),
}


@pytest.mark.parametrize(
    ("write", "read"),
    [
        (json.stringify_lines, json.parse_lines),
        (json.stringify_array, json.parse_array),
        (lambda: json.stringify_array(indent=1), json.parse_array),
    ],
    ids=["lines", "array", "indented array"],
)
@same_each_time
@given(rows=tables(JSON_COLUMNS), size=st.integers(1, 200))
def test_json(write, read, rows, size):
    if read is json.parse_array:
        pytest.importorskip("ijson")
    rows = [dict(zip(JSON_COLUMNS, row, strict=True)) for row in rows]
    found = asyncio.run(there_and_back(rows, write(), read(), size))
    assert found == rows
    # 1, 1.0 and True are equal, and not the same.
    assert repr(found) == repr(rows)


@pytest.mark.parametrize(
    "write", [csv.stringify, json.stringify_lines, json.stringify_array], ids=["csv", "lines", "array"]
)
@same_each_time
@given(
    before=st.integers(0, 3), text=TEXT, surrogate=st.characters(categories=["Cs"]), size=st.integers(1, 3)
)
def test_a_lone_surrogate_is_refused_with_its_row(write, before, text, surrogate, size):
    async def main():
        rows = [{"a": "before"}] * before + [{"a": text + surrogate}] + [{"a": "behind"}] * size
        with pytest.raises(RecordError, match=rf"row {before + 1} cannot be encoded"):
            await collected(rows, write())

    asyncio.run(main())


# ---- Arrow

ARROW_COLUMNS = {
    "text": TEXT,
    "integer": INT64,
    "float": FLOAT,
    "decimal": DECIMAL,
    "day": DATE,
    "moment": MOMENT,
    "yes": st.booleans(),
    "data": st.binary(max_size=6),
    "list": st.lists(st.none() | INT64, max_size=3),
}


@pytest.mark.parametrize("form", ["parquet", "ipc", "ipc stream"])
@same_each_time
@given(rows=tables(ARROW_COLUMNS), size=st.integers(1, 5))
def test_arrow(tmp_path, form, rows, size):
    pa = pytest.importorskip("pyarrow")
    from forebay.formats import arrow

    types = (
        pa.string(),
        pa.int64(),
        pa.float64(),
        pa.decimal128(38, 4),
        pa.date32(),
        pa.timestamp("us"),
        pa.bool_(),
        pa.binary(),
        pa.list_(pa.int64()),
    )
    schema = pa.schema(list(zip(ARROW_COLUMNS, types, strict=True)))
    path = tmp_path / "table"

    async def main():
        if form == "parquet":
            await pipeline(rows, arrow.write_parquet(path, schema=schema, row_group=size))
            read = arrow.read_parquet(path)
        else:
            kind = "stream" if form == "ipc stream" else "file"
            await pipeline(rows, arrow.write_ipc(path, schema=schema, format=kind))
            read = arrow.read_ipc(path)
        assert await collected(read, arrow.rows()) == rows

    asyncio.run(main())
