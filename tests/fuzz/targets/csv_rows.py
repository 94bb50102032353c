"""CSV in several dialects."""

from forebay import RecordError
from forebay.formats import csv
from fuzz.oracles import check_stage

SEEDS = [
    b'a,b\r\n1,"x ""y""\r\nz"\r\n\r\n"",3\n',
    b"\xef\xbb\xbfa;b\n'1';2\n3;'4\n5'\n",
    b'a,b\n1,2,3\n4\n"open\nx,y\n',
    "é,ü\n\u2028,\x0b\n\x85,z\n".encode(),
]
DIALECTS = [
    {},
    {"delimiter": ";", "quote": "'"},
    {"escape": "\\", "double_quote": False},
    {"columns": True},
]


def one(data):
    options = DIALECTS[len(data) % len(DIALECTS)]
    check_stage(lambda: csv.parse(limit=300, **options), data, (RecordError,))
