"""Several ranges of a file in one answer: multipart/byteranges."""

import asyncio
import email
import os
import shutil

import pytest

from forebay import IncompleteMessageError
from support.http_peers import answer, peer_of, request, sending, serving, until


def parts_of(got):
    """What an answer has: pairs of Content-Range and bytes, taken apart by the standard library."""
    assert got.status == 206
    assert len(got.body) == int(got.headers["content-length"])
    assert "content-range" not in got.headers
    head = f"Content-Type: {got.headers['content-type']}\r\n\r\n".encode()
    message = email.message_from_bytes(head + got.body)
    assert message.get_content_type() == "multipart/byteranges"
    assert not message.defects
    return [
        (part["Content-Range"], part.get_content_type(), part.get_payload(decode=True))
        for part in message.get_payload()
    ]


@pytest.mark.parametrize(
    ("field", "spans"),
    [
        ("bytes=0-1,5-9", [(0, 1), (5, 9)]),
        ("bytes=0-0, 2-2 ,4-4", [(0, 0), (2, 2), (4, 4)]),
        ("bytes=-2,0-1", [(8, 9), (0, 1)]),
        ("bytes=8-,1-3", [(8, 9), (1, 3)]),
        ("bytes=0-1,20-30,3-100", [(0, 1), (3, 9)]),
        ("bytes=,0-1,,3-4,", [(0, 1), (3, 4)]),
        ("bytes=0-4,5-9", [(0, 4), (5, 9)]),
    ],
)
def test_several_ranges_are_multipart(run, small, field, spans):
    async def main():
        async with peer_of(sending(small)) as peer:
            for _ in range(2):
                await peer.send(request("GET /", f"Range: {field}"))
                assert parts_of(await answer(peer)) == [
                    (f"bytes {first}-{last}/10", "text/plain", b"0123456789"[first : last + 1])
                    for first, last in spans
                ]

    run(main)


@pytest.mark.parametrize(
    ("field", "status", "body"),
    [
        # One range is left: no parts.
        ("bytes=0-1,20-30", 206, b"01"),
        ("bytes=20-,-3", 206, b"789"),
        # None is left.
        ("bytes=10-11,20-30", 416, b""),
        # Such that overlap, and very many.
        ("bytes=0-5,5-9", 200, b"0123456789"),
        ("bytes=0-,-1", 200, b"0123456789"),
        ("bytes=0-0,0-0,0-0", 200, b"0123456789"),
        ("bytes=" + ",".join(["0-0"] * 1000), 200, b"0123456789"),
        ("bytes=" + "," * 100 + "0-1", 200, b"0123456789"),
        # One of them is none.
        ("bytes=0-1,4-3", 200, b"0123456789"),
        ("bytes=0-1,x", 200, b"0123456789"),
    ],
)
def test_ranges_without_a_multipart_body(run, small, field, status, body):
    async def main():
        async with peer_of(sending(small)) as peer:
            await peer.send(request("GET /", f"Range: {field}"))
            got = await answer(peer)
            assert (got.status, got.body) == (status, body)
            assert "multipart" not in got.headers.get("content-type", "")

    run(main)


def test_more_than_64_ranges_get_the_whole_file(run, tmp_path):
    path = tmp_path / "bytes.bin"
    path.write_bytes(bytes(256))

    async def main():
        async with peer_of(sending(path)) as peer:
            for count, status in ((64, 206), (65, 200)):
                ranges = ",".join(f"{2 * n}-{2 * n}" for n in range(count))
                await peer.send(request("GET /", f"Range: bytes={ranges}"))
                got = await answer(peer)
                assert got.status == status
                assert status == 200 or len(parts_of(got)) == 64

    run(main)


def test_conditions_with_several_ranges(run, small):
    async def main():
        async with peer_of(sending(small)) as peer:
            await peer.send(request("HEAD /", "Range: bytes=0-1,5-9"))
            plain = await answer(peer, head=True)
            assert (plain.status, plain.headers["content-length"]) == (200, "10")
            for condition, status in (
                (plain.headers["etag"], 206),
                (plain.headers["last-modified"], 206),
                ('"other"', 200),
            ):
                await peer.send(request("GET /", "Range: bytes=0-1,5-9", f"If-Range: {condition}"))
                assert (await answer(peer)).status == status

    run(main)


@pytest.mark.parametrize("throttle", [None, 50_000_000])
def test_ranges_of_a_large_file(run, big, throttle):
    path, content = big
    size = len(content)

    async def main():
        async with peer_of(sending(path, throttle=throttle)) as peer:
            for _ in range(2):
                await peer.send(request("GET /", "Range: bytes=1000000-1999999,0-99999,-5"))
                assert [part[::2] for part in parts_of(await answer(peer))] == [
                    (f"bytes 1000000-1999999/{size}", content[1_000_000:2_000_000]),
                    (f"bytes 0-99999/{size}", content[:100_000]),
                    (f"bytes {size - 5}-{size - 1}/{size}", content[-5:]),
                ]

    run(main)


def test_parts_have_the_content_type_of_the_handler(run, small):
    async def handler(request, response):
        response.set_header("Content-Type", "text/x-note; charset=ascii")
        await response.send_file(small)

    async def main():
        async with peer_of(handler) as peer:
            await peer.send(request("GET /", "Range: bytes=0-1,5-9"))
            assert [kind for _, kind, _ in parts_of(await answer(peer))] == ["text/x-note"] * 2

    run(main)


def test_shrinking_file_truncates_the_response(run, tmp_path):
    path = tmp_path / "shrinks"
    size = 50_000_000
    with path.open("wb") as file:
        file.truncate(size)
    outcomes = []

    async def handler(request, response):
        try:
            await response.send_file(path)
        except IncompleteMessageError as error:
            outcomes.append(error)

    async def main():
        async with peer_of(handler) as peer:
            await peer.send(request("GET /", f"Range: bytes=0-{size - 10},{size - 5}-"))
            got = await peer.receive(1_000_000)
            os.truncate(path, 10)
            got += await peer.rest()
            assert len(got) < size
            # Nothing follows in the place of what is missing.
            assert got.count(b"Content-Range") == 1
            await until(lambda: outcomes)

    run(main)


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_curl(run, big):
    path, content = big

    async def main():
        async with serving(sending(path)) as server:
            process = await asyncio.create_subprocess_exec(
                *("curl", "-s", "-S", "-i", "-r", "0-1,5-9,2000000-", server.base),
                stdout=asyncio.subprocess.PIPE,
            )
            out, _ = await process.communicate()
            assert process.returncode == 0
            head, _, body = out.partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 206 Partial Content\r\n")
            boundary = head.partition(b"boundary=")[2].partition(b"\r\n")[0]
            parts = body.split(b"--" + boundary)
            assert [part.partition(b"\r\n\r\n")[2] for part in parts[1:-1]] == [
                content[:2] + b"\r\n",
                content[5:10] + b"\r\n",
                content[2_000_000:] + b"\r\n",
            ]
            assert parts[-1] == b"--\r\n"

    run(main)
