"""Find the methods of a reader that are overridden, among those that other methods of the reader call.

In asyncio's reader, some methods call others: ``async for`` calls `readline`, and `readline` calls `readuntil`. A subclass
that overrides `readuntil` therefore changes `readline` too. Forebay's reader has one compiled function for each method. It
calls the other methods, as asyncio's reader does, only if one of them is overridden or replaced on the object.
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
    """Register the methods of a class as not overridden."""
    _plain.update((name, getattr(cls, name)) for name in CALLED)


def overridden(reader: object, patched: bool) -> int:
    """Return the overridden methods of a reader, as the sum of their numbers.

    ``patched`` says whether methods may have been set on the reader itself. Only then is its ``__dict__`` read: the first
    access creates the dict, and from then on every call of a method is slower.
    """
    cls, own = type(reader), reader.__dict__ if patched else ()
    return sum({bit for name, bit in _BITS.items() if name in own or getattr(cls, name) is not _plain[name]})
