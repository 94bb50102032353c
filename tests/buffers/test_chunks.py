"""ChunkQueue: the results and the errors of each method."""

from __future__ import annotations

import copy
import ctypes
import pickle
import random
import sys
from array import array

import pytest

from support.queues import content, is_locked, load_queue_class, queue_of


class SubBytes(bytes):
    pass


# --- in and out


def test_new_queue_is_empty(queue_cls):
    queue = queue_cls()
    assert (len(queue), queue.nbytes, bool(queue)) == (0, 0, False)
    assert queue.read(10) == queue.peek(10) == b""
    assert queue.views(10) == []
    assert queue.find(b"x") == -1
    assert queue.readinto(bytearray(4)) == 0
    queue.consume(0)
    queue.clear()
    with pytest.raises(IndexError, match="empty"):
        queue.popleft()


def test_chunks_leave_in_order_by_reference(queue_cls):
    chunks = [b"one", bytearray(b"two"), memoryview(b"three"), array("B", b"four"), SubBytes(b"five")]
    queue = queue_cls()
    for chunk in chunks:
        assert queue.append(chunk) is None
    assert (len(queue), queue.nbytes, bool(queue)) == (5, 19, True)
    for chunk in chunks:
        assert queue.popleft() is chunk
    assert (len(queue), queue.nbytes) == (0, 0)


def test_appendleft(queue_cls):
    queue = queue_of(queue_cls, b"cd")
    assert queue.read(1) == b"c"
    queue.appendleft(b"bc")
    queue.appendleft(bytearray(b"a"))
    assert content(queue) == b"abcd"
    assert len(queue) == 3


