"""CSV: what `parse` and `stringify` make of whole and of broken input, in any pieces."""

import csv as stdlib
import io
import sqlite3
from collections import OrderedDict, namedtuple
from datetime import date

import pytest

from forebay import InvalidArgTypeError, InvalidArgValueError, Readable, Writable, compose, pipeline
from forebay.errors import OutOfRangeError, RecordError, UnknownEncodingError
from forebay.formats import csv
from forebay.testing import check_transform
from support.streams import closed, looped, quiet


async def parsed(data, size=None, **options):
    """The rows of the data, given in pieces of that size."""
    pieces = [data[at : at + size] for at in range(0, len(data), size)] if size else [data]
    return await Readable.from_(pieces, object_mode=False).compose(csv.parse(**options)).to_list()


async def written(rows, **options):
    chunks = []
    await pipeline(list(rows), csv.stringify(**options), Writable(write=chunks.append))
    return b"".join(chunks)


every_size = pytest.mark.parametrize("size", [None, 1, 2, 3, 7])

# ---- parse


@looped
@every_size
async def test_records_across_chunks(size):
    data = 'id,name\r\n1,"a ""b""\r\nc"\r\n\r\n2,grüße €\r\n3,last'.encode()
    assert await parsed(data, size) == [
        {"id": "1", "name": 'a "b"\r\nc'},
        {"id": "2", "name": "grüße €"},
        {"id": "3", "name": "last"},
    ]


@looped
@every_size
async def test_line_ends_of_every_kind(size):
    for end in ("\n", "\r\n", "\r"):
        data = end.join(["a,b", '1,"x' + end + 'y"', "2,z"]).encode()
        assert await parsed(data, size, columns=None) == [["a", "b"], ["1", "x" + end + "y"], ["2", "z"]]


@looped
@every_size
async def test_characters_that_only_str_takes_for_line_ends(size):
    data = "a\x0bb,c\x85d\x1ce\u2028f\n1,2\n".encode()
    assert await parsed(data, size, columns=None) == [["a\x0bb", "c\x85d\x1ce\u2028f"], ["1", "2"]]


@looped
@every_size
async def test_a_byte_order_mark_and_other_encodings(size):
    for encoding in ("utf-8-sig", "utf-16", "utf-16-le", "latin-1"):
        data = "ä,b\n1,ö\n".encode(encoding)
        assert await parsed(data, size, encoding=encoding) == [{"ä": "1", "b": "ö"}]
    assert await parsed(b"\xef\xbb\xbf\xef\xbb\xbfa\n1\n", size) == [{"\ufeffa": "1"}]


@looped
async def test_no_input_and_a_header_alone():
    for data in (b"", b"\xef\xbb\xbf", b"\n\r\n", b"a,b", b"a,b\n"):
        assert await parsed(data) == []


@looped
async def test_forms_of_rows():
    data = b"a,b\n1,2\n"
    assert await parsed(data, rows=tuple) == [("1", "2")]
    assert await parsed(data, rows=list) == [["1", "2"]]
    assert await parsed(data, rows=tuple, columns=None) == [("a", "b"), ("1", "2")]
    assert await parsed(data, columns=["x", "y"]) == [{"x": "a", "y": "b"}, {"x": "1", "y": "2"}]
    assert await parsed(b"1\n2,3\n", columns=None) == [["1"], ["2", "3"]]
    assert await parsed(b"1\n\n2,3\n", columns=None, skip_empty_lines=False) == [["1"], [], ["2", "3"]]
    assert await parsed(b"a,a\n1,2\n", rows=tuple) == [("1", "2")]


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_large_chunks_with_lines_of_any_length(run, kind):
    async def main():
        rows = [
            [str(n), "ä\n" * length] for n, length in enumerate([1, 9_000, 3, 4_000, 12_000, *[20] * 400])
        ]
        text = io.StringIO(newline="")
        stdlib.writer(text).writerows(rows)
        data = text.getvalue().encode()
        source = Readable.from_([kind(data[:30_001]), kind(data[30_001:])], object_mode=False)
        assert await source.compose(csv.parse(columns=None)).to_list() == rows

    run(main)


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"\n\na\n\nb\n", [[""], [""], ["a"], [""], ["b"]]),
        (b"\n\r\n1,2\n\n3,4\n", [["1", "2"], ["3", "4"]]),
        (b"\n\n1,2", [["1", "2"]]),
        (b"\n\n", [[""], [""]]),
        (b"\n", [[""]]),
        (b"", []),
    ],
)
def test_the_first_record_tells_what_empty_lines_before_it_are(run, size, data, expected):
    async def main():
        assert await parsed(data, size, columns=None) == expected
        assert await parsed(data, size, columns=None, skip_empty_lines=False) == list(
            stdlib.reader(io.StringIO(data.decode(), newline=""))
        )
        assert await parsed(data, size, columns=None, skip_empty_lines=True) == [
            row for row in expected if row != [""]
        ]

    run(main)


