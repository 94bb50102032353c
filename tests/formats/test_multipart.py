"""Forms of multipart/form-data: parts in any pieces, parts that are not read, limits, damaged forms, and the encoder."""

import asyncio
import re
import sys
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forebay import (
    HttpProtocolError,
    InvalidArgTypeError,
    InvalidArgValueError,
    OutOfRangeError,
    PrematureCloseError,
    Readable,
    RecordError,
    TruncatedDataError,
    Writable,
    consumers,
    http,
    pipeline,
)
from forebay.formats import multipart
from forebay.testing import check_readable, check_transform
from support.http_peers import serving
from support.streams import closed, looped, quiet, reported

pytest.importorskip("python_multipart")

same_each_time = settings(max_examples=60, derandomize=True, database=None, deadline=None)
TYPE = 'multipart/form-data; boundary="xx"'


def form(*parts, boundary=b"xx", end=b"--\r\n"):
    """A form of pairs of headers and content."""
    body = b"".join(b"--%s\r\n%s\r\n\r\n%s\r\n" % (boundary, head, content) for head, content in parts)
    return body + b"--" + boundary + end


def field(name, content, more=b""):
    return b'Content-Disposition: form-data; name="%s"%s' % (name, more), content


def in_pieces(data, size):
    return [data[at : at + size] for at in range(0, len(data), size)] if size else [data]


async def contents(pieces, content_type=TYPE, **options):
    parts = multipart.parse(content_type, **options)
    found = []
    flow = pipeline(pieces, parts)
    flow.mark_handled()
    async for part in parts:
        found.append((part.name, part.filename, await consumers.bytes(part)))
    return found


every_size = pytest.mark.parametrize("size", [None, 1, 3, 7])


@every_size
def test_fields_and_files(run, size):
    data = form(
        field(b"a", b"1"),
        field("ü".encode(), "é".encode()),
        field(b"empty", b""),
        field(b"f", b"line\r\n--x\r\n--xy\r\n-", b'; filename="C:\\dir\\n.txt"\r\nContent-Type: text/x'),
    )

    async def main():
        assert await contents(in_pieces(data, size)) == [
            ("a", None, b"1"),
            ("ü", None, "é".encode()),
            ("empty", None, b""),
            ("f", "n.txt", b"line\r\n--x\r\n--xy\r\n-"),
        ]
        assert await contents(in_pieces(b"--xx--\r\n", size)) == []
        assert await contents(in_pieces(form(field(b"a", b"1")) + b"epilogue", size)) == [("a", None, b"1")]

    run(main)


@looped
async def test_headers_of_a_part():
    data = form(
        (b"content-DISPOSITION: form-data; name=a\r\nX-Own:  b c \r\nContent-Type: text/html", b""),
        field(b"b", b""),
    )
    parts = Readable.from_([data], object_mode=False).pipe(multipart.parse(TYPE))
    one = await anext(aiter(parts))
    assert (one.name, one.content_type, one.headers["x-own"]) == ("a", "text/html", "b c")
    parts.destroy()
    await closed(parts)


@same_each_time
@given(
    st.lists(
        st.tuples(
            st.text(alphabet='ab"\r\n é;=%', min_size=1, max_size=5),
            st.lists(
                st.sampled_from([b"\r\n", b"--", b"xx", b"\r\n--xx", b"a" * 50, b"\r", b"-"]), max_size=6
            ),
            st.booleans(),
        ),
        max_size=4,
    ),
    st.lists(st.integers(0, 900), max_size=8),
)
def test_what_is_encoded_comes_back_from_any_pieces(items, cuts):
    async def main():
        # With "xx" as the boundary some content would end its part; a longer one is in none of them.
        fields = [
            (name, multipart.file(content, name) if is_file else b"".join(content))
            for name, content, is_file in items
        ]
        body = multipart.encode(fields, boundary="xx-and-more")
        data = await consumers.bytes(body)
        at = sorted({min(each, len(data)) for each in cuts} | {0, len(data)})
        found = await contents([data[start:end] for start, end in pairwise(at)], body.content_type)
        escaped = [re.sub('["\r\n]', lambda match: f"%{ord(match[0]):02X}", name) for name, _, _ in items]
        assert found == [
            (name, name if is_file else None, b"".join(content))
            for name, (_, content, is_file) in zip(escaped, items, strict=True)
        ]

    asyncio.run(main())


