"""Readables of text: encodings, characters across chunks, and the end of the data."""

import pytest

from forebay import (
    PushAfterEofError,
    Readable,
    UnknownEncodingError,
    UnshiftAfterEndError,
)
from support.streams import Events, chunks_of, closed, collected, looped, quiet


def idle(**options):
    """A Readable that is fed by push() alone."""
    return Readable(read=lambda size: None, **options)


# ---- unshift


@looped
async def test_unshift_puts_back_to_the_front():
    stream = idle()
    stream.push(b"header body")
    head = stream.read(6)
    assert head == b"header"
    stream.unshift(head)
    assert stream.readable_length == 11
    assert stream.read(11) == b"header body"


@looped
async def test_unshift_in_front_of_a_half_read_chunk():
    stream = idle()
    stream.push(b"abcdef")
    assert stream.read(2) == b"ab"
    stream.unshift(b"XY")
    assert stream.read() == b"XY"
    assert stream.read() == b"cdef"


@looped
async def test_unshift_between_the_end_mark_and_end():
    stream = idle()
    got = collected(stream)
    stream.push(None)
    stream.unshift(b"late")
    assert await closed(stream) is None
    assert got == [b"late"]


@looped
async def test_unshift_after_end():
    stream = idle(auto_destroy=False)
    errors = []
    stream.on("error", errors.append)
    stream.resume()
    stream.push(None)
    await quiet()
    assert stream.readable_ended
    stream.unshift(b"x")
    assert [type(error) for error in errors] == [UnshiftAfterEndError]


# ---- the end


@looped
async def test_push_after_the_end():
    stream = idle()
    stream.push(None)
    assert stream.push(b"x") is False
    assert isinstance(await closed(stream), PushAfterEofError)


@looped
async def test_the_end_mark_twice_is_harmless():
    stream = idle()
    events = Events(stream, "end", "close", "error")
    stream.resume()
    stream.push(None)
    stream.push(None)
    await quiet()
    assert events == ["end", "close"]


@looped
async def test_end_comes_when_the_last_byte_is_read():
    stream = idle()
    stream.push(b"x")
    stream.push(None)
    events = Events(stream, "end")
    await quiet()
    assert events == []
    assert stream.read() == b"x"
    assert stream.read() is None
    await quiet()
    assert events == ["end"]
    assert stream.readable_ended


@looped
async def test_without_auto_destroy_the_stream_is_not_closed():
    stream = Readable(read=chunks_of(), auto_destroy=False)
    stream.resume()
    await quiet()
    assert stream.readable_ended
    assert not stream.destroyed


@looped
async def test_without_emit_close_there_is_no_close_event():
    stream = Readable(read=chunks_of(), emit_close=False)
    events = Events(stream, "end", "close")
    stream.resume()
    await quiet()
    assert events == ["end"]
    assert stream.closed


# ---- text


@looped
@pytest.mark.parametrize("encoding", ["utf8", "utf-8", "utf16le", "utf-16-le", "latin1"])
@pytest.mark.parametrize("cut", [1, 2, 3, 5])
async def test_characters_across_chunks(encoding, cut):
    text = "aé" if encoding == "latin1" else "aé€𐍈z"
    data = text.encode({"utf16le": "utf-16-le"}.get(encoding, encoding))
    stream = idle(encoding=encoding)
    got = collected(stream)
    for at in range(0, len(data), cut):
        stream.push(data[at : at + cut])
    stream.push(None)
    await closed(stream)
    assert "".join(got) == text
    assert all(isinstance(part, str) and part for part in got)


@looped
@pytest.mark.parametrize(
    ("encoding", "expected"), [("hex", "00ff10"), ("base64", "AP8Q")], ids=["hex", "base64"]
)
async def test_binary_to_text(encoding, expected):
    stream = idle(encoding=encoding)
    got = collected(stream)
    for byte in b"\x00\xff\x10":
        stream.push(bytes([byte]))
    stream.push(None)
    await closed(stream)
    assert "".join(got) == expected


@looped
async def test_half_a_character_at_the_end():
    stream = idle(encoding="utf8")
    got = collected(stream)
    stream.push("é".encode()[:1])
    stream.push(None)
    await closed(stream)
    assert got == ["�"]


@looped
async def test_set_encoding_decodes_what_is_buffered():
    stream = idle()
    stream.push("a€"[:1].encode() + "€".encode()[:1])
    stream.push("€".encode()[1:])
    assert stream.set_encoding("utf-8") is stream
    assert stream.readable_encoding == "utf8"
    assert stream.readable_length == 2
    assert stream.read() == "a€"


@looped
async def test_sized_reads_count_characters():
    stream = idle(encoding="utf8")
    stream.push("äöü€".encode())
    assert stream.readable_length == 4
    assert stream.read(3) == "äöü"
    assert stream.read(1) == "€"


@looped
async def test_unknown_encoding():
    with pytest.raises(UnknownEncodingError, match="unknown encoding 'klingon'"):
        idle(encoding="klingon")
    with pytest.raises(UnknownEncodingError, match="unknown encoding 3"):
        idle().set_encoding(3)
    with pytest.raises(LookupError):
        idle().push("x", "klingon")


@looped
async def test_text_is_encoded_with_the_given_encoding():
    stream = idle()
    stream.push("é", "latin1")
    stream.push("é", "utf8")
    assert stream.read() == b"\xe9"
    assert stream.read() == b"\xc3\xa9"