@looped
@every_size
async def test_an_empty_line_is_a_record_of_data_with_one_column(size):
    data = b"a\r\nx\r\n\r\n\ny\n\n"
    fields = ["x", "", "", "y", ""]
    assert await parsed(data, size, rows=tuple) == [(field,) for field in fields]
    assert await parsed(data, size, null="") == [{"a": field or None} for field in fields]
    assert await parsed(data, size, columns=["b"], rows=tuple) == [("a",), *[(field,) for field in fields]]
    assert await parsed(data, size, columns=None) == [["a"], *[[field] for field in fields]]
    assert await parsed(data, size, skip_empty_lines=False, rows=list) == [[field] for field in fields]
    assert await parsed(data, size, skip_empty_lines=True, rows=list) == [["x"], ["y"]]
    assert await parsed(b"\n1\n\n", size, columns=None, types=[lambda text: int(text or 0)]) == [
        [0],
        [1],
        [0],
    ]


@looped
@every_size
async def test_an_empty_line_is_no_record_of_data_with_several_columns(size):
    data = b"a,b\n\n1,2\n\r\n\n3,4\n\n"
    assert await parsed(data, size, rows=tuple) == [("1", "2"), ("3", "4")]
    assert await parsed(data, size, columns=None) == [["a", "b"], ["1", "2"], ["3", "4"]]
    with pytest.raises(RecordError, match=r"line 2 .*: 0 fields, and there are 2 columns"):
        await parsed(data, size, skip_empty_lines=False)


@looped
@pytest.mark.parametrize("field", ["", None, "\\.", "x"])
@pytest.mark.parametrize("line_end", ["\r\n", "\n"])
async def test_a_row_of_one_field_is_never_an_empty_line(field, line_end):
    rows = [(field,), (field,)]
    data = await written(rows, columns=["a"], line_end=line_end)
    expected = {"x": "x"}.get(field, f'"{field or ""}"')
    assert data.decode() == line_end.join(["a", expected, expected, ""])
    assert await parsed(data, rows=tuple, null="" if field is None else None) == rows


@looped
@every_size
async def test_types_and_null(size):
    data = b"id,price,when,note\n1,2.5,2020-01-02,x\n2,NULL,2020-01-03,NULL\n"
    types = {"id": int, "price": float, "when": date.fromisoformat}
    assert await parsed(data, size, types=types, null="NULL", rows=tuple) == [
        (1, 2.5, date(2020, 1, 2), "x"),
        (2, None, date(2020, 1, 3), None),
    ]
    rows = await parsed(b"1,x\n,y\n", size, columns=None, types=[int, None], null="", rows=tuple)
    assert rows == [(1, "x"), (None, "y")]
    assert await parsed(b"1,\n,\n2\n", size, columns=None, null="") == [["1", None], [None, None], ["2"]]


@looped
async def test_the_names_are_told():
    stream = csv.parse()
    told = []
    stream.on("columns", told.append)
    assert stream.columns is None
    stream.end(b"\na,b\n1,2\n")
    await stream.to_list()
    assert told == [("a", "b")]
    assert stream.columns == ("a", "b")
    assert csv.parse(columns=["x"]).columns == ("x",)


