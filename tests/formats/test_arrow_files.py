"""Parquet and Arrow files: read back, written whole, wrong and left early."""

import asyncio
import os

import pytest
from arrow_cases import Failing, batch, closed, content, dicts, rows

from forebay import Writable, pipeline
from forebay.errors import (
    InvalidArgTypeError,
    InvalidArgValueError,
)
from forebay.testing import check_readable, check_writable

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

from forebay.formats import arrow  # noqa: E402 - it needs pyarrow

FILES = {
    "parquet": (arrow.read_parquet, arrow.write_parquet),
    "ipc": (arrow.read_ipc, arrow.write_ipc),
    "ipc stream": (arrow.read_ipc, lambda path, **options: arrow.write_ipc(path, format="stream", **options)),
}


@pytest.fixture(params=list(FILES))
def kind(request):
    return FILES[request.param]


def test_a_file_of_record_batches_is_read_back(run, tmp_path, kind):
    read, write = kind
    path = tmp_path / "data"

    async def main():
        sink = write(path)
        await pipeline([batch(3000), batch(0), batch(2000, 3000)], sink)
        source = read(path)
        schemas = []
        source.on("schema", schemas.append)
        found = await source.to_list()
        return sink.rows_written, sink.schema, source.row_count, schemas, found

    written, schema, count, schemas, found = run(main)
    assert written == count == 5000
    assert content(found) == rows(5000)
    assert schemas == [schema] == [batch(1).schema]


@pytest.mark.parametrize("form", ["dicts", "tuples"])
def test_a_file_of_rows(run, tmp_path, kind, form):
    read, write = kind
    path = tmp_path / "data"

    async def main():
        if form == "dicts":
            await pipeline(dicts(25_000), write(path))
        else:
            await pipeline(rows(25_000), write(path, schema=batch(1).schema))
        return await read(os.fsencode(path)).to_list()

    assert content(run(main)) == rows(25_000)


def test_a_file_without_rows_needs_a_schema(run, tmp_path, kind):
    read, write = kind
    path = tmp_path / "data"

    async def main():
        with pytest.raises(InvalidArgValueError, match="give schema"):
            await pipeline([], write(path))
        assert os.listdir(tmp_path) == []
        await pipeline([], write(path, schema=batch(1).schema))
        source = read(path)
        return await source.to_list(), source.schema

    assert run(main) == ([], batch(1).schema)


def test_files_follow_the_rules_of_streams(run, tmp_path, kind):
    read, write = kind
    path = tmp_path / "data"

    def collected(stream):
        with open(stream.path, "rb") as file:
            head = file.read(4)
        file = pq.read_table(path) if head == b"PAR1" else None
        if file is None:
            with pa.OSFile(str(path)) as source:
                opened = pa.ipc.open_file(source) if head == b"ARRO" else pa.ipc.open_stream(source)
                file = opened.read_all()
        return file.to_pylist()

    async def main():
        await check_writable(
            lambda: write(path, schema=batch(1).schema, high_water_mark=2),
            collected=collected,
            chunks=dicts(20),
            limit=20,
        )
        options = {"batch": 1} if read is arrow.read_parquet else {}
        await pipeline([batch(1, n) for n in range(12)], write(path))
        await check_readable(
            lambda: read(path, high_water_mark=2, **options),
            expected=[batch(1, n) for n in range(12)],
            limit=20,
        )

    run(main)


def test_columns_and_row_groups_of_a_parquet_file(run, tmp_path):
    path = tmp_path / "data.parquet"

    async def main():
        await pipeline([batch(1000), batch(700, 1000)], arrow.write_parquet(path, row_group=400))
        file = pq.ParquetFile(path)
        sizes = [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)]
        file.close()
        source = arrow.read_parquet(path, columns=["t"], row_groups=[4, 0], batch=300)
        found = await source.to_list()
        with pytest.raises(ValueError, match="no column 'x'; it has id, t"):
            await arrow.read_parquet(path, columns=["x"]).to_list()
        with pytest.raises(Exception, match="no row group 9; it has 5"):
            await arrow.read_parquet(path, row_groups=[9]).to_list()
        return sizes, source.schema.names, found

    sizes, names, found = run(main)
    assert sizes == [400, 400, 400, 400, 100]
    assert names == ["t"]
    assert [each.num_rows for each in found] == [100, 300, 100]
    assert content(found) == [(t,) for _, t in rows(100, 1600) + rows(400)]


