"""The fixtures of this folder; helpers are imported by name from http_helpers and net_helpers."""

import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent
sys.path[:0] = [str(TESTS / "fs"), str(TESTS / "net")]
pytest.register_assert_rewrite("file_helpers", "net_helpers", "http_helpers")
pytest.importorskip("httptools", reason="penstock.http needs httptools")

from file_helpers import big, content, run  # noqa: E402 - assertions in it are explained, too
from net_helpers import certificate, client_tls, server_tls  # noqa: E402

__all__ = ["big", "certificate", "client_tls", "content", "run", "server_tls"]
