"""ChunkQueue against a model: a list of the appended chunks and the number of bytes taken."""

from __future__ import annotations

import os
from array import array
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

from support.queues import BACKENDS, content, is_locked, load_queue_class

# Few letters, so that searches hit, and hit nearly; some chunks large enough to be searched in place.
small = st.binary(max_size=6).map(lambda data: bytes(b"ab-"[byte % 3] for byte in data))
texts = st.one_of(small, small.map(lambda data: data * 150))
subs = st.one_of(small, st.sampled_from([b"-", b"ab", b"-a-", b"ab" * 200]))
sizes = st.one_of(st.integers(0, 12), st.integers(0, 2000))


class ChunkQueueMachine(RuleBasedStateMachine):
    queue_cls: Any = None

    @initialize()
    def start(self):
        self.queue = self.queue_cls()
        self.chunks: list[tuple[Any, bytes]] = []  # the owner, and what is left of it
        self.lent: list[tuple[memoryview, bytes]] = []
        self.reader, self.writer = os.pipe()
        os.set_blocking(self.writer, False)

    def teardown(self):
        if not hasattr(self, "queue"):
            return
        os.close(self.reader)
        os.close(self.writer)
        owners = [owner for owner, _ in self.chunks if type(owner) is bytearray]
        self.queue.clear()
        assert all(view == expected for view, expected in self.lent)
        self.lent.clear()  # the last reference to the views: they lock their owners too
        for owner in owners:
            assert not is_locked(owner)

    @property
    def joined(self) -> bytes:
        return b"".join(rest for _, rest in self.chunks)

    def take(self, n: int) -> None:
        while n:
            owner, rest = self.chunks[0]
            if n < len(rest):
                self.chunks[0] = (owner, rest[n:])
                return
            n -= len(rest)
            del self.chunks[0]

    @rule(data=texts, kind=st.sampled_from([bytes, bytearray, memoryview, "slice", "array"]))
    def append(self, data, kind):
        owner = make(kind, data)
        self.queue.append(owner)
        if data:
            self.chunks.append((owner, data))

    @rule(data=texts, kind=st.sampled_from([bytes, bytearray, "slice"]))
    def appendleft(self, data, kind):
        owner = make(kind, data)
        self.queue.appendleft(owner)
        if data:
            self.chunks.insert(0, (owner, data))

    @rule(many=st.lists(small, max_size=40))
    def extend(self, many):
        self.queue.extend(iter(many))
        self.chunks += [(data, data) for data in many if data]

    @rule(data=texts, n=st.one_of(st.none(), sizes))
    def append_copy(self, data, n):
        source = bytearray(data)
        if n is not None and n > len(data):
            with pytest.raises(ValueError, match="has only"):
                self.queue.append_copy(source, n)
            return
        chunks = len(self.queue)
        self.queue.append_copy(source, n)
        copied = data[:n]
        if len(self.queue) > chunks:
            self.chunks.append((None, copied))
        elif copied:
            # Joined to the last chunk, which is a new object now.
            self.chunks[-1] = (None, self.chunks[-1][1] + copied)
        source[:] = b"?" * len(source)

    @rule(n=sizes)
    def read_view(self, n):
        expected = self.chunks[0][1][:n] if self.chunks else b""
        view = self.queue.read_view(n)
        assert view.readonly
        assert view == expected
        self.lent.append((view, expected))
        self.take(len(expected))

    @precondition(lambda self: self.chunks)
    @rule()
    def popleft(self):
        owner, rest = self.chunks.pop(0)
        got = self.queue.popleft()
        if owner is not None and len(owner) == len(rest):
            assert got is owner
        else:
            assert bytes(got) == rest

    @rule(n=sizes)
    def read(self, n):
        expected = self.joined[:n]
        got = self.queue.read(n)
        assert got == expected
        if self.chunks:
            owner, rest = self.chunks[0]
            if type(owner) is bytes and len(owner) == len(rest) == len(expected):
                assert got is owner
        self.take(len(expected))

    @rule(n=sizes)
    def peek(self, n):
        assert self.queue.peek(n) == self.joined[:n]

    @rule(n=sizes)
    def views(self, n):
        views = self.queue.views(n)
        assert b"".join(views) == self.joined[:n]
        self.lent += [(view, bytes(view)) for view in views[:2]]

    @rule(n=sizes)
    def consume(self, n):
        if n > len(self.joined):
            with pytest.raises(ValueError, match="only"):
                self.queue.consume(n)
        else:
            self.queue.consume(n)
            self.take(n)

    @rule(sub=subs, start=sizes)
    def find(self, sub, start):
        assert self.queue.find(sub, start) == self.joined.find(sub, start)

    @rule(sub=subs.filter(bool), limit=st.one_of(st.integers(0, 12), st.just(5000)))
    def read_until(self, sub, limit):
        data = self.joined
        at = data.find(sub)
        if at > limit or (at < 0 and len(data) - len(sub) + 1 > limit):
            with pytest.raises(ValueError, match=f"limit of {limit} bytes"):
                self.queue.read_until(sub, limit)
        elif at < 0:
            assert self.queue.read_until(sub, limit) is None
        else:
            assert self.queue.read_until(sub, limit) == data[: at + len(sub)]
            self.take(at + len(sub))

    @rule(n=sizes)
    def readinto(self, n):
        target = bytearray(n)
        taken = self.queue.readinto(target)
        assert taken == min(n, len(self.joined))
        assert target[:taken] == self.joined[:taken]
        self.take(taken)

    @rule(drain=st.booleans())
    def writev_to(self, drain):
        data = self.joined
        try:
            taken = self.queue.writev_to(self.writer)
        except BlockingIOError:
            drain, taken = True, 0
        self.take(taken)
        self.sent = getattr(self, "sent", b"") + data[:taken]
        if drain and self.sent:
            assert os.read(self.reader, len(self.sent)) == self.sent
            self.sent = b""

    @rule()
    def clear(self):
        self.queue.clear()
        self.chunks.clear()

    @invariant()
    def counts_agree(self):
        assert len(self.queue) == len(self.chunks)
        assert self.queue.nbytes == len(self.joined)
        assert bool(self.queue) is bool(self.chunks)
        assert content(self.queue) == self.joined

    @invariant()
    def mutable_chunks_are_locked(self):
        for owner, _ in self.chunks:
            if type(owner) is bytearray:
                assert is_locked(owner)


def make(kind: Any, data: bytes) -> Any:
    if kind == "slice":
        return memoryview(bytearray(b"<" + data + b">"))[1:-1]
    if kind == "array":
        return array("B", data)
    return kind(data)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("backend", BACKENDS)
def test_queue_behaves_like_its_model(backend):
    machine = type("Machine", (ChunkQueueMachine,), {"queue_cls": load_queue_class(backend)})
    examples = int(os.environ.get("FOREBAY_EXAMPLES", "200"))
    run_state_machine_as_test(
        machine,
        settings=settings(max_examples=examples, stateful_step_count=50, deadline=None, database=None),
    )
