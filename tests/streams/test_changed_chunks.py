"""Chunks that change while they are queued: released, resized, or with a len() that raises."""

import asyncio

import pytest

from forebay import PassThrough, Readable, Transform, Writable, finished, pipeline


class Broken(bytearray):
    """Its length can be told twice; then it raises."""

    def __init__(self, *args, asked=2):
        super().__init__(*args)
        self.asked = asked

    def __len__(self):
        self.asked -= 1
        if self.asked < 0:
            raise OverflowError("no length")
        return bytearray.__len__(self)


def released():
    view = memoryview(bytearray(b"second"))
    return view, view.release


def broken():
    chunk = Broken(b"second", asked=1000)
    return chunk, lambda: setattr(chunk, "asked", 0)


KINDS = [(released, ValueError), (broken, OverflowError)]


async def outcome(stream, errors):
    stream.on("error", errors.append)
    with pytest.raises(Exception) as caught:  # noqa: PT011
        await asyncio.wait_for(finished(stream), 5)
    assert errors == [caught.value]
    assert stream.errored is caught.value
    assert stream.closed
    return type(caught.value)


@pytest.mark.parametrize(("make", "kind"), KINDS)
@pytest.mark.parametrize("auto_destroy", [True, False])
def test_queued_chunk_that_was_released(run, make, kind, auto_destroy):
    told = []
    errors = []

    async def main():
        async def slow(chunk):
            await asyncio.sleep(0)

        sink = Writable(write=slow, auto_destroy=auto_destroy)
        sink.on("error", errors.append)
        chunk, spoil = make()
        for each in (b"first", chunk, b"third", b"fourth"):
            sink.write(each, callback=told.append)
        spoil()
        sink.end()
        for _ in range(20):
            await asyncio.sleep(0)
        assert [type(error) for error in errors] == [kind]
        assert sink.errored is errors[0]
        sink.destroy()

    run(main)
    assert told[0] is None
    assert len(told) == 4
    assert all(error is errors[0] for error in told[1:])


@pytest.mark.parametrize(("make", "kind"), KINDS)
@pytest.mark.parametrize("take", ["resume", "read", "sized", "for", "pipe"])
def test_buffered_chunk_that_was_released(run, make, kind, take):
    async def main():
        source = Readable(read=lambda size: None)
        chunk, spoil = make()
        for each in (b"first", chunk, b"third"):
            source.push(each)
        spoil()
        source.push(None)
        if take == "resume":
            source.resume()
        elif take == "read":
            assert source.read() == b"first"
            assert source.read() is None
        elif take == "sized":
            assert source.read(8) is None
        elif take == "pipe":
            source.pipe(PassThrough())
        else:
            with pytest.raises(kind):
                async for _ in source:
                    pass
            return kind
        return await outcome(source, [])

    assert run(main) is kind


@pytest.mark.parametrize(("make", "kind"), KINDS)
def test_released_chunk_fails_the_pipeline(run, make, kind):
    async def main():
        source = Readable(read=lambda size: None)
        chunk, spoil = make()
        source.push(b"first")
        source.push(chunk)
        spoil()
        with pytest.raises(kind):
            await asyncio.wait_for(pipeline(source, Transform(transform=bytes), Writable(write=len)), 5)

    run(main)


def test_half_read_chunk_that_was_shortened(run):
    async def main():
        data = bytearray(b"second")
        source = Readable(read=lambda size: None)
        source.push(data)
        source.push(b"third")
        source.push(None)
        assert source.read(4) == b"seco"
        del data[2:]
        rest = await asyncio.wait_for(source.to_list(), 5)
        assert b"".join(rest) == b"third"
        assert source.readable_length == 0

    run(main)


@pytest.mark.parametrize("change", [lambda data: data.clear(), lambda data: data.extend(b"more" * 10)])
def test_lengths_are_0_after_a_chunk_was_resized(run, change):
    """The lengths of both sides return to 0 after a queued bytearray was resized."""

    async def main():
        taken = []
        data = bytearray(b"second")
        sink = Writable(write=lambda chunk: taken.append(bytes(chunk)))
        sink.cork()
        for each in (b"first", data, b"third"):
            sink.write(each)
        change(data)
        sink.uncork()
        assert sink.writable_length == 0
        assert b"".join(taken) == b"first" + data + b"third"
        source = Readable(read=lambda size: None)
        data = bytearray(b"second")
        for each in (b"first", data, b"third"):
            source.push(each)
        change(data)
        source.push(None)
        assert b"".join(await asyncio.wait_for(source.to_list(), 5)) == b"first" + data + b"third"
        assert source.readable_length == 0

    run(main)


def test_len_of_a_chunk_may_read_the_stream(run):
    class Nested(bytearray):
        def __len__(self):
            if source is not None and not taken:
                taken.append(None)
                taken[0] = source.read(3)
            return bytearray.__len__(self)

    taken = []
    source = None

    async def main():
        nonlocal source
        stream = Readable(read=lambda size: None)
        for chunk in (Nested(b"abcd"), b"efgh", b"ijkl"):
            stream.push(chunk)
        source = stream
        outer = stream.read(6)
        stream.push(None)
        rest = b"".join(await stream.to_list())
        return outer, rest

    outer, rest = run(main)
    assert taken[0] + outer + rest == b"abcdefghijkl"


@pytest.mark.parametrize("take", ["read", "sized", "flow", "for"])
@pytest.mark.parametrize("behind", [b"end", bytearray(b"end")], ids=["bytes", "bytearray"])
def test_what_is_behind_a_buffered_chunk_that_grew_is_not_lost(run, take, behind):
    async def main():
        source = Readable(read=lambda size: None)
        chunk = bytearray(b"first")
        source.push(chunk)
        source.push(behind)
        source.push(b"of it")
        chunk += b" that is longer now"
        if take == "sized":
            got = [source.read(12), source.read(1)]
            assert source.readable_length > 0
        elif take == "read":
            got = [source.read()]
            assert source.readable_length > 0
        else:
            got = []
        source.push(None)
        if take == "flow":
            source.on("data", got.append)
            await finished(source)
        elif take == "sized":
            while (part := source.read(1)) is not None:
                got.append(part)
        else:
            got += [part async for part in source]
        assert source.readable_length == 0
        return b"".join(got)

    assert run(main) == b"first that is longer nowendof it"
