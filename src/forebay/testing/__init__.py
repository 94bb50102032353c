"""Checks for custom streams: does a Readable, Writable, Duplex or Transform follow the rules of the stream model?

Each check is an async function that makes streams with a factory, uses each stream in another way, and raises
RuleViolation, an AssertionError, that names the broken rule (the numbers are those of docs/stream-model.md)::

    def test_my_stream():
        asyncio.run(check_readable(lambda: MyStream("..."), expected=b"..."))

The factory is a plain or async function that returns a new stream at each call. docs/testing.md describes what the
checks do and what they look for.
"""

from forebay.testing._check import RuleViolation
from forebay.testing._duplex import check_duplex
from forebay.testing._readable import check_readable
from forebay.testing._transform import check_transform
from forebay.testing._writable import check_writable

__all__ = ["RuleViolation", "check_duplex", "check_readable", "check_transform", "check_writable"]
