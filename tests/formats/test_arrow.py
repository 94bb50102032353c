"""Arrow: rows and record batches, Parquet files, and the IPC formats."""

import asyncio
import datetime
import decimal
import os
import subprocess
import sys

import pytest
from arrow_cases import Failing, batch, content, dicts, rows
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forebay import Readable, pipeline
from forebay.errors import (
    DamagedDataError,
    InvalidArgTypeError,
    InvalidArgValueError,
    OutOfRangeError,
    TruncatedDataError,
)
from forebay.testing import check_transform

pa = pytest.importorskip("pyarrow")

from forebay.formats import arrow  # noqa: E402 - it needs pyarrow

# ---- rows and record batches


def test_rows_of_record_batches_and_tables(run):
    async def main():
        source = [batch(2500), batch(0), pa.table(batch(3, 2500))]
        as_tuples = await Readable.from_(source).pipe(arrow.rows()).to_list()
        as_dicts = await Readable.from_([batch(2)]).pipe(arrow.rows(rows=dict)).to_list()
        return as_tuples, as_dicts

    as_tuples, as_dicts = run(main)
    assert as_tuples == rows(2503)
    assert as_dicts == dicts(2)


def test_record_batches_of_rows(run):
    async def main():
        stage = arrow.batches(size=1000)
        of_dicts = await Readable.from_(dicts(2500)).pipe(stage).to_list()
        of_tuples = await Readable.from_(rows(3)).pipe(arrow.batches(["id", "t"])).to_list()
        schema = pa.schema([("id", pa.int8()), ("t", pa.large_string())])
        typed = await Readable.from_(rows(3)).pipe(arrow.batches(schema)).to_list()
        return of_dicts, stage.schema, of_tuples, schema, typed

    of_dicts, found, of_tuples, schema, typed = run(main)
    assert [each.num_rows for each in of_dicts] == [1000, 1000, 500]
    assert content(of_dicts) == rows(2500)
    assert found == of_dicts[0].schema == batch(1).schema
    assert content(of_tuples) == rows(3)
    assert typed[0].schema == schema


def test_the_stages_follow_the_rules_of_transforms(run):
    async def main():
        await check_transform(
            lambda: arrow.rows(high_water_mark=2),
            [([batch(20), batch(20, 20)], rows(40))],
            wrong=[[(1, 2)], ["text"]],
        )
        await check_transform(
            lambda: arrow.batches(size=2, high_water_mark=2),
            [(dicts(9), [batch(2), batch(2, 2), batch(2, 4), batch(2, 6), batch(1, 8)])],
            wrong=[
                [*dicts(2), {"id": 1}, {"id": 2}],
                [*dicts(2), {"id": "x", "t": "a"}, *dicts(1)],
                [(1, 2)],
            ],
        )

    run(main)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ([*dicts(20), {"id": 1}], "row 21 must have the columns id, t"),
        ([*dicts(20), {"id": 1, "x": 2}], "row 21 must have the columns id, t"),
        ([*dicts(20), 7], "row 21 must have the columns id, t"),
        (
            [*dicts(20), {"id": "seven", "t": "a"}],
            "row 21 has 'seven' in the column 'id', whose values are of the type int64",
        ),
        ([*dicts(3), {"id": 1, "t": 7}], "row 4 has 7 in the column 't', whose values are of one type"),
        ([*dicts(20), {"id": 2**70, "t": "a"}], "row 21 has 1180591620717411303424 in the column 'id'"),
        ([{"id": None, "t": "a"}] * 10 + dicts(1), "give schema if the first rows do not show the types"),
        ([(1, 2)], "rows without names need schema"),
    ],
)
def test_a_row_that_does_not_fit_is_named(run, source, message):
    async def main():
        with pytest.raises(InvalidArgValueError, match=message):
            await pipeline(source, arrow.batches(size=10), Failing())

    run(main)


