"""Requests at a server: the same in any pieces, and no laxer than h11."""

import h11

from fuzz.http_pieces import served
from fuzz.oracles import Finding, cuts, run, same
from support.ambiguous_messages import REQUESTS

SEEDS = [
    b"GET /a?b HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\nPOST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nT: u\r\n\r\n"
    b"GET / HTTP/1.1\r\nHost: b\r\n\r\n",
    b"HEAD http://a/b HTTP/1.0\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    b"PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx",
    *REQUESTS.values(),
]


def one(data):
    async def all_ways():
        return [plain(await served(pieces)) for pieces in cuts(data)]

    outcomes = run(all_ways())
    same(outcomes)
    compare(outcomes[0][0], data)


def plain(outcome):
    """Leave out what depends on the pieces: how an invalid body is noticed, and what is answered before."""
    seen, _, errors = outcome
    whole = [tuple(map(str, entry)) for entry in seen if entry[4] is not None]
    return whole, bool(errors)


def by_h11(data):
    """Return the requests that h11 finds before its first error: method, target and body."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
    connection.receive_data(data)
    found = []
    try:
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA or event is h11.PAUSED or isinstance(event, h11.ConnectionClosed):
                if event is not h11.PAUSED or connection.their_state is not h11.DONE:
                    return found, False
                connection.send(h11.Response(status_code=200, headers=[("Content-Length", "0")]))
                connection.send(h11.EndOfMessage())
                if connection.our_state is h11.MUST_CLOSE:
                    return found, False
                connection.start_next_cycle()
            elif isinstance(event, h11.Request):
                found.append([event.method.decode(), event.target.decode("latin-1"), b"", False])
            elif isinstance(event, h11.Data):
                found[-1][2] += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                found[-1][3] = True
    except h11.RemoteProtocolError:
        return found, True


def compare(ours, data):
    """Check that a request that both accept is the same one."""
    theirs, _ = by_h11(data)
    whole = [request for request in theirs if request[3]]
    for mine, other in zip(ours, whole, strict=False):
        if mine[0] != other[0] or mine[1] != other[1] or mine[4] != str(other[2]):
            raise Finding(f"ours is {mine}, and h11's {other}")