@looped
@every_size
async def test_dialects(size):
    assert await parsed(b"a;'b;c'\n", size, columns=None, delimiter=";", quote="'") == [["a", "b;c"]]
    assert await parsed(b'a\tb "c"\n', size, columns=None, dialect="excel-tab") == [["a", 'b "c"']]
    escaped = {"escape": "\\", "double_quote": False}
    assert await parsed(b'"a\\"\n,b",c\n', size, columns=None, **escaped) == [['a"\n,b', "c"]]
    assert await parsed(b'a, "b"\n', size, columns=None, skip_initial_space=True) == [["a", "b"]]
    assert await parsed(b'"a,b\n', size, columns=None, quote=None) == [['"a', "b"]]
    assert await parsed(b'"a"b,c\n', size, columns=None, strict=False) == [["ab", "c"]]
    assert await parsed(b'1,"open\n2', size, columns=None, strict=False) == [["1", "open\n2"]]


@looped
@every_size
async def test_quotes_inside_of_plain_fields(size):
    data = b'5" disk,a\n3,"b\nc"\nplain,7" x\n"q",d\n'
    assert await parsed(data, size, columns=None) == [
        ['5" disk', "a"],
        ["3", "b\nc"],
        ["plain", '7" x'],
        ["q", "d"],
    ]


@looped
@every_size
@pytest.mark.parametrize(
    ("data", "line", "position", "text", "rest"),
    [
        (b"a,b\n1,2\n3\n4,5\n", 3, 8, "1 field, and there are 2 columns", [("1", "2"), ("4", "5")]),
        (b'a,b\n"1\n",2\n3,4,5\n6,7', 4, 11, "3 fields, and there are 2", [("1\n", "2"), ("6", "7")]),
        (b'a,b\n1,"x"y\n3,4\n', 2, 4, "expected after", [("3", "4")]),
        (b'\xef\xbb\xbfa,b\n1,2\n"x,3\n', 3, 11, "the input ends inside a quoted field", [("1", "2")]),
    ],
)
async def test_wrong_records(size, data, line, position, text, rest):
    with pytest.raises(RecordError, match=text) as caught:
        await parsed(data, size, rows=tuple)
    assert (caught.value.line, caught.value.position) == (line, position)
    assert str(caught.value).startswith(f"line {line} (byte {position})")
    skipped = []
    assert await parsed(data, size, rows=tuple, on_error=skipped.append) == rest
    assert [(error.line, error.position) for error in skipped] == [(line, position)]


@looped
@every_size
async def test_a_field_that_its_type_refuses(size):
    data = b"id,n\n1,2\n2,x\n3,4\n"
    with pytest.raises(
        RecordError, match=r"line 3 \(byte 9\), column 'n': invalid literal for int"
    ) as caught:
        await parsed(data, size, types={"n": int})
    assert isinstance(caught.value.__cause__, ValueError)
    skipped = []
    assert await parsed(data, size, types={"n": int}, rows=tuple, on_error=skipped.append) == [
        ("1", 2),
        ("3", 4),
    ]
    with pytest.raises(RecordError, match="column 2: invalid literal"):
        await parsed(data, size, columns=None, types=[None, int])


@looped
async def test_on_error_may_raise_another_error():
    def refuse(error):
        raise KeyError(error.line)

    with pytest.raises(KeyError):
        await parsed(b"a,b\n1\n", on_error=refuse)


@looped
async def test_errors_of_the_header_and_the_encoding_are_not_skipped():
    skipped = []
    for data in (b"a,a\n1,2\n", b'"a"b,c\n1,2\n', b"a,b\n1,\xff\n"):
        with pytest.raises(RecordError):
            await parsed(data, on_error=skipped.append)
    with pytest.raises(RecordError, match="types has 'x', and the columns are 'a', 'b'"):
        await parsed(b"a,b\n", types={"x": int}, on_error=skipped.append)
    assert skipped == []


@looped
@every_size
async def test_bytes_that_are_not_in_the_encoding(size):
    with pytest.raises(RecordError, match="not in utf-8") as caught:
        await parsed(b"a,b\n1,2\n3,\xc3\xa4\xff\n", size)
    assert (caught.value.line, caught.value.position) == (3, 12)
    with pytest.raises(RecordError, match="not in utf-8: unexpected end of data"):
        await parsed(b"a\n\xc3", size)