def test_rows_of_another_width_than_the_schema(run):
    async def main():
        for wrong, error in (
            ((1,), InvalidArgValueError),
            (5, InvalidArgTypeError),
            ("ab", InvalidArgTypeError),
        ):
            with pytest.raises(error, match="row 2 must"):
                await pipeline([(1, "a"), wrong], arrow.batches(["id", "t"]), Failing())

    run(main)


def test_columns_with_the_same_name(run):
    doubled = pa.RecordBatch.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"])

    async def main():
        with pytest.raises(InvalidArgValueError, match="'a' is there twice"):
            await pipeline([doubled], arrow.rows(rows=dict), Failing())
        return await Readable.from_([doubled]).pipe(arrow.rows()).to_list()

    assert run(main) == [(1, 2)]


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: arrow.rows(rows=list), InvalidArgValueError),
        (lambda: arrow.batches("id"), InvalidArgTypeError),
        (lambda: arrow.batches([1]), InvalidArgTypeError),
        (lambda: arrow.batches(["a", "a"]), InvalidArgValueError),
        (lambda: arrow.batches(size=0), InvalidArgValueError),
        (lambda: arrow.batches(size="a"), InvalidArgTypeError),
        (lambda: arrow.read_parquet(7), InvalidArgTypeError),
        (lambda: arrow.read_parquet("x", columns="id"), InvalidArgTypeError),
        (lambda: arrow.read_parquet("x", row_groups=["a"]), InvalidArgTypeError),
        (lambda: arrow.read_parquet("x", batch=0), OutOfRangeError),
        (lambda: arrow.write_parquet("x", row_group=0), OutOfRangeError),
        (lambda: arrow.write_parquet("x", compression="zip"), InvalidArgValueError),
        (lambda: arrow.write_parquet("x", atomic=1), InvalidArgTypeError),
        (lambda: arrow.write_ipc("x", format="json"), InvalidArgValueError),
        (lambda: arrow.write_ipc("x", compression="gzip"), InvalidArgValueError),
        (lambda: arrow.stringify_ipc(schema=["a"]), InvalidArgTypeError),
        (lambda: arrow.parse_ipc(limit=0), OutOfRangeError),
    ],
)
def test_wrong_arguments_are_reported_at_once(run, make, error):
    async def main():
        with pytest.raises(error):
            make()

    run(main)


VALUES = {
    "i": st.none() | st.integers(-(2**63), 2**63 - 1),
    "s": st.none() | st.integers(-128, 127),
    "f": st.none() | st.floats(allow_nan=False),
    "t": st.none() | st.text(st.characters(exclude_categories=["Cs"])),
    "b": st.none() | st.binary(),
    "o": st.none() | st.booleans(),
    "d": st.none() | st.datetimes(),
    "g": st.none() | st.dates(),
    "n": st.none() | st.decimals(-1000, 1000, places=3),
    "l": st.none() | st.lists(st.integers(0, 9)),
}
SCHEMA = [
    ("i", "int64"),
    ("s", "int8"),
    ("f", "float64"),
    ("t", "string"),
    ("b", "binary"),
    ("o", "bool_"),
    ("d", ("timestamp", "us")),
    ("g", "date32"),
    ("n", ("decimal128", 10, 3)),
    ("l", ("list_",)),
]


def schema_of_all():
    def kind(described):
        if isinstance(described, str):
            return getattr(pa, described)()
        name, *arguments = described
        return pa.list_(pa.int64()) if name == "list_" else getattr(pa, name)(*arguments)

    return pa.schema([(name, kind(described)) for name, described in SCHEMA])


