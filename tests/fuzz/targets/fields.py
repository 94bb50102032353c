"""Header fields that a server reads: ranges, conditions, dates, encodings."""

from forebay.http._messages.dates import date_value
from forebay.http._messages.headers import Headers
from forebay.http._server.conditions import answer_to_conditions, range_holds
from forebay.http._server.content_encodings import accepted_encodings
from forebay.http._server.ranges import Multipart, batches, wanted_spans
from fuzz.oracles import Finding

SIZE = 1000
SEEDS = [
    b"bytes=0-9,20-,-5",
    b"bytes=999-1000, 1-1,,2-3",
    b'W/"a", "b", *',
    b"Sun, 06 Nov 1994 08:49:37 GMT",
    b"Sunday, 06-Nov-94 08:49:37 GMT",
    b"Sun Nov  6 08:49:37 1994",
    b"gzip;q=0.5, br;q=1.0, *;q=0, identity",
]
NAMES = ["if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-range"]


def one(data):
    text = data.decode("latin-1")
    for size in (0, 1, SIZE):
        spans = wanted_spans(text, size)
        if spans:
            last = -1
            for span in sorted(spans):
                if not last < span.first <= span.last < size:
                    raise Finding(f"the ranges {spans} of {size} bytes")
                last = span.last
            body = Multipart(spans, size, "text/plain")
            total = sum(
                len(piece) if isinstance(piece, bytes) else piece.last - piece.first + 1
                for batch in batches(body.pieces, 100)
                for piece in batch
            )
            if total != body.length:
                raise Finding(f"{total} bytes instead of {body.length}")
    seconds = date_value(text)
    if seconds is not None and not isinstance(seconds, int):
        raise Finding(f"the date {seconds!r}")
    for name in NAMES:
        headers = Headers([(name.encode(), data)])
        for method in ("GET", "PUT"):
            if answer_to_conditions(headers, method, '"a"', 784111777) not in (0, 304, 412):
                raise Finding("another status")
        range_holds(headers, '"a"', 784111777)
    accepted = accepted_encodings(text, ["gzip", "br"])
    if not set(accepted) <= {"gzip", "br"}:
        raise Finding(f"accepted {accepted}")