@looped
@every_size
async def test_records_before_bytes_that_are_not_in_the_encoding_are_given(size):
    """Their number does not depend on whether they came together with the bytes."""
    for data, rows in (
        (b"1,2\n3,4\n\xff", [["1", "2"], ["3", "4"]]),
        (b'1\r2\r\n"3\n\xff"', [["1"], ["2"]]),
        (b"\xef\xbb\xbf1\n\xff", [["1"]]),
    ):
        stream = csv.parse(columns=None)
        got, errors = [], []
        stream.on("data", got.append)
        stream.on("error", errors.append)
        await quiet(2)
        for at in range(0, len(data), size or len(data)):
            if not stream.destroyed:
                stream.write(data[at : at + (size or len(data))])
                await quiet(2)
        await closed(stream)
        assert got == rows
        assert "not in utf-8" in str(errors[0])


@looped
@every_size
async def test_a_record_that_is_too_long(size):
    data = b"a,b\n1,2\n" + b"x" * 50 + b",y\n3,4\n"
    assert len(await parsed(data, size, limit=53)) == 3
    for wrong in (data, b'a,b\n1,2\n"' + b"x\n" * 50, b"a,b\n1,2\n" + b"x" * 50):
        skipped = []
        with pytest.raises(RecordError, match=r"line 3 \(byte 8\): a record has more than 40 bytes"):
            await parsed(wrong, size, limit=40, on_error=skipped.append)
        assert skipped == []


@looped
async def test_fields_longer_than_the_csv_module_allows():
    before = stdlib.field_size_limit()
    data = b"a\n" + b"x" * 300_000 + b"\n" + b'"' + b"y\n" * 150_000 + b'"\n'
    rows = await parsed(data, 10_000, rows=tuple)
    assert [len(row[0]) for row in rows] == [300_000, 300_000]
    assert stdlib.field_size_limit() == before


@looped
async def test_the_work_for_a_long_record_in_small_pieces_is_in_proportion(monkeypatch):
    """Also where the guess about quotes is wrong."""
    counted = 0

    class Counting:
        def __getattr__(self, name):
            return getattr(stdlib, name)

        def reader(self, lines, *args):
            nonlocal counted
            lines = list(lines)
            counted += sum(map(len, lines))
            return stdlib.reader(lines, *args)

    monkeypatch.setattr("forebay.formats._csv_parser.csv", Counting())
    for start in (b'"', b'x"y,"'):
        counted = 0
        data = b"a,b\n" + start + b"z\n" * 100_000 + (b'",1\n' if start == b'"' else b'"\n')
        assert len(await parsed(data, 500)) == 1
        assert counted < 8 * len(data)


@looped
async def test_rows_before_an_error_are_given():
    stream = csv.parse(rows=tuple)
    got, errors = [], []
    stream.on("data", got.append)
    stream.on("error", errors.append)
    await quiet(2)
    stream.write(b"a\n1\n2\n3,4\n5\n")
    assert got == [("1",), ("2",)]
    await closed(stream)
    assert [error.line for error in errors] == [4]


# ---- stringify


@looped
async def test_rows_of_every_kind():
    point = namedtuple("Point", "x y")
    table = sqlite3.connect(":memory:")
    table.row_factory = sqlite3.Row
    records = table.execute("select 1 as x, 'a' as y union all select 2, null").fetchall()
    table.close()
    assert await written([(1, "a"), [2, None]], columns=["x", "y"]) == b"x,y\r\n1,a\r\n2,\r\n"
    assert await written([{"x": 1, "y": "a"}, {"y": None, "x": 2}]) == b"x,y\r\n1,a\r\n2,\r\n"
    assert await written([OrderedDict(x=1), {}]) == b'x\r\n1\r\n""\r\n'
    assert await written([point(1, "a"), point(2, None)]) == b"x,y\r\n1,a\r\n2,\r\n"
    assert await written(records) == b"x,y\r\n1,a\r\n2,\r\n"
    assert await written([{"x": 1, "y": 2}, (3, 4), records[0]]) == b"x,y\r\n1,2\r\n3,4\r\n1,a\r\n"
    assert await written([{"y": 2, "x": 1}], columns=["x", "y"], header=False) == b"1,2\r\n"
    assert await written([(1,), (2, 3)], header=False) == b"1\r\n2,3\r\n"


