"""The fixtures of this folder; helpers are imported by name from http_helpers and net_helpers."""

import os
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent
sys.path[:0] = [str(TESTS / "fs"), str(TESTS / "net")]
pytest.register_assert_rewrite("file_helpers", "net_helpers", "http_helpers")
pytest.importorskip("httptools", reason="forebay.http needs httptools")

from file_helpers import big, content, run  # noqa: E402 - assertions in it are explained, too
from net_helpers import certificate, client_tls, server_tls  # noqa: E402

__all__ = ["big", "certificate", "client_tls", "content", "run", "server_tls"]


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch):
    """The tests ignore the machine's own proxies."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def small(tmp_path):
    """A file of ten digits, of a known time."""
    path = tmp_path / "note.txt"
    path.write_bytes(b"0123456789")
    os.utime(path, (1_700_000_000, 1_700_000_000))
    return path