@given(st.lists(st.fixed_dictionaries(VALUES), max_size=30), st.integers(1, 9))
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_rows_to_batches_to_rows(given_rows, size):
    async def main():
        schema = schema_of_all()
        through = await (
            Readable.from_(given_rows).pipe(arrow.batches(schema, size)).pipe(arrow.rows(rows=dict)).to_list()
        )
        sliced = [
            each.slice(1) for each in await Readable.from_(given_rows).pipe(arrow.batches(schema)).to_list()
        ]
        return through, await Readable.from_(sliced).pipe(arrow.rows(rows=dict)).to_list()

    through, sliced = asyncio.run(main())
    assert through == given_rows
    assert sliced == given_rows[1:]


def test_the_values_are_those_of_pyarrow():
    """Those that are read from the buffer, and the others."""
    from forebay.formats._record_batches import tuples_of

    columns = {
        "small": pa.array([1, 2, 3], pa.uint8()),
        "float": pa.array([1.5, -0.0, float("inf")], pa.float32()),
        "half": pa.array([1, 2, 3], pa.uint64()),
        "text": pa.array(["", "ä", "b\0"]),
        "ascii": pa.array(["", "a", "bcd"]),
        "large": pa.array(["", "a", "b"], pa.large_string()),
        "time": pa.array([datetime.datetime(1900, 1, 1, 1, 2, 3, 4)] * 3),
        "zone": pa.array([datetime.datetime(2000, 1, 1)] * 3, pa.timestamp("us", "UTC")),
        "seconds": pa.array([datetime.datetime(2000, 1, 1)] * 3, pa.timestamp("s")),
        "dictionary": pa.array(["a", "b", "a"]).dictionary_encode(),
        "null": pa.nulls(3),
        "some": pa.array([1, None, 3]),
        "decimal": pa.array([decimal.Decimal("1.5")] * 3),
    }
    whole = pa.record_batch(columns)
    for part in (whole, whole.slice(1), whole.slice(1, 1), whole.slice(3)):
        assert tuples_of(part) == [tuple(row.values()) for row in part.to_pylist()]
    assert tuples_of(pa.table(columns)) == [tuple(row.values()) for row in whole.to_pylist()]


# ---- bytes


def ipc_bytes(batches, **options):
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batches[0].schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        for each in batches:
            writer.write(each)
    return sink.getvalue().to_pybytes()


@pytest.mark.parametrize("compression", [None, "zstd", "lz4"])
def test_bytes_of_the_stream_format(run, compression):
    async def main():
        out = (
            await Readable.from_([batch(10), batch(5, 10)])
            .pipe(arrow.stringify_ipc(compression=compression))
            .to_list()
        )
        return b"".join(out)

    data = run(main)
    assert data == ipc_bytes([batch(10), batch(5, 10)], compression=compression)
    assert pa.ipc.open_stream(data).read_all().to_pylist() == dicts(15)


def test_the_bytes_may_be_cut_anywhere(run):
    data = ipc_bytes([batch(3), batch(2, 3)])

    async def main():
        for size in (1, 7, 64, 1000):
            pieces = [data[at : at + size] for at in range(0, len(data), size)]
            stage = arrow.parse_ipc()
            found = await Readable.from_(pieces).pipe(stage).to_list()
            assert content(found) == rows(5)
            assert stage.schema == batch(1).schema

    run(main)


def test_the_byte_stages_follow_the_rules_of_transforms(run):
    batches = [batch(2, n) for n in range(12)]
    data = ipc_bytes(batches)

    async def main():
        await check_transform(
            lambda: arrow.parse_ipc(high_water_mark=2),
            [(data, batches)],
            wrong=[b"", data[:-20], data + b"x", b"\xff" * 40, b"PAR1" * 10],
        )
        await check_transform(
            lambda: arrow.stringify_ipc(high_water_mark=100), [(batches, data)], wrong=[[(1, 2)], []]
        )

    run(main)


