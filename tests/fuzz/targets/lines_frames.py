"""Lines, and frames with a separator or with their length."""

from forebay import RecordError, TruncatedDataError
from forebay.formats import frames, lines
from fuzz.oracles import check_stage

SEEDS = [
    b"a\nb\r\nc\rd\n\n\xc3\xa9\n",
    b"\x00\x00\x00\x02ab\x00\x00\x00\x00\x00\x00\x00\x01c",
    b"\x02ab\x00\x81\x00c\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    b"ab\r\n\r\ncd\r\n\r\r\n\r\n",
]
ERRORS = (RecordError, TruncatedDataError)


def one(data):
    for options in ({}, {"keep_ends": True, "universal": True}, {"encoding": "utf-8", "universal": True}):
        check_stage(lambda options=options: lines.split(limit=100, **options), data, ERRORS)
    for prefix in (1, 4, "varint"):
        check_stage(lambda prefix=prefix: frames.decode(prefix, limit=100), data, ERRORS)
    check_stage(lambda: frames.split(b"\r\n\r\n", limit=100), data, ERRORS)
