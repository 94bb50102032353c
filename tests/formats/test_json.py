"""JSON lines and arrays: the same values by every library, in any pieces."""

import asyncio
import dataclasses
import json as stdlib
import sqlite3
import sys
from collections import OrderedDict, namedtuple
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forebay import InvalidArgTypeError, OutOfRangeError, Readable, Writable, pipeline
from forebay.errors import RecordError
from forebay.formats import _json_library, json
from forebay.testing import check_transform
from support.streams import closed, looped

msgspec = pytest.importorskip("msgspec")
pytest.importorskip("orjson")
pytest.importorskip("ijson")

LIBRARIES = {"msgspec": ("msgspec",), "orjson": ("orjson",), "json": ()}
every_size = pytest.mark.parametrize("size", [None, 1, 2, 5])
same_each_time = settings(max_examples=100, derandomize=True, database=None, deadline=None)


@pytest.fixture(params=list(LIBRARIES))
def library(request, monkeypatch):
    """Only this library can be found."""
    monkeypatch.setattr(_json_library, "_FAST", LIBRARIES[request.param])
    return request.param


async def parsed(data, size=None, make=json.parse_lines, **options):
    pieces = [data[at : at + size] for at in range(0, len(data), size)] if size else [data]
    return await Readable.from_(pieces, object_mode=False).compose(make(**options)).to_list()


async def written(rows, make=json.stringify_lines, **options):
    chunks = []
    await pipeline(list(rows), make(**options), Writable(write=chunks.append))
    return b"".join(chunks)


# ---- lines


@looped
@every_size
async def test_lines(library, size):
    data = '\ufeff{"a": 1}\r\n\n  \n"grüße"\n[1, null]\n2.5\n"last"'.encode()
    assert await parsed(data, size) == [{"a": 1}, "grüße", [1, None], 2.5, "last"]
    assert await parsed(b"", size) == []


@looped
@every_size
@pytest.mark.parametrize(
    ("data", "line", "position", "rest"),
    [
        (b'1\n{"a":}\n3\n', 2, 2, [1, 3]),
        (b"1\n\nnull\n3", 3, 3, [1, 3]),
        (b'1\n2\n{"a":\n1}\n3\n', 3, 4, [1, 2, 3]),
        (b"1 2\n3\n", 1, 0, [3]),
        (b"1\nNaN\n3\n", 2, 2, [1, 3]),
        # As many values as lines, but not one in each.
        (b"[1,\n2]\n3 4\n", 1, 0, []),
        (b'{"a": 1}\n{"a":\n2}\n{"a": 3}{"a": 4}\n', 2, 9, [{"a": 1}]),
        (b'{"a": 1}\n{"a": 2}{"a": 3}\r\n\r\n', 2, 9, [{"a": 1}]),
        (b'1\n"\xff"\n3\n', 2, 2, [1, 3]),
        (b'\xef\xbb\xbf1\n{"a"', 2, 5, [1]),
    ],
)
async def test_wrong_lines(library, size, data, line, position, rest):
    with pytest.raises(RecordError, match=rf"line {line} \(byte {position}\): ") as caught:
        await parsed(data, size)
    assert (caught.value.line, caught.value.position) == (line, position)
    skipped = []
    assert await parsed(data, size, on_error=skipped.append) == rest
    assert (skipped[0].line, skipped[0].position) == (line, position)


@looped
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
async def test_large_chunks_with_lines_of_any_length(library, kind):
    rows = [
        {"n": n, "text": "x" * length} for n, length in enumerate([1, 50_000, 3, 16_300, 40_000, *[90] * 400])
    ]
    data = b"".join(stdlib.dumps(row).encode() + b"\n" for row in rows)
    source = Readable.from_([kind(data[:70_001]), kind(data[70_001:])], object_mode=False)
    assert await source.compose(json.parse_lines()).to_list() == rows


@looped
async def test_numbers_keep_their_digits(library):
    whole = [2**63 - 1, -(2**63), 2**64, 12345678901234567890123]
    fractions = "[0.1234567890123456789012345, 1.50, -2.5e3]"
    data = f'{{"whole": {whole}, "fractions": {fractions}}}'.replace("'", '"').encode()
    exact = [Decimal("0.1234567890123456789012345"), Decimal("1.50"), Decimal("-2.5e3")]
    for make, text in ((json.parse_lines, data), (json.parse_array, b"[" + data + b"]")):
        assert list(map(str, (await parsed(text, make=make))[0]["whole"])) == list(map(str, whole))
        (row,) = await parsed(text, make=make, decimals=True)
        assert list(map(str, row["fractions"])) == list(map(str, exact))
        (row,) = await parsed(text, make=make)
        assert list(map(repr, row["fractions"])) == [repr(float(each)) for each in exact]


@looped
@every_size
async def test_a_line_that_is_too_long(library, size):
    data = b'1\n"' + b"x" * 50 + b'"\n3\n'
    assert len(await parsed(data, size, limit=52)) == 3
    for wrong in (data, b'1\n"' + b"x" * 50):
        with pytest.raises(RecordError, match=r"line 2 \(byte 2\): a record has more than 40 bytes"):
            await parsed(wrong, size, limit=40, on_error=lambda error: None)


