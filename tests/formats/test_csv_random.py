"""CSV with random rows, random text and random chunks, held against the csv module on the whole text."""

import asyncio
import csv as stdlib
import io
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forebay import Readable, Writable, pipeline
from forebay.errors import RecordError
from forebay.formats import csv

DIALECTS = {
    "excel": {},
    "semicolon": {"delimiter": ";", "quote": "'"},
    "escaped": {"escape": "\\", "double_quote": False},
    "tabs": {"delimiter": "\t"},
}
same_each_time = settings(max_examples=150, derandomize=True, database=None, deadline=None)

CUTS = st.lists(st.integers(0, 400), max_size=6)
FIELDS = st.text(alphabet=st.sampled_from("ab,;\t'\"\\\r\n é\u2028\x0b€"), max_size=6) | st.text(max_size=3)
PIECES = st.sampled_from(
    ["a", "b,", ",", '"', '""', "\n", "\r\n", "\r", "x\ny", '"q"', "é", ' "', "\u2028", "\\"]
)


def cut(data, cuts):
    at = sorted({min(each, len(data)) for each in cuts} | {0, len(data)})
    return [data[start:end] for start, end in pairwise(at)]


def run(main):
    return asyncio.run(main)


async def through(source, *stages):
    got = []
    sink = Writable(object_mode=True, write=got.append)
    await pipeline(source, *stages, sink)
    return got


def encodable(text):
    return not any("\ud800" <= each <= "\udfff" for each in text)


@pytest.mark.parametrize("name", DIALECTS)
@same_each_time
@given(
    st.lists(st.lists(FIELDS.filter(encodable), min_size=2, max_size=2).map(tuple), max_size=8),
    CUTS,
    st.sampled_from(["\r\n", "\n"]),
)
def test_rows_come_back(name, rows, cuts, line_end):
    if name == "escaped":
        # The csv module does not write a "\\" in front of itself everywhere.
        rows = [tuple(field.replace("\\", "/") for field in row) for row in rows]

    async def main():
        options = DIALECTS[name]
        chunks = await through(rows, csv.stringify(header=False, line_end=line_end, **options))
        data = b"".join(chunks)
        pieces = Readable.from_(cut(data, cuts), object_mode=False)
        assert await through(pieces, csv.parse(columns=None, rows=tuple, **options)) == rows
        assert data == b"".join(
            await through(rows[:3], csv.stringify(header=False, line_end=line_end, **options))
        ) + (b"".join(await through(rows[3:], csv.stringify(header=False, line_end=line_end, **options))))

    run(main())


def kept(records):
    """The records without the empty lines that come after a record with several fields, or before it if it is the first.

    The others are an empty field.
    """
    if len(next(filter(None, records), [])) > 1:
        return list(filter(None, records))
    several = [len(record) > 1 for record in records]
    first = several.index(True) if True in several else len(records)
    return [record or [""] for at, record in enumerate(records) if record or at < first]


def records_of(text, strict):
    """What the csv module makes of the text: the records, and for each error where its record begins."""
    lines = list(io.StringIO(text, newline=""))
    reader = stdlib.reader(lines, strict=strict)
    records, errors, start = [], [], 0
    while True:
        try:
            record = next(reader)
        except StopIteration:
            return kept(records), errors
        except stdlib.Error:
            errors.append((start + 1, len("".join(lines[:start]).encode())))
        else:
            records.append(record)
        start = reader.line_num


@pytest.mark.parametrize("strict", [True, False], ids=["strict", "lenient"])
@settings(same_each_time, max_examples=500)
@given(st.lists(PIECES, max_size=25).map("".join), CUTS)
def test_any_text_is_read_as_by_the_csv_module(strict, text, cuts):
    text = text.removeprefix("\ufeff")
    records, errors = records_of(text, strict)

    async def main():
        pieces = cut(text.encode(), cuts)
        found = []
        stage = csv.parse(columns=None, strict=strict, on_error=found.append)
        assert await through(Readable.from_(pieces, object_mode=False), stage) == records
        assert [(error.line, error.position) for error in found] == errors
        if errors:
            with pytest.raises(RecordError) as caught:
                await through(
                    Readable.from_(pieces, object_mode=False), csv.parse(columns=None, strict=strict)
                )
            assert (caught.value.line, caught.value.position) == errors[0]

    run(main())


@same_each_time
@given(st.lists(st.lists(st.sampled_from(["1", "22", "x", ""]), max_size=3), max_size=8), CUTS)
def test_wrong_records_are_skipped_wherever_they_are_cut(rows, cuts):
    text = io.StringIO()
    stdlib.writer(text).writerows([["a", "b"], *rows])
    data = text.getvalue().encode()

    def right(row):
        return len(row) == 2 and row[0] in ("1", "22")

    async def main():
        skipped = []
        stage = csv.parse(types={"a": int}, rows=tuple, on_error=skipped.append)
        got = await through(Readable.from_(cut(data, cuts), object_mode=False), stage)
        assert got == [(int(row[0]), row[1]) for row in rows if right(row)]
        numbers = [number for number, row in enumerate(rows, 2) if row and not right(row)]
        assert [error.line for error in skipped] == numbers

    run(main())


@same_each_time
@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["a", "b", "c d"]), st.none() | st.integers() | FIELDS.filter(encodable)
        ),
        min_size=1,
        max_size=6,
    )
)
def test_mappings_are_written_as_by_dict_writer(rows):
    names = ["a", "b", "c d"]
    text = io.StringIO()
    writer = stdlib.DictWriter(text, names)
    writer.writeheader()
    writer.writerows(rows)

    async def main():
        assert b"".join(await through(rows, csv.stringify(columns=names))).decode() == text.getvalue()

    run(main())