@pytest.mark.parametrize("compression", ["zstd", "snappy", "gzip", "lz4", None])
def test_compressions(run, tmp_path, compression):
    path = tmp_path / "data.parquet"

    async def main():
        await pipeline([batch(5000)], arrow.write_parquet(path, compression=compression))
        file = pq.ParquetFile(path)
        used = file.metadata.row_group(0).column(1).compression
        file.close()
        return used

    assert run(main).lower() in (compression or "uncompressed", "lz4_raw")


def test_wide_rows_make_smaller_row_groups(run, tmp_path):
    path = tmp_path / "data.parquet"
    wide = pa.record_batch({"t": ["x" * 10_000] * 1000})

    async def main():
        await pipeline([wide] * 20, arrow.write_parquet(path, compression=None))
        file = pq.ParquetFile(path)
        groups = file.num_row_groups
        file.close()
        return groups

    assert run(main) > 1


@pytest.mark.parametrize("name", ["absent", "folder", "damaged", "empty"])
def test_a_file_that_cannot_be_read(run, tmp_path, kind, name):
    read, _ = kind
    path = tmp_path / name
    if name == "folder":
        path.mkdir()
    elif name != "absent":
        path.write_bytes(b"no Arrow data" * 100 if name == "damaged" else b"")

    async def main():
        with pytest.raises((OSError, ValueError)) as caught:
            await read(path).to_list()
        return caught.value

    error = run(main)
    if name == "absent":
        assert isinstance(error, FileNotFoundError)
    assert name in f"{error} {getattr(error, '__notes__', '')} {getattr(error, 'filename', '')}"


def test_a_file_that_cannot_be_written(run, tmp_path, kind):
    _, write = kind

    async def main():
        with pytest.raises(FileNotFoundError):
            await pipeline([batch(1)], write(tmp_path / "absent" / "data"))

    run(main)


@pytest.mark.parametrize("atomic", [True, False])
def test_an_unfinished_file_does_not_look_whole(run, tmp_path, kind, atomic):
    _, write = kind
    path = tmp_path / "data"
    path.write_bytes(b"the old content")

    async def main():
        async def failing():
            for n in range(50):
                yield batch(1000, n * 1000)
            raise OSError("the source has failed")

        sink = write(path, atomic=atomic)
        with pytest.raises(OSError, match="the source has failed"):
            await pipeline(failing(), sink)
        await closed(sink)

    run(main)
    assert os.listdir(tmp_path) == ["data"]
    if atomic:
        assert path.read_bytes() == b"the old content"


def test_a_record_batch_that_does_not_fit(run, tmp_path, kind):
    _, write = kind
    other = pa.record_batch({"id": ["x"], "t": ["y"]})
    turned = batch(1).select(["t", "id"])

    async def main():
        for wrong, message in (
            ([batch(1), other], "does not fit into the schema of the file"),
            ([batch(1), turned], "other columns"),
            ([batch(1), (1, "a")], "a row follows record batches"),
            ([*dicts(2), batch(1)], "a record batch follows rows"),
            ([*dicts(2), {"id": "x", "t": "a"}], "row 3 has 'x' in the column 'id'"),
        ):
            with pytest.raises((InvalidArgValueError, InvalidArgTypeError), match=message):
                await pipeline(wrong, write(tmp_path / "data"))

    run(main)
    assert os.listdir(tmp_path) == []


def test_types_are_converted_to_the_schema_of_the_file(run, tmp_path):
    narrow = pa.record_batch({"id": pa.array([7], pa.int8()), "t": ["a"]})

    async def main():
        await pipeline([batch(1), narrow], arrow.write_parquet(tmp_path / "data"))
        return await arrow.read_parquet(tmp_path / "data").to_list()

    assert content(run(main)) == [(0, "text 0"), (7, "a")]


@pytest.mark.parametrize("how", ["break", "destroy at once", "failing sink", "cancel"])
def test_a_file_that_is_left_early_is_closed(run, tmp_path, kind, how):
    read, write = kind
    path = tmp_path / "data"

    async def main():
        await pipeline([batch(1000, n * 1000) for n in range(50)], write(path))
        source = read(path)
        if how == "break":
            async for _ in source:
                break
        elif how == "destroy at once":
            source.destroy()
        elif how == "failing sink":
            with pytest.raises(OSError, match="the sink is full"):
                await pipeline(source, Failing())
        else:
            task = asyncio.ensure_future(
                pipeline(source, Writable(object_mode=True, write=lambda chunk: asyncio.sleep(9)))
            )
            await asyncio.sleep(0.05)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        await closed(source)

    # It checks that no descriptor is left.
    run(main)
