"""The fixtures of this folder; helpers are imported by name from net_helpers."""

import sys
from pathlib import Path

import pytest

# The guarded run is the same as that of the file streams.
sys.path.insert(0, str(Path(__file__).parent.parent / "fs"))
pytest.register_assert_rewrite("file_helpers", "net_helpers")

from file_helpers import run  # noqa: E402 - assertions in it are explained, too
from net_helpers import certificate, client_tls, server_tls  # noqa: E402

__all__ = ["certificate", "client_tls", "run", "server_tls"]
