"""formats.sse: server-sent events, both ways."""

import pytest

from forebay import Readable, RecordError, consumers, http, pipeline
from forebay.formats import sse
from forebay.formats.sse import ServerEvent
from forebay.testing import check_transform

# From the examples of the standard, and the corners of its grammar.
CASES = [
    (
        b"data: This is the first message.\n\ndata: This is the second\n\n",
        [
            ServerEvent("This is the first message."),
            ServerEvent("This is the second"),
        ],
    ),
    (b"event: add\ndata: 73857293\n\n", [ServerEvent("73857293", "add")]),
    (b"data: YHOO\ndata: +2\ndata: 10\n\n", [ServerEvent("YHOO\n+2\n10")]),
    (
        b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
        [
            ServerEvent("first event", id="1"),
            ServerEvent("second event"),
            ServerEvent(" third event"),
        ],
    ),
    (b"data\n\ndata\ndata\n\ndata:", [ServerEvent(""), ServerEvent("\n")]),
    (b"data:test\n\ndata: test\n\n", [ServerEvent("test")] * 2),
    (b"id: 7\ndata: a\n\ndata: b\n\n", [ServerEvent("a", id="7"), ServerEvent("b", id="7")]),
    (b"id: 1\0\ndata: a\n\n", [ServerEvent("a")]),
    (b"event: lost\n\ndata: a\n\n", [ServerEvent("a")]),
    (b"\xef\xbb\xbfdata: bom\n\n", [ServerEvent("bom")]),
    (b"data: a\r\rdata: b\r\n\r\ndata: c\n\n", [ServerEvent("a"), ServerEvent("b"), ServerEvent("c")]),
    (b"data: a\r\n\ndata: b\r\n\n", [ServerEvent("a"), ServerEvent("b")]),
    ("data: é\u2028ü\n\n".encode(), [ServerEvent("é\u2028ü")]),
    (b"data: \xff\n\n", [ServerEvent("\ufffd")]),
    (b"unknown: x\nDATA: y\ndata: z\n\n", [ServerEvent("z")]),
    (b"data: incomplete\n", []),
    (b"", []),
]


def test_the_parser(run):
    async def main():
        await check_transform(sse.parse, CASES)

    run(main)


def test_line_ends_in_pieces(run):
    """A carriage return takes one line feed to itself, in whatever pieces both come."""

    async def main():
        for pieces in (
            [b"data: a\r", b"\n", b"\n"],
            [b"data: a\r", b"", b"\n", b"", b"\r"],
            [b"data: a\r", b"\r"],
        ):
            assert await (Readable.from_(pieces) | sse.parse()).stream.to_list() == [ServerEvent("a")], pieces

    run(main)


def test_a_long_line_in_tiny_pieces_is_not_copied_again_and_again(run):
    """The bytes that are copied for each piece do not depend on what waits."""

    async def main():
        for size in (1 << 12, 1 << 14):
            stream = sse.parse()
            stream.write(b"data: ")
            for _ in range(size):
                stream.write(b"xy")
            most = max(map(len, stream._rest._small))
            assert most <= 6
            assert len(stream._rest._small) + len(stream._rest._large) < 256 + size // 256 + 1
            stream.end(b"\n\n")
            (event,) = await stream.to_list()
            assert event.data == "xy" * size

    run(main)


@pytest.mark.parametrize("digits", [16, 400, 5000])
def test_a_reconnection_time_of_too_many_digits_is_ignored(run, digits):
    async def main():
        stream = sse.parse()
        stream.end(b"retry: " + b"9" * digits + b"\n\ndata: a\n\n")
        assert await stream.to_list() == [ServerEvent("a")]
        assert stream.retry is None

    run(main)


def test_the_reconnection_time(run):
    async def main():
        stream = sse.parse()
        assert stream.retry is None
        stream.end(b"retry: 1500\n\nretry: soon\n\nretry: -1\n\ndata: a\n\n")
        assert await stream.to_list() == [ServerEvent("a")]
        assert stream.retry == 1.5

    run(main)


@pytest.mark.parametrize("data", [b"data: " + b"x" * 100, b"data: 4567\n" * 10, b": " + b"x" * 100 + b"\n\n"])
def test_an_event_that_is_too_large(run, data):
    async def main():
        stream = sse.parse(limit=64)
        with pytest.raises(RecordError, match="event 2 has more than 64 bytes"):
            await pipeline([b"data: small\n\n", data, b"\n\n"], stream, lambda source: source.to_list())

    run(main)


EVENTS = [
    ServerEvent("one"),
    ServerEvent("two\nlines\n", "update", "17"),
    ServerEvent("", "empty"),
    ServerEvent(" spaces: and colons", "message", "é"),
]


def test_both_ways(run):
    async def main():
        again = await (Readable.from_(EVENTS) | sse.stringify() | sse.parse()).stream.to_list()
        ids = ["", "17", "17", "é"]
        assert again == [event._replace(id=id) for event, id in zip(EVENTS, ids, strict=True)]

    run(main)


def test_the_writer(run):
    async def main():
        stream = Readable.from_(["a\r\nb", {"data": "c", "retry": 2.5}]) | sse.stringify()
        assert await consumers.bytes(stream.stream) == b"data: a\ndata: b\n\nretry: 2500\ndata: c\n\n"
        assert sse.comment("still\nhere") == b": still\n: here\n\n"

    run(main)


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (b"bytes", "a ServerEvent, a str or a dict"),
        ({"text": "a"}, "unexpected keyword argument 'text'"),
        (ServerEvent(3), "data must be a str"),
        (ServerEvent("a", "two\nlines"), "event must not contain a line break"),
        (ServerEvent("a", id="a\rdata: injected"), "id must not contain a line break"),
        (ServerEvent("a", id=7), "id must be a str"),
        (ServerEvent("a", retry=-1), "retry must be seconds"),
    ],
)
def test_events_that_cannot_be_written(run, event, text):
    async def main():
        with pytest.raises(RecordError, match=f"event 2 cannot be written: .*{text}"):
            await pipeline(["fine", event], sse.stringify(), consumers.bytes)

    run(main)


def test_over_http(run):
    async def answer(request, response):
        response.set_header("Content-Type", "text/event-stream")
        await pipeline(Readable.from_(EVENTS), sse.stringify(), response)

    async def main():
        async with http.create_server(answer) as server:
            await server.listen(0, "127.0.0.1")
            async with http.Agent() as agent:
                response = await agent.request(f"http://127.0.0.1:{server.port}/")
                events = await (response | sse.parse()).stream.to_list()
        assert [event.data for event in events] == [event.data for event in EVENTS]

    run(main)


def test_the_rules_of_streams_hold(run):
    async def main():
        events = [ServerEvent("a"), ServerEvent("b\nc", "x", id="7")]
        text = b"data: a\n\nevent: x\nid: 7\ndata: b\ndata: c\n\n"
        await check_transform(sse.stringify, [(events, text)], wrong=[[5]], fails=RecordError)
        await check_transform(
            lambda: sse.parse(limit=10),
            [(b"data: a\n\n", [ServerEvent("a")])],
            wrong=[b"data: " + b"a" * 100 + b"\n\n"],
            fails=RecordError,
        )

    run(main)