@looped
async def test_no_rows():
    assert await written([]) == b""
    assert await written([], columns=["a", "b"]) == b"a,b\r\n"
    assert await written([], columns=["a", "b"], header=False) == b""


@looped
async def test_the_header_of_a_stream_that_is_piped_in():
    chunks = []
    await pipeline(
        [b"a,b\r\n1,2\r\n"],
        csv.parse(rows=tuple),
        csv.stringify(delimiter=";"),
        Writable(write=chunks.append),
    )
    assert b"".join(chunks) == b"a;b\r\n1;2\r\n"
    chunks.clear()
    await pipeline([b"a,b\n"], csv.parse(rows=tuple), csv.stringify(), Writable(write=chunks.append))
    assert b"".join(chunks) == b"a,b\r\n"


@looped
async def test_options_of_stringify():
    rows = [("a", 1, None, 'q"'), ("b,", 2.5, "", "x")]
    none = {"header": False}
    assert await written(rows, **none) == b'a,1,,"q"""\r\n"b,",2.5,,x\r\n'
    assert await written(rows, null="NULL", line_end="\n", **none) == b'a,1,NULL,"q"""\n"b,",2.5,,x\n'
    assert await written(rows, quoting="all", **none) == b'"a","1","","q"""\r\n"b,","2.5","","x"\r\n'
    assert await written(rows, quoting="nonnumeric", **none) == b'"a",1,"","q"""\r\n"b,",2.5,"","x"\r\n'
    assert await written(rows, quote=None, escape="\\", **none) == b'a,1,,q"\r\nb\\,,2.5,,x\r\n'
    assert await written(rows, dialect="unix", **none) == b'"a","1","","q"""\n"b,","2.5","","x"\n'
    assert await written(rows, escape="\\", double_quote=False, **none) == b'a,1,,q\\"\r\n"b,",2.5,,x\r\n'
    assert await written([("ä",)], encoding="latin-1", **none) == b"\xe4\r\n"
    for encoding in ("utf-16", "utf-8-sig"):
        text = (await written([("ä",), ("b",)], columns=["c"], encoding=encoding)).decode(encoding)
        assert text == "c\r\nä\r\nb\r\n"


@looped
async def test_a_return_is_quoted_whatever_ends_a_line():
    data = await written([("a\rb", 1), ("c", 2)], header=False, line_end="\n")
    assert data == b'"a\rb",1\nc,2\n'
    assert await parsed(data, columns=None) == [["a\rb", "1"], ["c", "2"]]


@looped
@pytest.mark.parametrize(
    ("rows", "options", "text"),
    [
        ([(1, 2), (3,)], {"columns": ["a", "b"]}, "row 2 .*1 values, and there are 2 columns"),
        ([{"a": 1}, {"a": 1, "b": 2}], {}, "row 2 .*'b' is no column; the columns are a"),
        ([(1,), {"a": 1}], {"header": False}, "row 2 .*give columns="),
        ([{"a": "b'ok'"}, {"a": b"x"}], {}, "row 2 .*bytes, which CSV has no form for"),
        ([{"a": bytearray(b"it's")}], {}, "row 1 .*bytearray"),
        ([{"a": memoryview(b"x")}], {}, "row 1 .*memoryview"),
        ([[1], "text"], {"header": False}, "row 2 .*a sequence of values or a mapping, got str"),
        ([5], {}, "row 1 .*got int"),
        ([("a,b",)], {"header": False, "quote": None}, "row 1 .*need to escape"),
        ([("a",), ("€",)], {"header": False, "encoding": "latin-1"}, "row 2 .*can't encode"),
    ],
)
async def test_rows_that_cannot_be_written(rows, options, text):
    with pytest.raises(RecordError, match=text):
        await written(rows, **options)


@looped
async def test_rows_without_names_for_the_header():
    with pytest.raises(
        InvalidArgValueError, match="no names for the header, and the first row is a tuple: give columns="
    ):
        await written([(1, 2)])