# ---- reading


def large_form(parts=3, size=300_000):
    return form(*[field(b"f%d" % n, bytes([65 + n]) * size, b'; filename="f"') for n in range(parts)])


def test_a_part_that_the_loop_leaves_unread_is_skipped(run):
    async def main():
        parts = Readable.from_(in_pieces(large_form(), 1000), object_mode=False).pipe(multipart.parse(TYPE))
        names = []
        async for part in parts:
            names.append(part.name)
            if part.name == "f1":
                assert await consumers.bytes(part) == b"B" * 300_000
        assert names == ["f0", "f1", "f2"]

    run(main)


def test_a_part_that_is_read_beside_the_loop_is_not_skipped(run):
    async def main():
        parts = Readable.from_(in_pieces(large_form(), 1000), object_mode=False).pipe(multipart.parse(TYPE))
        out = [[] for _ in range(3)]
        flows = []
        async for part in parts:
            flows.append(pipeline(part, Writable(write=out[len(flows)].append)))
        await asyncio.gather(*flows)
        assert [b"".join(each) for each in out] == [bytes([65 + n]) * 300_000 for n in range(3)]

    run(main)


def test_parts_in_a_pipeline_wait_for_their_reader(run):
    async def main():
        taken = 0

        def endless():
            nonlocal taken
            for piece in in_pieces(large_form(), 1000):
                taken += len(piece)
                yield piece

        got = []

        async def save(part):
            got.append((part.name, len(await consumers.bytes(part))))

        await pipeline(
            endless(), multipart.parse(TYPE), Writable(write=save, object_mode=True, high_water_mark=1)
        )
        assert got == [("f0", 300_000), ("f1", 300_000), ("f2", 300_000)]

        # Without a reader the first part fills up, and then the source waits.
        taken = 0
        parts = Readable.from_(endless(), object_mode=False).pipe(multipart.parse(TYPE))
        iterator = aiter(parts)
        part = await anext(iterator)
        await quiet(200)
        assert taken < 300_000
        part.destroy()
        await quiet(200)
        assert taken > 300_000
        parts.destroy()
        await closed(parts)

    run(main)


@looped
async def test_a_destroyed_parser_fails_the_part_that_is_not_complete():
    source = Readable(read=lambda size: None)
    parts = source.pipe(multipart.parse(TYPE))
    source.push(large_form()[:1000])
    iterator = aiter(parts)
    part = await anext(iterator)
    reading = asyncio.ensure_future(consumers.bytes(part))
    await quiet()
    parts.destroy()
    with pytest.raises(PrematureCloseError):
        await reading
    source.destroy()


@pytest.mark.parametrize("turns", range(0, 40, 3))
def test_cancelled_at_some_turn(run, turns):
    async def main():
        source = Readable.from_(in_pieces(large_form(), 1000), object_mode=False)
        parts = multipart.parse(TYPE)

        async def read(parts):
            async for part in parts:
                await consumers.bytes(part)

        task = asyncio.ensure_future(pipeline(source, parts, read).wait())
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await closed(parts)
        await closed(source)

    run(main)


# ---- wrong forms


GOOD = form(field(b"a", b"1"), field(b"b", b"22", b'; filename="f"'))


@pytest.mark.parametrize("size", [None, 1])
def test_a_form_that_ends_too_early(run, size):
    async def main():
        for end in range(len(GOOD) - 4):
            with reported() as contexts:
                with pytest.raises(TruncatedDataError, match="before its last boundary"):
                    await contents(in_pieces(GOOD[:end], size))
                await quiet(3)
            assert contexts == []

    run(main)


@looped
async def test_the_part_that_is_cut_off_fails_too():
    source = Readable(read=lambda size: None)
    source.push(GOOD[:-11])
    parts = source.pipe(multipart.parse(TYPE))
    iterator = aiter(parts)
    assert await consumers.bytes(await anext(iterator)) == b"1"
    last = await anext(iterator)
    source.push(None)
    with reported() as contexts:
        with pytest.raises(TruncatedDataError):
            await consumers.bytes(last)
        with pytest.raises(TruncatedDataError):
            await anext(iterator)
        await quiet()
    assert contexts == []