@looped
@every_size
async def test_types(size):
    class Row(msgspec.Struct):
        id: int
        when: date

    @dataclasses.dataclass
    class Plain:
        id: int

    data = b'{"id": 1, "when": "2020-01-02"}\n{"id": "x", "when": "2020-01-02"}\n'
    skipped = []
    assert await parsed(data, size, type=Row, on_error=skipped.append) == [Row(1, date(2020, 1, 2))]
    assert "Expected `int`, got `str` - at `$.id`" in str(skipped[0])
    assert await parsed(b'{"id": 1}\n', size, type=Plain) == [Plain(1)]
    assert await parsed(b'{"id": 1}\n', size, type=dict[str, int]) == [{"id": 1}]


def test_a_missing_library_says_what_to_install(monkeypatch):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(_json_library, "import_module", missing)
    with pytest.raises(ImportError, match=r"^parse_lines\(type=...\) needs msgspec; pip install msgspec$"):
        json.parse_lines(type=int)
    with pytest.raises(ImportError, match=r"^parse_array\(\) needs ijson; pip install ijson$"):
        json.parse_array()
    json.parse_lines()
    json.stringify_lines()


class Color(Enum):
    RED = "red"


Point = namedtuple("Point", "x y")
WITH_A_FORM = [
    (datetime(2020, 1, 2, 3, 4, 5), "2020-01-02T03:04:05"),
    (datetime(2020, 1, 2, 3, 4, 5, 60, UTC), "2020-01-02T03:04:05.000060Z"),
    (datetime(2020, 1, 2, tzinfo=timezone(timedelta(hours=2))), "2020-01-02T00:00:00+02:00"),
    (date(2020, 1, 2), "2020-01-02"),
    (time(1, 2, 3, 4), "01:02:03.000004"),
    (time(1, 2, tzinfo=UTC), "01:02:00Z"),
    (timedelta(days=1, seconds=2, microseconds=3), "P1DT2.000003S"),
    (timedelta(days=-1, seconds=5), "-PT86395S"),
    (timedelta(0), "P0D"),
    (timedelta(days=3), "P3D"),
    (Decimal("1.50"), "1.50"),
    (UUID(int=5), "00000000-0000-0000-0000-000000000005"),
    (b"ab", "YWI="),
    (bytearray(b"ab"), "YWI="),
    (memoryview(b"ab"), "YWI="),
    (Color.RED, "red"),
    ({1}, [1]),
    (frozenset([1]), [1]),
    ((1, (2,)), [1, [2]]),
    (Point(1, 2), [1, 2]),
    (OrderedDict(a=1), {"a": 1}),
    (2**70, 2**70),
    (float("nan"), None),
    (float("-inf"), None),
    ({1: 2, 1.5: 3}, {"1": 2, "1.5": 3}),
    ({None: 1, True: 2}, {"null": 1, "true": 2}),
    ({date(2020, 1, 1): 1}, {"2020-01-01": 1}),
    ("é\u2028\x00\n", "é\u2028\x00\n"),
]


@looped
async def test_what_values_become(library):
    given = [value for value, _ in WITH_A_FORM]
    wanted = [form for _, form in WITH_A_FORM]
    for rows in ([{"value": value} for value in given], [[value] for value in given]):
        lines = (await written(rows)).decode().split("\n")
        assert lines.pop() == ""
        got = [stdlib.loads(line) for line in lines]
        assert [next(iter(row.values())) if isinstance(row, dict) else row[0] for row in got] == wanted
    assert await written([]) == b""


@looped
async def test_records_of_a_database(library):
    table = sqlite3.connect(":memory:")
    table.row_factory = sqlite3.Row
    records = table.execute("select 1 as a, x'6162' as b union all select 2, null").fetchall()
    table.close()
    assert await written(records) == b'{"a":1,"b":"YWI="}\n{"a":2,"b":null}\n'


@looped
async def test_values_without_a_form(library):
    for make in (json.stringify_lines, json.stringify_array):
        with pytest.raises(RecordError, match=r"row 2 cannot be encoded: .*object"):
            await written([1, {"a": object()}], make)


