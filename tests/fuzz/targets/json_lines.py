"""JSON lines and the items of an array."""

from forebay import RecordError
from forebay.formats import json
from fuzz.oracles import check_stage

SEEDS = [
    b'{"a": [1, 2.5, "x", null, true]}\n\n 3 \n"\\u00e9"\n',
    b'[{"a": 1}, [2], "3", 4e5]',
    b'\xef\xbb\xbf{"a":1}\r\nnull\n{bad}\n',
    b"123456789012345678901234567890\n-0\n1e400\n",
]


def one(data):
    check_stage(lambda: json.parse_lines(limit=300), data, (RecordError,))
    check_stage(json.parse_array, data, (RecordError,), texts=False)
