"""asyncio's private attribute ``_buffer``, for the backend that is not compiled: a copy each time it is asked for."""

from __future__ import annotations

from forebay.asyncio._compiled.buffer_copy import BufferCopy as Buffer

__all__ = ["Buffer"]
