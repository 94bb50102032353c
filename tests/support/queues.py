"""Helpers for the tests of ChunkQueue: the class of each backend, and the content of a queue."""

from __future__ import annotations

import os
from typing import Any

import pytest

BACKENDS = ["c", "python"]


def is_locked(buffer: bytearray) -> bool:
    """Whether the buffer is exported, so that it cannot be resized."""
    try:
        buffer.append(0)
    except BufferError:
        return True
    del buffer[-1:]
    return False


def load_queue_class(backend: str) -> Any:
    if backend == "python":
        from forebay._buffers.chunk_queue_py import ChunkQueue

        return ChunkQueue
    try:
        from forebay._buffers.chunk_queue import ChunkQueue
    except ImportError as error:
        if os.environ.get("FOREBAY_BACKEND") == "c":
            raise
        pytest.skip(f"the compiled ChunkQueue cannot be imported: {error}")
    return ChunkQueue


def content(queue: Any) -> bytes:
    """All bytes of a queue, which keeps them."""
    joined = b"".join(queue.views(queue.nbytes))
    assert len(joined) == queue.nbytes
    return joined


def queue_of(queue_cls: Any, *chunks: Any) -> Any:
    queue = queue_cls()
    queue.extend(chunks)
    return queue
