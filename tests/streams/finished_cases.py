"""What the tests of finished() share: streams of each kind, and a count of their listeners."""

from forebay import (
    Duplex,
    Readable,
    Writable,
)


class Boom(Exception):
    """What the streams of these tests fail with."""


def sink(**options):
    return Writable(write=lambda chunk: None, **options)


def source(**options):
    """A readable that ends at once, when it is read."""
    return Readable(read=lambda size: b"", **options)


def both(**options):
    return Duplex(read=lambda size: b"", write=lambda chunk: None, **options)


NONE = {"end": 0, "finish": 0, "error": 0, "close": 0}


def listeners(stream):
    return {name: stream.listener_count(name) for name in ("end", "finish", "error", "close")}