@same_each_time
@given(
    st.lists(
        st.recursive(
            st.booleans()
            | st.integers(-(2**60), 2**60)
            | st.floats(allow_nan=False, allow_infinity=False)
            | st.text(),
            lambda inner: (
                st.lists(inner | st.none(), max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
            ),
            max_leaves=5,
        ),
        max_size=6,
    ),
    st.integers(1, 40),
)
def test_values_come_back(rows, size):
    def encodable(value):
        try:
            stdlib.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            return False
        return True

    rows = [row for row in rows if encodable(row)]

    async def main(name, before):
        data = await written(rows)
        assert await parsed(data, size) == rows
        for indent in (None, 0, 2):
            array = await written(rows, json.stringify_array, indent=indent)
            assert stdlib.loads(array) == rows
        return data

    for name, found in LIBRARIES.items():
        before, _json_library._FAST = _json_library._FAST, found
        try:
            asyncio.run(main(name, before))
        finally:
            _json_library._FAST = before


# ---- arrays


@looped
@every_size
async def test_the_items_of_an_array(size):
    assert await parsed(b'[{"a": 1.5}, [], "x"]', size, json.parse_array) == [{"a": 1.5}, [], "x"]
    assert await parsed(b'{"n": 1, "rows": [1, {"b": null}]}', size, json.parse_array, path="rows.item") == [
        1,
        {"b": None},
    ]
    assert await parsed(b"[]", size, json.parse_array) == []
    assert await parsed(b"[1.50]", size, json.parse_array, decimals=True) == [Decimal("1.50")]


@looped
@every_size
async def test_an_array_that_would_take_the_process_down(size):
    """The library has no limits for the depth, the digits of an integer, and the exponent."""
    digits = sys.get_int_max_str_digits()
    for data, text in (
        (b"[" * 501, "nested more than 500 levels deep"),
        (b'{"a":' * 501, "nested more than 500 levels deep"),
        (b'["]]",{"b\\"}":' * 260, "nested more than 500 levels deep"),
        (b"[" * 501 + b"]" * 501, "nested more than 500 levels deep"),
        (b"9" * (digits + 1), "a number has more than 4,300 digits"),
        (b"[0, -" + b"9" * (digits + 1) + b", 0]", "a number has more than 4,300 digits"),
        (b"[1e99999999999999999999]", "byte 24 or before"),
    ):
        with pytest.raises(RecordError, match=text):
            await parsed(data, size, json.parse_array)
    nested = b"[" * 400 + b"]" * 400
    assert (
        await parsed(b"[" + b",".join([nested] * 3) + b"]", size, json.parse_array)
        == [stdlib.loads(nested)] * 3
    )
    text = "[{" * 600 + "9" * 6000
    assert await parsed(stdlib.dumps([text, '"\\' * 50]).encode(), size, json.parse_array) == [
        text,
        '"\\' * 50,
    ]
    assert await parsed(b"[" + b"9" * digits + b"]", size, json.parse_array) == [int("9" * digits)]


@looped
@every_size
async def test_wrong_arrays(size):
    for data, text in (
        (b"[1, 2", "premature EOF"),
        (b"[1, }", "unallowed token"),
        (b"[1, null, 2]", "null cannot pass"),
    ):
        with pytest.raises(RecordError, match=text) as caught:
            await parsed(data, size, json.parse_array)
        assert 0 < caught.value.position <= len(data)
        assert "\n" not in str(caught.value).partition("\nin stage")[0]


@looped
async def test_the_form_of_an_array():
    rows = [{"a": [1]}, "x"]
    assert await written(rows, json.stringify_array) == b'[{"a":[1]},"x"]\n'
    assert await written(rows, json.stringify_array, indent=2) == (
        b'[\n  {\n    "a": [\n      1\n    ]\n  },\n  "x"\n]\n'
    )
    assert await written([], json.stringify_array) == b"[]\n"
    stream = json.stringify_array()
    chunks = []
    stream.on("data", chunks.append)
    for burst in ([1, 2], [3]):
        for row in burst:
            stream.write(row)
        await asyncio.sleep(0)
    stream.end()
    await closed(stream)
    assert chunks == [b"[1,2", b",3", b"]\n"]


# ---- all


@looped
async def test_the_rules_of_a_transform(library):
    rows = [{"a": n, "b": "x" * n} for n in range(30)]
    lines = await written(rows)
    array = await written(rows, json.stringify_array)
    await check_transform(
        lambda: json.parse_lines(high_water_mark=4),
        [(lines, rows), (b"", [])],
        wrong=[b"{\n"],
        fails=RecordError,
    )
    await check_transform(
        lambda: json.stringify_lines(high_water_mark=4),
        [(rows, lines)],
        wrong=[[1, object()]],
        fails=RecordError,
    )
    await check_transform(
        lambda: json.stringify_array(high_water_mark=4),
        [(rows, array)],
        wrong=[[1, object()]],
        fails=RecordError,
    )
    await check_transform(
        lambda: json.parse_array(high_water_mark=4), [(array, rows)], wrong=[b"[1,2"], fails=RecordError
    )


def test_arguments():
    with pytest.raises(InvalidArgTypeError, match="path"):
        json.parse_array(5)
    for wrong in ("2", True):
        with pytest.raises(InvalidArgTypeError, match="indent"):
            json.stringify_array(indent=wrong)
    with pytest.raises(OutOfRangeError, match="indent"):
        json.stringify_array(indent=-1)
    with pytest.raises(InvalidArgTypeError, match="type must be one that msgspec reads"):
        json.parse_lines(type=dict[list, int] | dict[int, int])
    with pytest.raises(OutOfRangeError, match="limit"):
        json.parse_lines(limit=0)
