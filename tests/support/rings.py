"""Helpers for the tests of RingBuffer."""

import mmap
import sys
from typing import Any

SMALL, LARGE = 64, 3 * mmap.PAGESIZE + 5  # a slab, and a mapping larger than was asked for


def exports(ring: Any) -> bool:
    return sys.version_info >= (3, 12) or type(ring).__module__ == "forebay._buffers.ring"


def pattern(n: int, seed: int = 0) -> bytes:
    return bytes((seed + i * 7) % 251 for i in range(n))


def turn(ring: Any, n: int) -> None:
    """Move both cursors n bytes on."""
    assert ring.write(bytes(n)) == n
    assert ring.skip(n) == n