@looped
async def test_all_rows_of_a_burst_are_encoded_in_one_call():
    stream = csv.stringify(header=False)
    chunks, told = [], []
    stream.on("data", chunks.append)
    for n in range(500):
        stream.write((n,), callback=told.append)
    stream.end()
    await closed(stream)
    assert len(chunks) == 1
    assert told == [None] * 500


@looped
async def test_rows_of_a_burst_that_is_destroyed():
    stream = csv.stringify(header=False)
    told = []
    for n in range(3):
        stream.write((n,), callback=told.append)
    stream.destroy()
    await closed(stream)
    assert [error.code for error in told] == ["ERR_STREAM_DESTROYED"] * 3


# ---- both


@looped
async def test_the_rules_of_a_transform():
    rows = [{"a": str(n), "b": "x\ny"} for n in range(30)]
    data = await written(rows)
    await check_transform(
        lambda: csv.parse(high_water_mark=4),
        [(data, rows), (b"a,b", [])],
        wrong=[b"a,b\n1\n"],
        fails=RecordError,
    )
    await check_transform(
        lambda: csv.stringify(high_water_mark=4),
        [(rows, data)],
        wrong=[[{"a": 1}, {"b": 1}]],
        fails=RecordError,
    )


@looped
async def test_a_large_chunk_waits_for_room():
    rows = [(str(n), "x" * 100) for n in range(20_000)]
    text = io.StringIO()
    stdlib.writer(text).writerows(rows)
    stream = csv.parse(columns=None, rows=tuple, high_water_mark=10)
    stream.write(text.getvalue().encode())
    assert stream.readable_length < 5000
    stream.end()
    assert await stream.to_list() == rows


@looped
async def test_stages_in_one():
    both = compose(csv.parse(), csv.stringify(line_end="\n"))
    both.end(b"a,b\r\n1,2\r\n")
    assert b"".join(await both.to_list()) == b"a,b\n1,2\n"


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"delimiter": ",,"}, InvalidArgValueError),
        ({"delimiter": ""}, InvalidArgValueError),
        ({"delimiter": None}, InvalidArgTypeError),
        ({"quote": "\n"}, InvalidArgValueError),
        ({"quote": ","}, InvalidArgValueError),
        ({"escape": 5}, InvalidArgTypeError),
        ({"dialect": "klingon"}, InvalidArgValueError),
        ({"dialect": 5}, InvalidArgTypeError),
        ({"dialect": "excel", "delimiter": ";"}, InvalidArgValueError),
        ({"encoding": "klingon"}, UnknownEncodingError),
        ({"encoding": "base64"}, UnknownEncodingError),
        ({"encoding": None}, InvalidArgTypeError),
        ({"columns": "abc"}, InvalidArgTypeError),
        ({"columns": [1]}, InvalidArgTypeError),
        ({"high_water_mark": -1}, InvalidArgValueError),
    ],
)
def test_arguments_of_both(options, error):
    for make in (csv.parse, csv.stringify):
        with pytest.raises(error):
            make(**options)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"rows": set}, InvalidArgTypeError),
        ({"rows": dict, "columns": None}, InvalidArgValueError),
        ({"types": int}, InvalidArgTypeError),
        ({"types": {"a": 5}}, InvalidArgTypeError),
        ({"types": {"a": int}, "columns": None}, InvalidArgValueError),
        ({"types": {"b": int}, "columns": ["a"]}, InvalidArgValueError),
        ({"types": [int], "columns": ["a", "b"]}, InvalidArgValueError),
        ({"columns": ["a", "a"]}, InvalidArgValueError),
        ({"null": 0}, InvalidArgTypeError),
        ({"limit": 0}, OutOfRangeError),
        ({"limit": "1"}, InvalidArgTypeError),
        ({"on_error": 3}, InvalidArgTypeError),
    ],
)
def test_arguments_of_parse(options, error):
    with pytest.raises(error):
        csv.parse(**options)


def test_arguments_of_stringify():
    with pytest.raises(InvalidArgTypeError, match="null"):
        csv.stringify(null=None)
    with pytest.raises(InvalidArgValueError, match="quoting must be one of minimal, all, nonnumeric, none"):
        csv.stringify(quoting="some")
