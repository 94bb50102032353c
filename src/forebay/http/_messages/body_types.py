"""The bodies of messages as streams. The stub beside this file says what they carry."""

from __future__ import annotations

from forebay.streams.readable import Readable
from forebay.streams.writable import Writable


class ReadableBody(Readable):
    """A body that is received: bytes, or text after `set_encoding`."""


class WritableBody(Writable):
    """A body that is sent: bytes, or text in UTF-8."""
