"""Which of the methods that a reader calls by itself are its class's own, or the object's.

asyncio's readers call some public methods from others: ``async for`` calls `readline`, and that `readuntil`. Penstock's
do so only where somebody has overridden, or patched, one of them.
"""

from __future__ import annotations

from typing import Any

READLINE = 1
READUNTIL = 2
READ = 4
WAIT = 8
FEED = 16
EXCEPTION = 32

_BITS = {
    "readline": READLINE,
    "readuntil": READUNTIL,
    "read": READ,
    "_wait_for_data": WAIT,
    "feed_data": FEED,
    "_wakeup_waiter": FEED,
    "exception": EXCEPTION,
}
#: The names of those methods.
CALLED = frozenset(_BITS)

_plain: dict[str, Any] = {}


def note_plain(cls: type) -> None:
    """Take a class's methods for the ones that are not overridden."""
    _plain.update((name, getattr(cls, name)) for name in CALLED)


def overridden(reader: object) -> int:
    """The methods that a reader has from elsewhere, as the sum of their numbers."""
    cls, own = type(reader), getattr(reader, "__dict__", ())
    return sum({bit for name, bit in _BITS.items() if name in own or getattr(cls, name) is not _plain[name]})