def test_dictionaries_in_the_stream_format(run):
    coded = [
        pa.record_batch({"c": pa.array(values).dictionary_encode()})
        for values in (["a", "b", "a"], ["c"], ["a", "d"])
    ]

    async def main():
        stages = arrow.stringify_ipc(), arrow.parse_ipc()
        return await Readable.from_(coded).pipe(stages[0]).pipe(stages[1]).to_list()

    assert [value for each in run(main) for value in each.column(0).to_pylist()] == [
        "a",
        "b",
        "a",
        "c",
        "a",
        "d",
    ]


def test_a_new_dictionary_replaces_the_old_one(run):
    """Otherwise a stream of many would fill the memory."""
    coded = [
        pa.record_batch({"c": pa.array([f"{n} {m}" for m in range(100)]).dictionary_encode()})
        for n in range(50)
    ]

    async def main():
        stages = arrow.stringify_ipc(), arrow.parse_ipc()
        found = await Readable.from_(coded).pipe(stages[0]).pipe(stages[1]).to_list()
        assert [each.column(0).to_pylist() for each in found] == [
            each.column(0).to_pylist() for each in coded
        ]
        return sum(map(len, stages[1]._splitter._dictionaries.values()))

    assert run(main) == 1


def test_damaged_bytes(run):
    data = ipc_bytes([batch(3)])

    async def main():
        for wrong, error in (
            (b"", TruncatedDataError),
            (data[:100], TruncatedDataError),
            (b"no Arrow data", DamagedDataError),
            (data + b"more", DamagedDataError),
            (b"\xff\xff\xff\xff\xff\xff\xff\x7f", DamagedDataError),
        ):
            with pytest.raises(error):
                await pipeline([wrong] if wrong else [], arrow.parse_ipc(), Failing())
        with pytest.raises(DamagedDataError, match="larger than the limit"):
            await pipeline([data], arrow.parse_ipc(limit=64), Failing())

    run(main)


@given(st.binary(max_size=200) | st.tuples(st.integers(0, 1000), st.binary(min_size=1, max_size=8)))
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_bytes_give_batches_or_an_error(given_data):
    data = given_data
    if isinstance(given_data, tuple):
        at, patch = given_data
        whole = ipc_bytes([batch(3)])
        at %= len(whole)
        data = whole[:at] + patch + whole[at + len(patch) :]

    async def main():
        try:
            await Readable.from_([data]).pipe(arrow.parse_ipc(limit=1 << 16)).to_list()
        except (DamagedDataError, TruncatedDataError):
            return

    asyncio.run(main())


# ---- what is not installed, and memory


def test_without_pyarrow_the_error_says_what_to_install(tmp_path):
    program = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "import asyncio\n"
        "from forebay.formats import arrow\n"
        "async def main():\n"
        "    for make in (arrow.batches, lambda: arrow.read_parquet('x'), lambda: arrow.write_ipc('x'), arrow.parse_ipc):\n"
        "        try:\n"
        "            make()\n"
        "        except ImportError as error:\n"
        "            print(error)\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env=os.environ,
    )
    lines = done.stdout.splitlines()
    assert len(lines) == 4
    assert all("pip install pyarrow" in line for line in lines)


def test_memory_does_not_grow_with_the_file(run, tmp_path):
    """pyarrow's own count of its memory, at most of a few row groups."""
    path = tmp_path / "data.parquet"

    async def main():
        one = pa.record_batch({"id": list(range(10_000)), "t": [os.urandom(50).hex() for _ in range(10_000)]})
        before = pa.total_allocated_bytes()
        peaks = []

        def source(count):
            for _ in range(count):
                peaks.append(pa.total_allocated_bytes() - before)
                yield one

        # Two sizes: the memory of both is about that of a row group.
        most = []
        for count in (40, 160):
            peaks.clear()
            await pipeline(source(count), arrow.write_parquet(path, row_group=40_000, compression=None))
            peaks.clear()
            async for _ in arrow.read_parquet(path):
                peaks.append(pa.total_allocated_bytes() - before)
            most.append(max(peaks))
        return most

    small, large = run(main)
    assert large < 2 * small + (1 << 20)
