"""RingBuffer against a bytearray: any sequence of calls, with views of any lifetime."""

import os
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

CAPACITIES = st.one_of(st.integers(1, 9), st.sampled_from([4096, 4097, 8192]))
SIZES = st.one_of(st.integers(0, 12), st.integers(0, 9000))


class RingModel(RuleBasedStateMachine):
    ring_cls: Any

    @initialize(capacity=CAPACITIES)
    def make(self, capacity: int) -> None:
        self.ring = self.ring_cls(capacity)
        self.stream = bytearray()  # every byte ever written
        self.tail = 0  # bytes ever consumed
        self.seed = 0
        self.offered = 0
        self.views: list[tuple[int, bool, bytes, memoryview]] = []  # start, pins, content, live view
        self.lent: memoryview | None = None
        self.input, self.output = os.pipe()
        os.set_blocking(self.input, False)

    def teardown(self) -> None:
        if hasattr(self, "ring"):
            os.close(self.input)
            os.close(self.output)

    @property
    def filled(self) -> bytes:
        return bytes(self.stream[self.tail :])

    @property
    def room(self) -> int:
        freed = min([self.tail, *(start for start, pins, _, _ in self.views if pins)])
        return self.ring.capacity - (len(self.stream) - freed)

    def data(self, n: int) -> bytes:
        self.seed += 1
        return bytes((self.seed * 31 + i) % 256 for i in range(n))

    @rule(n=SIZES, kind=st.sampled_from([bytes, bytearray, memoryview]))
    def write(self, n: int, kind: type[Any]) -> None:
        data = self.data(n)
        if self.lent:
            with pytest.raises(BufferError):
                self.ring.write(kind(data))
            return
        taken = min(n, self.room)
        assert self.ring.write(kind(data)) == taken
        self.stream += data[:taken]
        self.offered = 0

    @rule(n=SIZES)
    def read(self, n: int) -> None:
        expected = self.filled[:n]
        assert self.ring.read(n) == expected
        self.tail += len(expected)

    @rule(n=SIZES)
    def peek(self, n: int) -> None:
        assert self.ring.peek(n) == self.filled[:n]

    @rule(n=SIZES)
    def readinto(self, n: int) -> None:
        target = bytearray(n)
        expected = self.filled[:n]
        assert self.ring.readinto(target) == len(expected)
        assert target == expected + bytes(n - len(expected))
        self.tail += len(expected)

    @rule(n=SIZES)
    def skip(self, n: int) -> None:
        expected = min(n, len(self.filled))
        assert self.ring.skip(n) == expected
        self.tail += expected

    @rule(n=SIZES)
    def consume(self, n: int) -> None:
        if n > len(self.filled):
            with pytest.raises(ValueError, match="is more than the"):
                self.ring.consume(n)
        else:
            self.ring.consume(n)
            self.tail += n

    @rule(at=SIZES, n=st.integers(0, 5), start=SIZES)
    def find(self, at: int, n: int, start: int) -> None:
        sub = self.filled[at : at + n] or b"\xff\x00"
        assert self.ring.find(sub, start) == self.filled.find(sub, start)

    @precondition(lambda self: len(self.views) < 5)
    @rule()
    def view(self) -> None:
        self.views.append((self.tail, bool(self.filled), self.filled, self.ring.read_view()))

    @precondition(lambda self: len(self.views) < 5)
    @rule(start=st.integers(0, 5), stop=st.integers(0, 20))
    def slice_of_a_released_view(self, start: int, stop: int) -> None:
        view = self.ring.read_view()
        part = view[start:stop]
        view.release()
        # The slice keeps all of its view's bytes, even if it is empty itself.
        self.views.append((self.tail, bool(self.filled), self.filled[start:stop], part))

    @precondition(lambda self: self.views)
    @rule(which=st.integers(0, 4))
    def release(self, which: int) -> None:
        self.views.pop(which % len(self.views))[3].release()

    @rule(n=SIZES)
    def lend(self, n: int) -> None:
        if self.lent is None:
            self.offered = self.room
        view = self.ring.write_view()
        assert len(view) == self.offered
        data = self.data(min(n, self.offered))
        view[: len(data)] = data
        self.written = bytes(view)
        if self.lent is None and self.offered:
            self.lent = view

    @rule(n=SIZES)
    def commit(self, n: int) -> None:
        if n > self.offered:
            with pytest.raises(ValueError, match="offered"):
                self.ring.commit(n)
        elif self.offered:
            self.ring.commit(n)
            self.stream += self.written[:n]
            self.written = self.written[n:]
            self.offered -= n

    @precondition(lambda self: self.lent)
    @rule()
    def give_back(self) -> None:
        assert self.lent is not None
        self.lent.release()
        self.lent = None

    @precondition(lambda self: not self.lent)
    @rule(n=st.integers(0, 9000))
    def recv_from(self, n: int) -> None:
        room, data = self.room, self.data(n)
        os.write(self.output, data)
        self.offered = 0
        if not room:
            with pytest.raises(BufferError):
                self.ring.recv_from(self.input)
        elif not data:
            with pytest.raises(BlockingIOError):
                self.ring.recv_from(self.input)
        else:
            got = self.ring.recv_from(self.input)
            assert got == min(room, n)
            self.stream += data[:got]
            data = data[got:]
        assert os.read(self.input, len(data) + 1) == data if data else True

    @rule()
    def send_to(self) -> None:
        expected = self.filled
        assert self.ring.send_to(self.output) == len(expected)
        if expected:
            assert os.read(self.input, len(expected) + 1) == expected
        self.tail = len(self.stream)

    @invariant()
    def agrees(self) -> None:
        if not hasattr(self, "ring"):
            return
        assert len(self.ring) == len(self.filled)
        assert self.ring.free == self.room
        assert self.ring.is_full == (self.room == 0)
        assert self.ring.wait_readable(0) == bool(self.filled)
        assert self.ring.wait_writable(0) == bool(self.room)
        for _, _, content, view in self.views:
            assert bytes(view) == content


def test_the_ring_behaves_as_its_model(ring_cls: Any) -> None:
    machine = type("Model", (RingModel,), {"ring_cls": ring_cls})
    run_state_machine_as_test(
        machine, settings=settings(max_examples=100, stateful_step_count=50, deadline=None)
    )
