"""Responses at a client: the same in any pieces, and the body that h11 finds."""

import h11

from fuzz.http_pieces import answered
from fuzz.oracles import Finding, cuts, run, same
from support.ambiguous_messages import RESPONSES

SEEDS = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nX: y\r\n\r\nabc",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nT: u\r\n\r\n",
    b"HTTP/1.0 404 Not Found\r\n\r\nuntil the end",
    b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
    *(data for cases in RESPONSES.values() for data in cases.values()),
]


def one(data):
    method = "HEAD" if data[-1:] == b"H" else "GET"

    async def all_ways():
        return [await answered(pieces, method) for pieces in cuts(data)]

    outcomes = run(all_ways())
    same(outcomes)
    head, body, *_ = outcomes[0] if len(outcomes[0]) > 2 else (None, None)
    theirs = by_h11(data, method)
    if body is not None and theirs is not None and theirs != (head[0], body):
        raise Finding(f"ours is {head[0]} {body!r:.300}, and h11's {theirs!r:.300}")


def by_h11(data, method):
    """Return the status and the body that h11 finds, or None."""
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=1 << 20)
    connection.send(h11.Request(method=method, target="/", headers=[("Host", "test")]))
    connection.send(h11.EndOfMessage())
    status, body = 0, b""
    try:
        connection.receive_data(data)
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                connection.receive_data(b"")
            elif isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                return status, body
            elif not isinstance(event, h11.InformationalResponse):
                return None
    except (h11.RemoteProtocolError, RuntimeError):
        return None
