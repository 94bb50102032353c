"""Server-sent events."""

from forebay import RecordError
from forebay.formats import sse
from fuzz.oracles import check_stage

SEEDS = [
    b"data: a\n\nevent: b\nid: 1\nretry: 1500\ndata: c\ndata: d\n\n",
    b"\xef\xbb\xbfdata: a\r\n\r\n: comment\r\rdata\n\nid: \0\n\n",
    b"retry: 9\r\n\ndata: \xc3\xa9\xff\n\n",
]


def one(data):
    check_stage(lambda: sse.parse(limit=200), data, (RecordError,))