@every_size
@pytest.mark.parametrize(
    ("data", "options", "what"),
    [
        (b"no form at all", {}, "damaged"),
        (b"--yy\r\n", {}, "damaged"),
        (form((b"no colon", b"")), {}, "damaged"),
        (form((b"X: y", b"")), {}, "part 1 has no name"),
        (form((b'Content-Disposition: attachment; name="a"', b"")), {}, "part 1 has no name"),
        (form((b"Content-Disposition: form-data", b"")), {}, "part 1 has no name"),
        (
            form(field(b"a", b"", b'\r\nContent-Disposition: form-data; name="b"')),
            {},
            "two Content-Disposition",
        ),
        (form(*[field(b"a", b"")] * 6), {"max_parts": 5}, "more than 5 parts"),
        (form(field(b"a", b"123456")), {"field_limit": 5}, "'a' has more than 5 bytes"),
        (form(field(b"a", b"123456", b"; filename=f")), {"file_limit": 5}, "'a' has more than 5 bytes"),
        (form(field(b"a" * 200, b"")), {"header_limit": 100}, "damaged|more than 100 bytes"),
        (form((b"X-A: b\r\n" * 50 + b"X: y", b"")), {"header_limit": 100}, "more than 100 bytes"),
        (b"--xx\r\n" + b"a" * 500_000, {}, "damaged|more than"),
        (b"--xx\r\nX: " + b"a" * 500_000, {}, "damaged|more than"),
    ],
)
def test_damaged_and_hostile_forms(run, size, data, options, what):
    if size and len(data) > 100_000:
        size *= 1000

    async def main():
        with reported() as contexts:
            with pytest.raises(RecordError, match=what):
                await contents(in_pieces(data, size), **options)
            await quiet()
        assert contexts == []

    run(main)


@looped
async def test_wrong_arguments():
    for wrong in (
        "text/plain",
        "",
        "multipart/mixed; boundary=x",
        "multipart/form-data",
        "multipart/form-data; boundary=",
    ):
        with pytest.raises(RecordError, match="content type"):
            multipart.parse(wrong)
    with pytest.raises(RecordError, match="boundary"):
        multipart.parse(f"multipart/form-data; boundary={'x' * 5000}")
    with pytest.raises(InvalidArgTypeError, match="content_type"):
        multipart.parse(b"x")
    for name in ("max_parts", "header_limit", "field_limit", "file_limit"):
        with pytest.raises(OutOfRangeError, match=name):
            multipart.parse(TYPE, **{name: 0})
        with pytest.raises(InvalidArgTypeError, match=name):
            multipart.parse(TYPE, **{name: "5"})
    for wrong in (5, "text", [1], [("a",)], [("a", 5)], [(5, "a")]):
        with pytest.raises(InvalidArgTypeError):
            multipart.encode(wrong)
    for wrong in ("", "a b", "x" * 71, "é", 5):
        with pytest.raises(InvalidArgValueError, match="boundary"):
            multipart.encode({}, boundary=wrong)
    with pytest.raises(InvalidArgTypeError, match="filename"):
        multipart.file(b"", 5)
    with pytest.raises(InvalidArgValueError, match="content_type"):
        multipart.file(b"", "f", content_type="a\r\nb: c")
    with pytest.raises(InvalidArgTypeError):
        multipart.file(5, "f")
    with pytest.raises(InvalidArgTypeError, match="request"):
        multipart.read(Readable(read=lambda size: None))


# ---- the encoder


@looped
async def test_the_length_of_a_body():
    for fields, known in [
        ({}, True),
        ({"a": "é", "b": b"2"}, True),
        ([("f", multipart.file(b"123", "f")), ("f", multipart.file([b"45"], "g", size=2))], True),
        ({"f": multipart.file([b"45"], "g")}, False),
    ]:
        body = multipart.encode(fields)
        data = await consumers.bytes(body)
        assert body.content_length == (len(data) if known else None)


