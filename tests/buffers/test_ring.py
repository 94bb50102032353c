"""RingBuffer in one thread: sizes, views, and close()."""

import array
import ctypes
import gc
import sys
import weakref
from typing import Any

import pytest

from support.rings import LARGE, SMALL, exports, pattern, turn

EXPORTS = "memoryview() of a plain Python object needs Python 3.12"


def test_a_new_ring_is_empty(ring: Any) -> None:
    assert (len(ring), ring.free, ring.is_full, ring.closed) == (0, ring.capacity, False, False)
    assert ring.read(10) == ring.peek(10) == b""
    assert ring.skip(10) == 0
    assert not ring


def test_capacity_equals_the_argument(ring_cls: Any) -> None:
    for capacity in (1, 2, SMALL, 4096, 4097, LARGE):
        ring = ring_cls(capacity=capacity)
        assert ring.write(bytes(capacity + 9)) == capacity == ring.capacity == len(ring)
        assert ring.is_full
        assert ring.write(b"x") == 0


def test_write_copies_the_bytes_that_fit(ring: Any) -> None:
    data = pattern(ring.capacity + 3)
    assert ring.write(data) == ring.capacity
    assert ring.read(5) == data[:5]
    assert ring.write(b"0123456789") == 5
    assert ring.read(ring.capacity) == data[5 : ring.capacity] + b"01234"


