"""docs/security.md: every test that its table names exists, and the limits are those of the code."""

import ast
import inspect
import re
from pathlib import Path

import pytest

from forebay import codecs, http, websocket
from forebay.formats import csv, frames, json, lines, multipart, sse

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "security.md"
ROW = re.compile(r"^\| (CVE-\d{4}-\d{4,}) \| [^|]+ \| [^|]+ \| `([^`]+)` \|$", re.MULTILINE)

pytestmark = pytest.mark.skipif(not PAGE.exists(), reason="only with the documentation")


def rows():
    return ROW.findall(PAGE.read_text(encoding="utf-8")) if PAGE.exists() else []


def test_every_named_test_exists():
    found = rows()
    assert len(found) == PAGE.read_text(encoding="utf-8").count("\n| CVE-20") > 50
    assert len({cve for cve, _ in found}) == len(found)
    for cve, place in found:
        name, _, function = place.partition("::")
        tree = ast.parse((ROOT / "tests" / name).read_text(encoding="utf-8"))
        functions = {
            node.name for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        }
        assert function in functions or (not function and functions), (cve, place)


def test_the_limits_are_those_of_the_code():
    limits, timeouts = http.Limits(), http.Timeouts()
    assert (limits.header_bytes, limits.headers, limits.body_bytes, limits.pipelined) == (
        32 * 1024,
        100,
        1024**3,
        16,
    )
    assert (limits.header_time, limits.idle_time, limits.keep_alive_time) == (30, 60, 60)
    assert (limits.request_time, limits.body_rate) == (None, 240)
    assert (timeouts.connect, timeouts.response, timeouts.idle, timeouts.total) == (30, 120, 60, None)
    expected = {
        (websocket.serve, "max_size"): 1 << 20,
        (websocket.serve, "ping_interval"): 20,
        (websocket.serve, "ping_timeout"): 20,
        (multipart.parse, "max_parts"): 1000,
        (multipart.parse, "header_limit"): 16 * 1024,
        (multipart.parse, "field_limit"): 1 << 20,
        (multipart.parse, "file_limit"): None,
        (codecs.decompress, "limit"): None,
        (codecs.decompress, "max_ratio"): None,
        (codecs.decompress, "max_window"): 128 << 20,
        (http.create_server, "max_connections"): None,
        (http.create_server, "handshake_timeout"): 60,
        (http.get, "redirects"): 0,
        (frames.decode, "limit"): 1 << 24,
        **{
            (each, "limit"): 1 << 20
            for each in (csv.parse, json.parse_lines, lines.split, sse.parse, frames.split)
        },
    }
    for (function, name), value in expected.items():
        assert inspect.signature(function).parameters[name].default == value, (function, name)