@looped
async def test_files_of_a_body_are_destroyed_with_it():
    files = [Readable(read=lambda size: None) for _ in range(3)]
    body = multipart.encode([("f", multipart.file(each, "f")) for each in files])
    body.resume()
    await quiet()
    body.destroy()
    for each in files:
        await closed(each)

    broken = Readable(read=lambda size: broken.destroy(OSError("broken")))
    rest = Readable(read=lambda size: None)
    with pytest.raises(OSError, match="broken"):
        await consumers.bytes(
            multipart.encode({"a": multipart.file(broken, "f"), "b": multipart.file(rest, "f")})
        )
    await closed(rest)


# ---- over HTTP


def test_an_upload(run):
    async def answer(request, response):
        sizes = []
        async for part in multipart.read(request, file_limit=1_000_000):
            sizes.append(f"{part.name}={len(await consumers.bytes(part))}")
        response.end(",".join(sizes))

    async def main():
        async with serving(answer) as server:
            body = multipart.encode({"a": "1", "f": multipart.file([b"x" * 50_000] * 10, "f")})
            headers = {"Content-Type": body.content_type}
            reply = await http.request(server.base, method="POST", body=body, headers=headers)
            assert (reply.status_code, await consumers.text(reply)) == (200, "a=1,f=500000")

            for data, kind, status in [
                (GOOD[:-9], TYPE, 400),
                (b"nonsense", TYPE, 400),
                (GOOD, "text/plain", 415),
                (large_form(1, 1_200_000), TYPE, 413),
            ]:
                reply = await http.request(
                    server.base, method="POST", body=data, headers={"Content-Type": kind}
                )
                assert reply.status_code == status
                reply.destroy()

    run(main)


@looped
async def test_the_errors_of_a_request_have_a_status():
    request = Readable.from_([GOOD[:-9]], object_mode=False)
    request.headers = {"content-type": TYPE}
    with pytest.raises(HttpProtocolError, match="last boundary") as caught:
        async for part in multipart.read(request):
            await consumers.bytes(part)
    assert caught.value.status == 400


@looped
async def test_a_form_that_another_client_made():
    httpx = pytest.importorskip("httpx")
    made = httpx.Request(
        "POST", "http://test", data={"a": "é"}, files={"f": ("n.bin", b"\r\n--" * 1000, "image/png")}
    )
    found = await contents(in_pieces(made.read(), 100), made.headers["content-type"])
    assert found == [("a", None, "é".encode()), ("f", "n.bin", b"\r\n--" * 1000)]


def test_a_library_that_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "python_multipart", None)
    with pytest.raises(ImportError, match=r"pip install 'forebay\[multipart\]'"):
        multipart.parse(TYPE)


@looped
async def test_the_rules_of_streams_hold():
    content = bytes(range(256)) * 500
    body = form(field(b"a", content))

    def encoded():
        file = multipart.file([content[:1000]] * 200, filename="n")
        return multipart.encode([("a", "1"), ("f", file)], boundary="xx")

    async def part():
        parts = multipart.parse(TYPE)
        pipeline(in_pieces(body, 1000), parts).mark_handled()
        found = asyncio.get_running_loop().create_future()
        parts.on("data", found.set_result)
        return await found

    await check_readable(encoded)
    await check_readable(part, expected=content)
    cut = form(field(b"a", b"1"))[:-8]
    await check_transform(
        lambda: multipart.parse(TYPE), [(form(), [])], wrong=[b"", b"--x", cut], fails=TruncatedDataError
    )


@looped
@pytest.mark.parametrize("size", [None, 1, 5])
async def test_nothing_but_line_ends_may_stand_before_the_first_boundary(size):
    good = form(field(b"a", b"1"))
    parts = [
        part.name
        async for part in Readable.from_(in_pieces(b"\r\n\r\n" + good, size)) | multipart.parse(TYPE)
    ]
    assert parts == ["a"]
    for before in (b"\r\ntext", b"text\r\n", b"\n\n \r\n"):
        with pytest.raises(RecordError, match="does not begin with its boundary"):
            async for _ in Readable.from_(in_pieces(before + good, size)) | multipart.parse(TYPE):
                pytest.fail("there is no part")


@looped
async def test_a_damaged_form_writes_nothing_to_the_log(caplog):
    """A peer could fill the log."""
    with pytest.raises(RecordError, match="damaged"):
        async for _ in Readable.from_([b"--xx\r\nContent-Disposition?\r\n\r\n"]) | multipart.parse(TYPE):
            pytest.fail("there is no part")
    assert caplog.records == []
