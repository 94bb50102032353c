"""storage.read() and storage.write(): objects in ranged parts, whole or not at all."""

import asyncio
import functools
import io
import sys

import pytest

from forebay import (
    AbortController,
    AbortError,
    InvalidArgTypeError,
    InvalidArgValueError,
    ObjectChangedError,
    OutOfRangeError,
    Readable,
    consumers,
    pipeline,
    storage,
)
from forebay.testing import check_readable, check_writable
from support.command import forebay
from support.loops import eventually

obstore = pytest.importorskip("obstore")

MIB = 1 << 20


@pytest.fixture(scope="module")
def data():
    """11 MiB and a few bytes that do not repeat within a part."""
    return b"".join(number.to_bytes(8, "big") for number in range((11 * MIB) // 8)) + b"end"


def blocks(data, size=100_000):
    return (data[at : at + size] for at in range(0, len(data), size))


async def closed(stream):
    while not stream.closed:
        await asyncio.sleep(0.001)


# ---- reading and writing


def test_an_object_is_written_and_read(run, bucket, data):
    async def main():
        sink = storage.write(bucket.url("a/b c"), options=bucket.options, part_size=5 * MIB)
        await pipeline(blocks(data), sink)
        assert sink.etag
        assert sink.bytes_written == len(data)
        source = storage.read(bucket.url("a/b c"), options=bucket.options, part_size=MIB, concurrency=3)
        assert await consumers.bytes(source) == data
        assert (source.size, source.etag) == (len(data), sink.etag)

    run(main)
    assert bucket.keys() == ["a/b c"]
    assert bucket.get("a/b c") == data
    assert bucket.uploads() == []


@pytest.mark.parametrize(
    ("start", "end"),
    [(0, 1), (5, 5), (100, None), (None, 100), (MIB - 1, MIB + 1), (999, 3 * MIB), (11 * MIB, 99 * MIB)],
)
def test_a_range_is_read(run, bucket, data, start, end):
    bucket.put("a", data)
    source = functools.partial(storage.read, bucket.url("a"), options=bucket.options, part_size=MIB)

    async def main():
        return await consumers.bytes(source(start=start, end=end))

    assert run(main) == data[start:end]


def test_an_empty_object_is_one(run, bucket):
    async def main():
        await pipeline([], storage.write(bucket.url("empty"), options=bucket.options))
        return await consumers.bytes(storage.read(bucket.url("empty"), options=bucket.options))

    assert run(main) == b""
    assert bucket.keys() == ["empty"]


def test_attributes_are_stored(run, bucket):
    async def main():
        sink = storage.write(
            bucket.url("a"), options=bucket.options, content_type="text/plain", metadata={"made-by": "test"}
        )
        await pipeline([b"abc"], sink)

    run(main)
    head = bucket.head("a")
    assert head["ContentType"] == "text/plain"
    assert head["Metadata"] == {"made-by": "test"}


def test_stores_in_memory_and_in_files(run, tmp_path, data):
    async def main():
        memory = obstore.store.MemoryStore()
        await pipeline(blocks(data), storage.write(memory, "a"))
        assert await consumers.bytes(storage.read(memory, "a", part_size=MIB)) == data
        url = (tmp_path / "a b").as_uri()
        await pipeline(blocks(data), storage.write(url))
        assert await consumers.bytes(storage.read(url, part_size=MIB)) == data

    run(main)
    assert (tmp_path / "a b").read_bytes() == data
    assert [path.name for path in tmp_path.iterdir()] == ["a b"]


def test_no_more_parts_are_fetched_than_may_wait(run, data):
    store = obstore.store.MemoryStore()
    obstore.put(store, "a", data)
    fetched = []

    class Counting(storage.ObjectReader):
        async def _fetch(self, start, end):
            fetched.append(start)
            return await super()._fetch(start, end)

    async def main():
        stream = Counting(
            storage._places.find(store, "a", None),
            start=None,
            end=None,
            part_size=MIB,
            concurrency=2,
            high_water_mark=1000,
            signal=None,
        )
        await anext(aiter(stream))
        for _ in range(100):
            await asyncio.sleep(0.001)
        # The part that is passed on, and two that wait.
        assert fetched == [0, MIB, 2 * MIB]
        await stream.aclose()

    run(main)


# ---- errors and early ends


def test_an_object_that_changes_is_an_error(run, bucket, data):
    bucket.put("a", data)

    async def main():
        source = storage.read(bucket.url("a"), options=bucket.options, part_size=MIB, concurrency=1)
        with pytest.raises(ObjectChangedError, match="changed while"):
            async for _ in source:
                await asyncio.to_thread(bucket.put, "a", bytes(len(data)))

    run(main)


def test_what_is_missing_is_an_error(run, bucket):
    async def main():
        with pytest.raises(FileNotFoundError) as caught:
            await consumers.bytes(storage.read(bucket.url("nothing"), options=bucket.options))
        assert "Debug source" not in str(caught.value)
        with pytest.raises(FileNotFoundError):
            await pipeline([b"abc"], storage.write("s3://no-such-bucket/a", options=bucket.options))

    run(main)


def test_a_server_that_is_not_there_is_an_error(run):
    options = {
        "endpoint": "http://127.0.0.1:1",
        "access_key_id": "id",
        "secret_access_key": "key",
        "client_options": {"allow_http": True},
        "retry_config": {"max_retries": 0},
    }

    async def main():
        with pytest.raises(Exception, match="error"):
            await consumers.bytes(storage.read("s3://bucket/a", options=options))

    run(main)


@pytest.mark.parametrize("size", [0, 1, 6 * MIB])
def test_a_failed_source_leaves_no_object_and_no_part(run, bucket, size):
    def fails():
        yield from blocks(bytes(size))
        raise KeyError("deliberate")

    async def main():
        sink = storage.write(bucket.url("a"), options=bucket.options, part_size=5 * MIB)
        with pytest.raises(KeyError):
            await pipeline(fails(), sink)
        await closed(sink)
        assert bucket.uploads() == []

    run(main)
    assert bucket.keys() == []


@pytest.mark.parametrize("how", ["destroy", "cancel", "abort"])
def test_an_upload_that_is_given_up_leaves_nothing(run, bucket, how):
    async def main():
        controller = AbortController()
        sink = storage.write(
            bucket.url("a"), options=bucket.options, part_size=5 * MIB, signal=controller.signal
        )

        async def source():
            for block in blocks(bytes(6 * MIB)):
                yield block
            reached.set()
            await asyncio.get_running_loop().create_future()

        reached = asyncio.Event()
        flow = asyncio.ensure_future(wait_for(pipeline(Readable.from_(source()), sink)))
        await reached.wait()
        if how == "destroy":
            sink.destroy()
        elif how == "abort":
            controller.abort()
        else:
            flow.cancel()
        (outcome,) = await asyncio.gather(flow, return_exceptions=True)
        assert isinstance(outcome, BaseException)
        await closed(sink)
        assert bucket.uploads() == []

    run(main)
    assert bucket.keys() == []


async def wait_for(flow):
    await flow


def test_a_cancellation_at_any_turn_leaves_no_part(run, bucket):
    async def main():
        for turns in range(0, 60, 4):
            sink = storage.write(bucket.url("a"), options=bucket.options, part_size=5 * MIB)
            moving = pipeline([bytes(6 * MIB)], sink)
            moving.mark_handled()
            flow = asyncio.ensure_future(wait_for(moving))
            for _ in range(turns):
                await asyncio.sleep(0)
            flow.cancel()
            await asyncio.gather(flow, return_exceptions=True)
            sink.destroy()
            await closed(sink)
            assert bucket.uploads() == []

    run.seconds = 60
    run(main)


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_the_end_of_the_loop_aborts_the_upload(bucket):
    async def main():
        sink = storage.write(bucket.url("a"), options=bucket.options, part_size=5 * MIB)
        for block in blocks(bytes(6 * MIB)):
            if not sink.write(block):
                await sink.drain()

    asyncio.run(main())
    assert bucket.uploads() == []
    assert bucket.keys() == []


def test_a_reader_that_leaves_early_stops_the_requests(run, bucket, data):
    bucket.put("a", data)

    async def main():
        source = storage.read(bucket.url("a"), options=bucket.options, part_size=MIB)
        async for _ in source:
            break
        await closed(source)

    run(main)


def test_an_old_object_stays_until_the_new_one_is_whole(run, bucket):
    bucket.put("a", b"old")

    async def main():
        sink = storage.write(bucket.url("a"), options=bucket.options)
        await sink.send(b"new")
        assert await asyncio.to_thread(bucket.get, "a") == b"old"
        sink.destroy(AbortError())
        sink.on("error", lambda error: None)
        await closed(sink)

    run(main)
    assert bucket.get("a") == b"old"


def test_the_rules_of_streams_hold(run):
    store = obstore.store.MemoryStore()
    content = bytes(range(256)) * 2000
    obstore.put(store, "a", content)
    keys = {}

    def sink():
        stream = storage.write(store, key := f"sink-{len(keys)}")
        keys[id(stream)] = key
        return stream

    async def written(stream):
        return bytes((await obstore.get_async(store, keys[id(stream)])).bytes())

    async def main():
        await check_readable(
            lambda: storage.read(store, "a", part_size=100_000, high_water_mark=1000), expected=content
        )
        await check_writable(sink, collected=written)

    run.seconds = 60
    run(main)


# ---- fsspec


def test_file_systems_of_fsspec(run, data, tmp_path):
    fsspec = pytest.importorskip("fsspec")
    memory = fsspec.filesystem("memory")
    local = fsspec.filesystem("file")

    async def main():
        await pipeline(blocks(data), storage.write("memory://box/a"))
        assert await consumers.bytes(storage.read("memory://box/a")) == data
        assert (
            await consumers.bytes(storage.read(memory, "/box/a", start=5, end=3 * MIB)) == data[5 : 3 * MIB]
        )

        def fails():
            yield b"abc"
            raise KeyError("deliberate")

        sink = storage.write(local, str(tmp_path / "never"))
        with pytest.raises(KeyError):
            await pipeline(fails(), sink)
        await closed(sink)
        with pytest.raises(FileNotFoundError):
            await consumers.bytes(storage.read(local, str(tmp_path / "never")))
        await pipeline([b"abc"], storage.write(local, str(tmp_path / "a")))

    run(main)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_the_rules_of_streams_hold_over_fsspec(run):
    files = pytest.importorskip("fsspec").filesystem("memory")
    content = bytes(range(256)) * 2000
    files.pipe("/rules/a", content)
    keys = {}

    def sink():
        stream = storage.write(files, key := f"/rules/{len(keys)}")
        keys[id(stream)] = key
        return stream

    async def main():
        await check_readable(
            lambda: storage.read(files, "/rules/a", part_size=100_000, high_water_mark=1000), expected=content
        )
        await check_readable(lambda: storage.read(files, "/rules/none"), fails=FileNotFoundError)
        await check_writable(sink, collected=lambda stream: files.cat(keys[id(stream)]))

    run.seconds = 60
    run(main)


def test_s3_over_fsspec_aborts_too(bucket, data):
    s3fs = pytest.importorskip("s3fs")
    files = s3fs.S3FileSystem(
        key="id",
        secret="key",
        client_kwargs={"endpoint_url": bucket.endpoint, "region_name": "us-east-1"},
        skip_instance_cache=True,
    )

    async def main():
        await pipeline(blocks(data), storage.write(files, f"{bucket.name}/a", part_size=5 * MIB))
        assert await consumers.bytes(storage.read(files, f"{bucket.name}/a", start=7)) == data[7:]

        def fails():
            yield from blocks(data)
            raise KeyError("deliberate")

        sink = storage.write(files, f"{bucket.name}/never", part_size=5 * MIB)
        with pytest.raises(KeyError):
            await pipeline(fails(), sink)
        await closed(sink)

    asyncio.run(main())
    assert bucket.keys() == ["a"]
    assert eventually(lambda: bucket.uploads() == [])


# ---- the command


def test_the_command_copies_objects(bucket, big, tmp_path, monkeypatch):
    path, content = big
    for name, value in bucket.environment.items():
        monkeypatch.setenv(name, value)
    done = forebay("copy", path, bucket.url("copy"))
    assert (done.returncode, done.stderr) == (0, b"")
    assert bucket.get("copy") == content
    done = forebay("copy", bucket.url("copy"), tmp_path / "again")
    assert (done.returncode, done.stderr) == (0, b"")
    assert (tmp_path / "again").read_bytes() == content
    done = forebay("copy", bucket.url("nothing"), tmp_path / "never")
    assert done.returncode == 1
    assert done.stderr.count(b"\n") == 1
    assert b"not found" in done.stderr
    assert not (tmp_path / "never").exists()


@pytest.mark.parametrize("url", ["s3://bucket", "nonsense://user:geheim@host/a", "s3://:geheim@/"])
def test_a_wrong_url_is_one_line_without_secrets(url):
    done = forebay("copy", url, "-")
    assert done.returncode in (1, 2)
    assert done.stderr.count(b"\n") == 1
    assert b"geheim" not in done.stderr + done.stdout


# ---- arguments


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: storage.read("no url"), InvalidArgValueError),
        (lambda: storage.read("s3://bucket"), InvalidArgValueError),
        (lambda: storage.read("s3:///key"), InvalidArgValueError),
        (lambda: storage.read("https://host/a?signature=1"), InvalidArgValueError),
        (lambda: storage.read(io.BytesIO()), InvalidArgTypeError),
        (lambda: storage.read(obstore.store.MemoryStore()), InvalidArgValueError),
        (
            lambda: storage.read(obstore.store.MemoryStore(), "a", options={"region": "b"}),
            InvalidArgValueError,
        ),
        (lambda: storage.read("s3://bucket/a", 5), InvalidArgTypeError),
        (lambda: storage.read("s3://bucket/a", options=5), InvalidArgTypeError),
        (lambda: storage.read("s3://bucket/a", part_size=0), OutOfRangeError),
        (lambda: storage.read("s3://bucket/a", concurrency=True), InvalidArgTypeError),
        (lambda: storage.read("s3://bucket/a", start=5, end=4), OutOfRangeError),
        (lambda: storage.write("s3://bucket/a", part_size=MIB), OutOfRangeError),
    ],
)
def test_wrong_arguments_are_refused(run, make, error):
    async def main():
        with pytest.raises(error):
            make()

    run(main)


def test_a_missing_library_says_what_to_install(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "obstore", None)
    monkeypatch.setitem(sys.modules, "fsspec", None)

    async def main():
        with pytest.raises(ImportError, match=r"pip install 'forebay\[storage\]'"):
            storage.read("s3://bucket/a")
        with pytest.raises(ImportError, match=r"pip install 'forebay\[fsspec\]'"):
            storage.write("sftp://host/a")

    run(main)