def test_extend_keeps_the_chunks_before_a_wrong_one(queue_cls):
    queue = queue_cls()
    with pytest.raises(TypeError, match="buffer must be a bytes-like object, not int"):
        queue.extend([b"a", b"b", 3, b"c"])
    assert content(queue) == b"ab"
    with pytest.raises(ZeroDivisionError):
        queue.extend(bytes([1 // n]) for n in (1, 0))
    assert content(queue) == b"ab\1"
    with pytest.raises(TypeError, match=r"bytes is one itself: use append\(\)"):
        queue.extend(b"abc")
    with pytest.raises(TypeError):
        queue.extend(5)


@pytest.mark.parametrize("empty", [b"", bytearray(), memoryview(b""), array("B"), memoryview(b"ab")[2:0:2]])
def test_empty_buffers_are_ignored(queue_cls, empty):
    queue = queue_of(queue_cls, empty, b"x", empty)
    queue.appendleft(empty)
    assert (len(queue), queue.nbytes) == (1, 1)
    if isinstance(empty, bytearray):
        assert not is_locked(empty)


@pytest.mark.parametrize(
    ("chunk", "rest"),
    [(b"abc", b"bc"), (SubBytes(b"abc"), b"bc"), (bytearray(b"abc"), None), (memoryview(b"abc"), None)],
)
def test_popleft_of_a_partly_taken_chunk(queue_cls, chunk, rest):
    queue = queue_of(queue_cls, chunk, b"d")
    queue.consume(1)
    got = queue.popleft()
    if rest is None:
        assert isinstance(got, memoryview)
        assert got.readonly
        assert bytes(got) == b"bc"
    else:
        assert type(got) is bytes
        assert got == rest
    assert content(queue) == b"d"


def test_read_and_peek_hand_over_a_whole_chunk(queue_cls):
    first, second = b"first chunk", b"second"
    queue = queue_of(queue_cls, first, second)
    assert queue.peek(len(first)) is first
    assert queue.read(len(first)) is first
    assert queue.read(100) is second
    queue = queue_of(queue_cls, bytearray(b"ab"), SubBytes(b"cd"))
    assert [type(queue.read(2)), type(queue.read(2))] == [bytes, bytes]


def test_read_spans_chunks(queue_cls):
    queue = queue_of(queue_cls, b"ab", bytearray(b"cd"), b"ef")
    assert queue.peek(3) == b"abc"
    assert queue.read(3) == b"abc"
    assert (queue.nbytes, len(queue)) == (3, 2)
    assert queue.read(0) == b""
    assert queue.read(10**30) == b"def"


def test_consume_moves_exactly_n_or_nothing(queue_cls):
    queue = queue_of(queue_cls, b"ab", b"cd", b"e")
    queue.consume(3)
    assert content(queue) == b"de"
    with pytest.raises(ValueError, match="n is 3, but only 2 bytes are queued"):
        queue.consume(3)
    assert content(queue) == b"de"
    queue.consume(2)
    assert not queue


def test_views_do_not_copy_and_outlive_the_queue(queue_cls):
    data = bytearray(b"abcdef")
    queue = queue_of(queue_cls, data, b"gh", memoryview(b"xijx")[1:3])
    queue.consume(1)
    views = queue.views(8)
    assert [bytes(view) for view in views] == [b"bcdef", b"gh", b"i"]
    assert all(view.readonly and view.format == "B" for view in views)
    data[1] = ord("B")
    assert views[0][0] == ord("B")
    queue.clear()
    del queue
    assert is_locked(data)
    assert bytes(views[0]) == b"Bcdef"
    del views
    assert not is_locked(data)


def test_read_view_takes_from_the_front_chunk_alone(queue_cls):
    queue = queue_of(queue_cls, b"abcdef", b"gh")
    first = queue.read_view(2)
    assert (first.readonly, bytes(first), content(queue)) == (True, b"ab", b"cdefgh")
    rest = queue.read_view(100)
    assert bytes(rest) == b"cdef"
    assert rest.obj is not None
    assert bytes(queue.read_view(1)) == b"g"
    queue.clear()
    assert bytes(queue.read_view(5)) == b""


def test_append_copy_does_not_lock_the_buffer(queue_cls):
    source = bytearray(b"abcdef")
    queue = queue_cls()
    queue.append_copy(source, 4)
    assert not is_locked(source)
    source[:] = b"ABCDEF"
    queue.append_copy(source)
    assert content(queue) == b"abcdABCDEF"
    queue.append_copy(source, 0)
    assert queue.nbytes == 10


def test_append_copy_joins_short_chunks(queue_cls):
    queue = queue_cls()
    for _ in range(4096):
        queue.append_copy(b"ab")
    assert queue.nbytes == 8192
    assert len(queue) == 2
    queue.append_copy(bytes(200_000))
    assert [len(queue.popleft()) for _ in range(3)] == [4096, 4096, 65536]
    # What was handed out is not what later copies are joined to.
    queue.clear()
    queue.append_copy(b"first")
    view = queue.views(5)[0]
    queue.append_copy(b"second")
    assert (bytes(view), content(queue)) == (b"first", b"firstsecond")


def test_append_copy_can_make_its_first_bytes_a_chunk(queue_cls):
    queue = queue_of(queue_cls, b"abc")
    queue.append_copy(b"x" * 300_000 + b"yz", None, 100_001)
    assert [queue.popleft(), len(queue.read(100_001)), queue.nbytes] == [b"abc", 100_001, 200_001]
    queue.clear()
    queue.append_copy(bytearray(b"12345"), 4, 4)
    assert queue.popleft() == b"1234"
    assert not queue


def test_append_copy_does_not_join_a_mutable_chunk(queue_cls):
    data = bytearray(b"abc")
    queue = queue_of(queue_cls, data)
    queue.append_copy(b"def")
    assert queue.popleft() is data
    assert content(queue) == b"def"


def test_readinto(queue_cls):
    queue = queue_of(queue_cls, b"ab", bytearray(b"cde"), b"f")
    target = bytearray(4)
    assert queue.readinto(target) == 4
    assert target == b"abcd"
    assert queue.readinto(memoryview(target)[1:]) == 2
    assert target == b"aefd"
    assert not is_locked(target)
    letters = ctypes.create_string_buffer(4)
    queue.append(b"xyz")
    assert queue.readinto(letters) == 3
    assert letters.raw == b"xyz\0"


def test_readinto_a_queued_buffer(queue_cls):
    data = bytearray(b"abcdef")
    queue = queue_of(queue_cls, memoryview(data)[1:])
    assert queue.readinto(data) == 5
    assert data == b"bcdeff"
    assert not is_locked(data)


def test_clear(queue_cls):
    data = bytearray(b"data")
    queue = queue_of(queue_cls, data, b"x")
    queue.clear()
    assert (len(queue), queue.nbytes) == (0, 0)
    assert not is_locked(data)
    queue.append(data)
    assert content(queue) == b"data"


# --- search


def test_find_at_every_split(queue_cls):
    text = b"ab-abcab-abcabd-x"
    for first in range(len(text) + 1):
        for second in range(first, len(text) + 1):
            queue = queue_of(queue_cls, text[:first], bytearray(text[first:second]), text[second:])
            for sub in (b"a", b"x", b"abcabd", b"b-", b"-x", b"-xy", text, text + b"!"):
                assert queue.find(sub) == text.find(sub)
                assert queue.find(sub, 5) == text.find(sub, 5)


def test_find_empty_and_beyond(queue_cls):
    queue = queue_of(queue_cls, b"abc")
    assert [queue.find(b"", n) for n in range(5)] == [0, 1, 2, 3, -1]
    assert queue.find(b"c", 2) == 2
    assert queue.find(b"c", 3) == queue.find(b"c", 2**80) == -1
    assert queue.find(bytearray(b"bc")) == 1


@pytest.mark.parametrize("sub_size", [1, 2, 3, 17, 255, 256, 257, 700, 3000])
def test_find_agrees_with_bytes_find(queue_cls, sub_size):
    rng = random.Random(sub_size)
    for _ in range(30):
        sizes = rng.choices([1, 2, 100, 255, 256, 511, 512, 1000, 1023, 1025, 5000, 9000], k=12)
        text = bytes(rng.choices(b"ab", weights=[40, 1], k=sum(sizes)))
        queue = queue_cls()
        at = 0
        for size in sizes:
            queue.append(text[at : at + size])
            at += size
        place = rng.randrange(len(text))
        for sub in (text[place : place + sub_size], text[place : place + sub_size] + b"c", b"a" * sub_size):
            start = rng.randrange(len(text))
            assert queue.find(sub) == text.find(sub)
            assert queue.find(sub, start) == text.find(sub, start)


def test_read_until(queue_cls):
    queue = queue_of(queue_cls, b"GET /\r", bytearray(b"\nHost: x\r\n"), b"\r")
    assert queue.read_until(b"\r\n", 100) == b"GET /\r\n"
    assert queue.read_until(b"\r\n", 7) == b"Host: x\r\n"
    assert queue.read_until(b"\r\n", 100) is None
    assert content(queue) == b"\r"
    queue.append(b"\n")
    assert queue.read_until(bytearray(b"\r\n"), 0) == b"\r\n"
    assert queue.read_until(b"\r\n", 0) is None


def test_read_until_limit_counts_the_bytes_before_sub(queue_cls):
    queue = queue_of(queue_cls, b"abc", b"d\r\n")
    with pytest.raises(ValueError, match=r"limit of 3 bytes \(max\)"):
        queue.read_until(b"\r\n", 3)
    assert queue.read_until(b"\r\n", 4) == b"abcd\r\n"
    # "abc\r" may still be followed by "\n", so three bytes before the delimiter are possible.
    queue = queue_of(queue_cls, b"abc\r")
    assert queue.read_until(b"\r\n", 3) is None
    queue.append(b"x")
    with pytest.raises(ValueError, match="limit of 3"):
        queue.read_until(b"\r\n", 3)
    with pytest.raises(ValueError, match="limit of 1"):
        queue.read_until(b"\r\n", 1)
    assert queue.read_until(b"\r\n", 10) is None


def test_read_until_resumes_after_the_front_moved(queue_cls):
    queue = queue_of(queue_cls, b"aaaa", b"bbbb")
    assert queue.read_until(b"--", 100) is None
    assert queue.read(3) == b"aaa"
    queue.append(b"-")
    assert queue.read_until(b"--", 100) is None
    queue.appendleft(b"x--")
    assert queue.read_until(b"--", 100) == b"x--"
    assert queue.read_until(b"-", 100) == b"abbbb-"


# --- many chunks


def test_thousands_of_tiny_chunks(queue_cls):
    count = 10_000
    queue = queue_cls()
    for _ in range(count):
        queue.append(b"x")
    for _ in range(count):
        assert queue.read(1) == b"x"
    for _ in range(count):
        queue.appendleft(b"y")
    assert queue.find(b"y" * 5000 + b"z") == -1
    assert queue.read(count) == b"y" * count
    for _ in range(count):
        queue.append(b"z")
        assert queue.read_until(b"\r\n", count) is None
    queue.append(b"\r\n")
    assert len(queue.read_until(b"\r\n", count)) == count + 2
    queue.append(bytes(count))
    for _ in range(count):
        queue.read(1)
    for lines in (b"line\n" * count, bytearray(b"line\n" * count)):
        queue.append(lines)
        while queue:
            assert queue.read_until(b"\n", 10**9) == b"line\n"


def test_growth_keeps_order_at_every_head_position(queue_cls):
    for head in range(0, 40, 7):
        queue = queue_cls()
        for _ in range(head):
            queue.append(b"-")
            queue.popleft()
        expected = []
        for n in range(300):
            chunk = n.to_bytes(2, "big")
            if n % 3:
                queue.append(chunk)
                expected.append(chunk)
            else:
                queue.appendleft(chunk)
                expected.insert(0, chunk)
        assert [queue.popleft() for _ in range(300)] == expected


# --- what is refused

BAD_CALLS = {
    "append-str": (lambda q: q.append("text"), TypeError, "buffer must be .* not str: encode"),
    "append-int": (lambda q: q.append(3), TypeError, "buffer must be a bytes-like object, not int"),
    "append-none": (lambda q: q.append(None), TypeError, "not NoneType"),
    "appendleft-str": (lambda q: q.appendleft("text"), TypeError, "encode"),
    "append-ints": (lambda q: q.append(array("I", [1])), TypeError, r"items of 4: use memoryview\(x\)\.cast"),
    "append-no-ints": (lambda q: q.append(array("I")), TypeError, "items of 4"),
    "append-2d": (lambda q: q.append(memoryview(b"abcd").cast("B", (2, 2))), TypeError, "2 dimension"),
    "append-0d": (lambda q: q.append(ctypes.c_char(b"a")), TypeError, "0 dimension"),
    "append-step": (lambda q: q.append(memoryview(b"abcd")[::2]), BufferError, "not contiguous: use a copy"),
    "find-str": (lambda q: q.find("x"), TypeError, "sub must be .* encode"),
    "find-int": (lambda q: q.find(3), TypeError, "sub must be a bytes-like object, not int"),
    "find-start": (lambda q: q.find(b"x", -1), ValueError, "start must be 0 or more, not -1"),
    "read-negative": (lambda q: q.read(-1), ValueError, "n must be 0 or more, not -1"),
    "read-very-negative": (lambda q: q.read(-(2**80)), ValueError, "n must be 0 or more"),
    "read-bool": (lambda q: q.read(True), TypeError, "n must be an int, not bool"),
    "read-float": (lambda q: q.read(1.0), TypeError, "n must be an int, not float"),
    "read-none": (lambda q: q.read(None), TypeError, "n must be an int, not NoneType"),
    "peek-negative": (lambda q: q.peek(-5), ValueError, "-5"),
    "views-float": (lambda q: q.views(2.5), TypeError, "float"),
    "view-negative": (lambda q: q.read_view(-5), ValueError, "-5"),
    "append-copy-str": (lambda q: q.append_copy("text"), TypeError, "buffer must be .* not str: encode"),
    "append-copy-more": (lambda q: q.append_copy(b"abc", 4), ValueError, "n is 4, but .* only 3 bytes"),
    "append-copy-first": (lambda q: q.append_copy(b"abc", 2, 3), ValueError, "first is 3, but only 2 bytes"),
    "append-copy-negative": (lambda q: q.append_copy(b"abc", -1), ValueError, "n must be 0 or more, not -1"),
    "consume-negative": (lambda q: q.consume(-1), ValueError, "-1"),
    "consume-more": (lambda q: q.consume(2**70), ValueError, f"n is {2**70}, but only 3 bytes"),
    "until-empty": (lambda q: q.read_until(b"", 5), ValueError, "sub must not be empty"),
    "until-str": (lambda q: q.read_until("x", 5), TypeError, "encode"),
    "until-negative": (lambda q: q.read_until(b"x", -1), ValueError, "max must be 0 or more"),
    "until-limit": (lambda q: q.read_until(b"x", 1), ValueError, "limit of 1 bytes"),
    "into-bytes": (lambda q: q.readinto(b"abc"), TypeError, r"buf \(bytes\) is read-only"),
    "into-ints": (lambda q: q.readinto(array("I", [1])), TypeError, r"buf .*\.cast"),
    "into-step": (lambda q: q.readinto(memoryview(bytearray(4))[::2]), BufferError, "buf .* contiguous"),
    "fd-negative": (lambda q: q.writev_to(-1), ValueError, "fd must be an open file descriptor"),
    "fd-huge": (lambda q: q.writev_to(2**31), ValueError, "fd must be an open file descriptor"),
    "fd-bool": (lambda q: q.writev_to(True), TypeError, "not bool"),
    "fd-str": (lambda q: q.writev_to("1"), TypeError, "not str"),
    "fd-float": (lambda q: q.writev_to(1.0), TypeError, "not float"),
    "fd-offset": (lambda q: q.pwritev_to(1, -1), ValueError, "offset must be 0 or more, not -1"),
    "copy": (copy.copy, TypeError, "cannot be copied or pickled"),
    "pickle": (pickle.dumps, TypeError, "cannot be copied or pickled"),
}


@pytest.mark.parametrize("case", BAD_CALLS)
def test_bad_calls_change_nothing(queue_cls, case):
    call, error, message = BAD_CALLS[case]
    queue = queue_of(queue_cls, b"abc")
    with pytest.raises(error, match=message):
        call(queue)
    assert content(queue) == b"abc"


@pytest.mark.parametrize("case", BAD_CALLS)
def test_backends_raise_the_same_messages(case):
    said = []
    for backend in ("c", "python"):
        with pytest.raises(BAD_CALLS[case][1]) as caught:
            BAD_CALLS[case][0](queue_of(load_queue_class(backend), b"abc"))
        said.append((caught.type, str(caught.value)))
    assert said[0] == said[1]


def test_construction(queue_cls):
    with pytest.raises(TypeError):
        queue_cls(1)
    with pytest.raises(TypeError, match="not an acceptable base type"):
        type("Sub", (queue_cls,), {})
    queue = queue_of(queue_cls, b"abc")
    queue.__init__()
    assert content(queue) == b"abc"
    assert repr(queue) == "<ChunkQueue chunks=1 nbytes=3>"
    with pytest.raises(TypeError):
        iter(queue)


def test_one_byte_formats_become_plain_bytes(queue_cls):
    for chunk in (array("b", [97, 98]), memoryview(b"ab").cast("c"), ctypes.create_string_buffer(b"ab", 2)):
        queue = queue_of(queue_cls, chunk)
        assert queue.find(b"b") == 1
        assert queue.peek(1) == b"a"
        assert queue.read(2) == b"ab"


def test_byte_count_cannot_overflow(queue_cls):
    # An array at an address that is never touched: a buffer without memory.
    huge = (ctypes.c_char * (sys.maxsize // 2 + 1)).from_address(8)
    queue = queue_of(queue_cls, huge)
    with pytest.raises(OverflowError, match="at most"):
        queue.append(huge)
    assert (queue.nbytes, len(queue)) == (sys.maxsize // 2 + 1, 1)
