"""Checks of the arguments of `RingBuffer` and `ChunkQueue`, for the pure-Python backend."""

from __future__ import annotations

import operator
import sys
from typing import Any

__all__ = ["descriptor_of", "size_of"]

_MAX_FD = 2**31 - 1


def size_of(value: Any, name: str) -> int:
    """Return an argument that counts bytes. More than any memory has is as good as the largest number."""
    if isinstance(value, bool) or not hasattr(type(value), "__index__"):
        raise TypeError(f"{name} must be an int, not {type(value).__name__} ({value!r})")
    size = operator.index(value)
    if size < 0:
        raise ValueError(f"{name} must be 0 or more, not {value}")
    return min(size, sys.maxsize)


def descriptor_of(fd: Any) -> int:
    """Return a file descriptor, or that of an object which has one."""
    number = fd
    if not isinstance(fd, int):
        fileno = getattr(fd, "fileno", None)
        if fileno is None:
            raise TypeError(f"fd must be an int or have a fileno() method, not {type(fd).__name__}")
        number = fileno()
    if isinstance(number, bool) or not isinstance(number, int):
        raise TypeError(f"fd must be an int or have a fileno() that returns one, not {type(number).__name__}")
    if not 0 <= number <= _MAX_FD:
        raise ValueError(f"fd must be an open file descriptor, from 0 to {_MAX_FD}, not {number}")
    return number
