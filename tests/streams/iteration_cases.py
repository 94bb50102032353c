"""What the tests of iteration share: sources, and a count of their listeners."""

from forebay import Readable


def numbers(count, mark=2, **options):
    """0, 1, 2, ... as objects; without an end where ``count`` is None."""
    state = {"next": 0}

    def read(size):
        number = state["next"]
        state["next"] += 1
        stream.push(number if count is None or number < count else None)

    stream = Readable(object_mode=True, high_water_mark=mark, read=read, **options)
    return stream


def silent(*chunks):
    """Gives what is pushed, and nothing by itself."""
    stream = Readable(object_mode=True, read=lambda size: None)
    for chunk in chunks:
        stream.push(chunk)
    return stream


def listeners(stream):
    """How often the stream is listened to; a closed one emits no 'readable' and keeps the listener."""
    names = ("end", "close", "finish") if stream.closed else ("readable", "end", "close", "finish")
    return sum(stream.listener_count(name) for name in names)
