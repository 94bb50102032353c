"""The memory that a loop receives into for all its connections."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from forebay.asyncio._compiled.receive_area import Area

#: Bytes that are received at once.
AREA_BYTES = 1 << 18
_AREA = "_forebay_area"


def area_of(loop: asyncio.AbstractEventLoop) -> Area:
    """Return the memory that a loop receives into."""
    area: Area | None = getattr(loop, _AREA, None)
    if area is None:
        area = Area(AREA_BYTES)
        with suppress(AttributeError):  # no loop, or one that has room for nothing
            setattr(loop, _AREA, area)
    return area