def test_wraparound_at_every_offset(ring: Any) -> None:
    size = ring.capacity
    for shift in {0, 1, size // 2, size - 1, size - 3, 4093} & set(range(size)):
        turn(ring, shift)
        data = pattern(size, shift)
        assert ring.write(data) == size
        assert ring.peek(size) == data
        with ring.read_view() as view:
            assert view == data
        target = bytearray(size)
        assert ring.readinto(target) == size
        assert target == data


def test_large_copies_release_the_gil(ring_cls: Any) -> None:
    ring = ring_cls(1 << 20)
    turn(ring, 1_000_000)
    data = pattern(1 << 20)
    assert ring.write(data) == len(data)
    target = bytearray(300_000)
    assert ring.readinto(target) == 300_000
    assert bytes(target) + ring.read(1 << 20) == data


def test_any_buffer_of_bytes_can_be_written(ring: Any) -> None:
    grid = memoryview(b"abcdef").cast("B", (2, 3))
    sources = [b"abcdef", bytearray(b"abcdef"), memoryview(b"xabcdef")[1:], array.array("b", b"abcdef"), grid]
    sources.append((ctypes.c_char * 6)(*b"abcdef"))
    for source in sources:
        assert ring.write(source) == 6
        assert ring.read(6) == b"abcdef"
    assert ring.write(b"") == 0


def test_readinto_any_writable_buffer(ring: Any) -> None:
    targets = [bytearray(3), memoryview(bytearray(3)), array.array("B", bytes(3)), (ctypes.c_char * 3)()]
    for target in targets:
        ring.write(b"abc")
        assert ring.readinto(target) == 3
        assert bytes(target) == b"abc"
    assert ring.readinto(bytearray(5)) == 0


def test_find(ring: Any) -> None:
    turn(ring, ring.capacity - 4)
    ring.write(b"one\r\ntwo\r\n")
    assert ring.find(b"\r\n") == 3
    assert ring.find(b"\r\n", 4) == 8
    assert ring.find(sub=b"\n", start=9) == 9
    assert ring.find(b"three") == ring.find(b"one", 1) == ring.find(b"", 11) == ring.find(b"x", 1 << 62) == -1
    assert ring.find(b"", 10) == 10
    assert ring.find(bytearray(b"two")) == ring.find(memoryview(b"two")) == 5
    ring.skip(5)
    assert ring.find(b"\r\n") == 3
    assert ring.find(b"one") == -1


def test_find_sees_no_stale_bytes(ring: Any) -> None:
    ring.write(b"needle")
    ring.skip(6)
    ring.write(b"hay")
    assert ring.find(b"needle") == ring.find(b"dle") == -1


def test_consume_is_exact(ring: Any) -> None:
    ring.write(b"abc")
    with pytest.raises(ValueError, match=r"consume\(4\) is more than the 3 bytes in the ring; see skip\(\)"):
        ring.consume(4)
    ring.consume(0)
    ring.consume(2)
    assert ring.read(9) == b"c"


def test_sizes_may_be_any_integer_object(ring: Any) -> None:
    class Three:
        def __index__(self) -> int:
            return 3

    ring.write(b"abcdef")
    assert ring.read(Three()) == b"abc"
    assert ring.peek(sys.maxsize) == b"def"


def test_repr(ring_cls: Any) -> None:
    ring = ring_cls(8)
    ring.write(b"abc")
    assert repr(ring) == "<RingBuffer 3 of 8 bytes>"
    ring.close()
    assert repr(ring) == "<RingBuffer 3 of 8 bytes, closed>"


def test_read_view_is_read_only_and_contiguous(ring: Any) -> None:
    turn(ring, ring.capacity - 1)
    ring.write(b"abc")
    with ring.read_view() as view:
        assert (view.readonly, view.format, view.ndim, view.nbytes) == (True, "B", 1, 3)
        assert view.c_contiguous
        assert bytes(view) == b"abc"
        with pytest.raises(TypeError):
            view[0] = 1


def test_the_ring_is_a_buffer(ring: Any) -> None:
    if not exports(ring):
        pytest.skip(EXPORTS)
    ring.write(b"abc")
    assert bytes(ring) == b"abc" == memoryview(ring)
    assert b"-".join([ring, ring]) == b"abc-abc"
    with pytest.raises((BufferError, TypeError)):
        (ctypes.c_char * 3).from_buffer(ring)
    assert ring.write(ring) == 3
    assert ring.read(9) == b"abcabc"


def test_bytes_consumed_under_a_view_stay_occupied(ring: Any) -> None:
    size = ring.capacity
    data = pattern(size)
    ring.write(data)
    view = ring.read_view()
    assert ring.read(size) == data
    assert (len(ring), ring.free, ring.is_full) == (0, 0, True)
    assert ring.write(b"x") == 0
    assert not ring.wait_writable(0)
    assert not ring.wait_writable(0.01)
    assert bytes(view) == data
    view.release()
    assert (ring.free, ring.is_full) == (size, False)
    assert ring.wait_writable(0)
    assert ring.write(b"x") == 1


def test_viewed_bytes_survive_later_writes(ring: Any) -> None:
    size = ring.capacity
    ring.write(pattern(10))
    view = ring.read_view()
    ring.skip(10)
    assert ring.write(pattern(size, 3)) == size - 10
    assert bytes(view) == pattern(10)
    view.release()
    assert ring.free == 10


def test_slice_of_a_view_keeps_its_bytes(ring: Any) -> None:
    ring.write(b"abcdef")
    view = ring.read_view()
    part = view[2:4]
    view.release()
    del view
    ring.skip(6)
    assert ring.free == ring.capacity - 6
    assert bytes(part) == b"cd"
    again = memoryview(part)
    del part
    assert ring.free == ring.capacity - 6
    again.release()
    assert ring.free == ring.capacity


def test_oldest_view_limits_the_free_space(ring: Any) -> None:
    size, views = ring.capacity, []
    for i in range(5):
        ring.write(pattern(4, i))
        views.append(ring.read_view())
        ring.skip(4)
    assert [bytes(v) for v in views] == [pattern(4, i) for i in range(5)]
    order = [(2, size - 20), (0, size - 16), (1, size - 8), (4, size - 8), (3, size)]
    for i, free in order:
        views[i].release()
        assert ring.free == free


def test_views_with_the_same_start_are_released_together(ring: Any) -> None:
    ring.write(b"abc")
    first, second = ring.read_view(), ring.read_view()
    ring.write(b"def")
    third = ring.read_view()
    ring.skip(6)
    first.release()
    third.release()
    assert ring.free == ring.capacity - 6
    second.release()
    assert ring.free == ring.capacity


def test_a_chain_of_overlapping_views_does_not_stop_the_ring(ring: Any) -> None:
    ring.write(b"ab")
    view = ring.read_view()
    for _ in range(4 * ring.capacity):
        ring.skip(1)
        assert ring.write(b"c") == 1
        following = ring.read_view()
        view.release()
        view = following
    assert ring.free == ring.capacity - 2


def test_empty_views_pin_nothing(ring: Any) -> None:
    empty = ring.read_view()
    ring.write(bytes(ring.capacity))
    full = ring.write_view()
    assert empty.nbytes == full.nbytes == 0
    ring.skip(ring.capacity)
    assert ring.free == ring.capacity
    assert ring.write(b"a") == 1


def test_view_keeps_its_ring_alive(ring_cls: Any) -> None:
    for capacity in (SMALL, LARGE):
        ring = ring_cls(capacity)
        ring.write(b"abc")
        view = ring.read_view()
        writable = ring.write_view()
        del ring
        gc.collect()
        writable[:] = bytes(len(writable))
        assert bytes(view) == b"abc"


@pytest.mark.parametrize("borrow", ["read_view", "write_view"])
def test_ring_in_a_cycle_with_its_view_is_collected(ring_cls: Any, borrow: str) -> None:
    for turned in (False, True):
        ring = ring_cls(SMALL)
        ring.write(b"abc")
        view = getattr(ring, borrow)()
        owned = weakref.ref(view)
        cycle: list[Any] = [view[1:], ring, view] if turned else [view, ring, view[1:]]
        cycle.append(cycle)
        del ring, view, cycle
        gc.collect()
        assert owned() is None


def test_write_view_and_commit(ring: Any) -> None:
    turn(ring, ring.capacity - 2)
    ring.write(b"ab")
    with ring.write_view() as view:
        assert (len(view), view.readonly, view.format) == (ring.capacity - 2, False, "B")
        view[:6] = b"cdefgh"
        ring.commit(2)
        assert ring.read(9) == b"abcd"
        ring.commit(1)
    ring.commit(3)
    assert ring.read(9) == b"efgh"


def test_commit_in_steps_across_the_wraparound(ring: Any) -> None:
    size = ring.capacity
    turn(ring, size - 4)
    data = pattern(size)
    with ring.write_view() as view:
        view[:] = data
        ring.commit(4)  # up to the border exactly
        with ring.write_view() as rest:
            assert rest == data[4:]
        ring.commit(3)
        assert ring.read(9) == data[:7]
        ring.commit(size - 7)
    assert ring.read(size) == data[7:]


def test_commit_is_limited_to_the_write_view(ring: Any) -> None:
    with pytest.raises(ValueError, match=r"commit\(1\) is more than the 0 bytes that write_view\(\) offered"):
        ring.commit(1)
    ring.write(b"abcd")
    ring.write_view().release()
    with pytest.raises(ValueError, match=r"commit\(\d+\) is more than"):
        ring.commit(ring.capacity - 3)
    ring.commit(ring.capacity - 4)
    assert ring.is_full
    ring.skip(ring.capacity)
    with pytest.raises(ValueError, match="more than the 0 bytes"):
        ring.commit(1)
    ring.write_view().release()
    ring.write(b"x")  # overwrites what the view showed
    with pytest.raises(ValueError, match="more than the 0 bytes"):
        ring.commit(1)
    assert ring.read(9) == b"x"


def test_write_view_in_use_refuses_other_writes(ring: Any, pipe: tuple[int, int]) -> None:
    view = ring.write_view()
    part = view[1:]
    view.release()
    for call in (lambda: ring.write(b"x"), lambda: ring.recv_from(pipe[0]), ring.close):
        with pytest.raises(BufferError, match=r"write_view\(\) of this ring is in use"):
            call()
    part[0] = 65
    ring.commit(2)
    assert ring.read(2) == b"\0A"
    part.release()
    assert ring.write(b"x") == 1


def test_second_write_view_starts_after_the_committed_bytes(ring: Any) -> None:
    size = ring.capacity
    first = ring.write_view()
    first[:4] = b"abcd"
    ring.commit(4)
    ring.skip(4)  # free again, but still under the first view
    with ring.write_view() as second:
        assert len(second) == size - 4
        second[:] = pattern(size - 4)
    assert bytes(first) == b"abcd" + pattern(size - 4)
    first.release()
    with ring.write_view() as whole:
        assert len(whole) == size


def test_write_view_excludes_viewed_bytes(ring: Any) -> None:
    ring.write(b"abc")
    view = ring.read_view()
    ring.skip(3)
    with ring.write_view() as free:
        assert len(free) == ring.capacity - 3
        free[:] = b"x" * len(free)
    assert bytes(view) == b"abc"


def test_write_a_ring_into_itself(ring: Any) -> None:
    ring.write(b"abc")
    with ring.read_view() as view:
        ring.write(view)
    with ring.write_view() as free:
        assert ring.readinto(free[:6]) == 6
        ring.commit(6)
    assert ring.read(9) == b"abcabc"


def test_views_during_close(ring: Any) -> None:
    ring.write(b"abc")
    with ring.read_view() as view:
        ring.close()
        assert bytes(view) == b"abc"


def test_a_closed_ring_can_be_read_to_its_end(ring: Any, pipe: tuple[int, int]) -> None:
    ring.write(b"abc")
    ring.write_view().release()
    ring.close()
    ring.close()
    assert ring.closed
    calls = [
        lambda: ring.write(b"x"),
        ring.write_view,
        lambda: ring.commit(1),
        lambda: ring.recv_from(pipe[0]),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="write to a closed RingBuffer"):
            call()
    assert ring.wait_readable(0)
    assert ring.wait_writable(0)
    assert ring.read(9) == b"abc"
    assert ring.wait_readable()
    assert ring.read(9) == b""


def test_init_again_changes_nothing(ring: Any) -> None:
    ring.write(b"abc")
    ring.__init__(5)
    assert ring.read(9) == b"abc"
    assert ring.capacity in (SMALL, LARGE)
