"""Random programs over streams, checked against invariants.

What comes out is what went in, in order and once; a producer that listens never has more buffered than the mark and one
chunk; 'finish' comes before 'close', nothing after it; every error is delivered once, and every write callback is called
once.

FOREBAY_MODEL_EXAMPLES=2000 runs that many programs of each kind, and other ones each time.
"""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from model_checks import MARKS, chosen
from model_machine import Machine, SuppliedMachine, assert_within_the_mark
from model_tools import LARGEST, SINKS, SOURCES, STAGES, WIDTH, Failure, Part, numbers

from forebay import Writable
from support.loops import LOOPS

# ---- one writable


class HeldSink(Part, Writable):
    """Takes chunks when it is told to."""

    def __init__(self, batches, **options):
        self.prepare()
        self.taken = []
        if batches:
            options["writev"] = lambda chunks: self.hold([bytes(chunk) for chunk in chunks])
        super().__init__(write=lambda chunk: self.hold([bytes(chunk)]), **options)

    def settled(self, value):
        self.taken.extend(value)


class WritableMachine(Machine):
    """Writes, corks, ends and destroys in any order, to a sink that takes its time or fails."""

    @initialize(mark=MARKS, batches=st.booleans(), keep=st.booleans())
    def start(self, mark, batches, keep):
        def make():
            return HeldSink(batches, high_water_mark=mark, auto_destroy=not keep)

        self.sink = self.log(self.inside(make), keep)
        self.mark = mark
        self.accepted = []
        self.told = []
        self.ends = []
        self.failures = []

    @rule(chunk=st.binary(max_size=6))
    def write(self, chunk):
        sink = self.sink
        calls = []
        self.told.append(calls)
        open_before = sink.writable

        def write():
            more = sink.write(chunk, callback=calls.append)
            assert calls == [], "answered later, never inside"
            return more, sink.writable_length, sink.writable_need_drain

        self.accept(chunk)
        more, length, need_drain = self.inside(write)
        if open_before:
            assert more == (length < self.mark or length == 0)
            assert need_drain or more
        else:
            assert more is False

    def accept(self, chunk):
        # A failed stream without auto_destroy queues further chunks, and an uncork() writes them.
        if not self.sink.destroyed and not self.sink.writable_ended:
            self.accepted.append(chunk)

    @rule()
    def cork(self):
        self.inside(self.sink.cork)

    @rule()
    def uncork(self):
        self.inside(self.sink.uncork)

    @precondition(lambda self: self.sink.under_way is not None)
    @rule()
    def complete(self):
        self.inside(self.sink.settle)

    @precondition(lambda self: self.sink.under_way is not None and len(self.told) > 3)
    @rule()
    def fail(self):
        error = Failure("write")
        if not self.sink.destroyed and self.sink.errored is None:
            self.failures.append(error)
        self.inside(self.sink.settle, error)
        # What was queued goes with it.
        self.accepted = list(self.sink.taken)

    @precondition(lambda self: len(self.told) > 2)
    @rule(chunk=st.none() | st.binary(max_size=6))
    def end(self, chunk):
        calls = []
        if chunk is not None:
            self.accept(chunk)
        self.ends.append(calls)
        self.inside(lambda: self.sink.end(chunk, callback=calls.append))

    @precondition(lambda self: len(self.told) > 4)
    @rule(with_error=st.booleans())
    def destroy(self, with_error):
        error = Failure("destroy") if with_error else None
        if error is not None and not self.sink.destroyed and self.sink.errored is None:
            self.failures.append(error)
        self.inside(self.sink.destroy, error)

    @invariant()
    def what_is_taken_is_what_was_written(self):
        if self.logs:
            assert self.sink.taken == self.accepted[: len(self.sink.taken)]

    @invariant()
    def nobody_is_told_twice(self):
        if self.logs:
            assert all(len(calls) <= 1 for calls in (*self.told, *self.ends))

    def finish(self):
        sink = self.sink
        while sink.writable_corked:
            self.inside(sink.uncork)
        self.settle_all()
        log = self.logs[0]
        if not log.errors and not sink.destroyed:
            if not sink.writable_ended:
                self.inside(sink.end)
                self.settle_all()
            assert sink.writable_finished
            assert sink.taken == self.accepted
            assert sink.writable_length == 0
        self.inside(sink.destroy)
        self.settle_all()
        assert sink.closed
        assert [len(calls) for calls in self.told] == [1] * len(self.told)
        assert [len(calls) for calls in self.ends] == [1] * len(self.ends)
        mine = [error for error in log.errors if isinstance(error, Failure)]
        assert mine in ([], self.failures[:1])
        if "finish" in log.events and "close" in log.events:
            assert log.events.index("finish") < log.events.index("close")

    def settle_all(self):
        self.turns(4)
        while self.sink.under_way is not None:
            self.inside(self.sink.settle)
            self.turns(4)


# ---- one readable


class ReadableMachine(SuppliedMachine):
    """Every way of reading, mixed."""

    @initialize(mark=MARKS, kind=st.sampled_from(SOURCES))
    def start(self, mark, kind):
        self.source = self.log(self.inside(kind, mark))
        self.count = 0
        self.got = []
        self.listening = []
        self.put_back = 0
        self.ended = False

    def take(self, chunk):
        self.got.append(chunk)

    @property
    def flows_to_listeners(self):
        return self.source.listener_count("data") > 0

    @rule(size=st.none() | st.integers(1, 5).map(lambda count: count * WIDTH), back=st.booleans())
    def read(self, size, back):
        source = self.source

        def read():
            chunk = source.read(size)
            # What is read is emitted as well.
            if chunk is None or self.flows_to_listeners:
                return
            if back and not source.readable_ended:
                source.unshift(chunk)
                # The read has made room for a chunk, which was taken by another meanwhile.
                self.put_back = max(self.put_back, len(chunk), LARGEST)
            else:
                self.got.append(chunk)

        self.inside(read)

    @rule()
    def read_nothing(self):
        self.inside(self.source.read, 0)

    @precondition(lambda self: not self.flows_to_listeners)
    @rule()
    def listen_to_data(self):
        self.inside(self.source.on, "data", self.take)

    @precondition(lambda self: self.flows_to_listeners)
    @rule()
    def listen_no_more(self):
        def stop():
            # Without a listener a stream that flows flows into nothing.
            self.source.pause()
            self.source.off("data", self.take)

        self.inside(stop)

    @rule()
    def listen_to_readable(self):
        def nothing():
            """Only that there is a listener matters."""

        self.listening.append(nothing)
        self.inside(self.source.on, "readable", nothing)

    @precondition(lambda self: self.listening)
    @rule()
    def listen_to_readable_no_more(self):
        self.inside(self.source.off, "readable", self.listening.pop())

    @rule()
    def pause(self):
        self.inside(self.source.pause)

    @precondition(lambda self: self.flows_to_listeners)
    @rule()
    def resume(self):
        self.inside(self.source.resume)

    @invariant()
    def what_comes_out_is_what_went_in(self):
        if self.logs:
            assert numbers(self.got) == list(range(sum(len(chunk) for chunk in self.got) // WIDTH))

    @invariant()
    def no_more_than_the_mark_and_one_chunk(self):
        if self.logs:
            assert_within_the_mark(self.source, self.put_back)

    def finish(self):
        source = self.source
        if not self.ended:
            self.supply_the_end()
        while self.listening:
            self.listen_to_readable_no_more()
        if not self.flows_to_listeners:
            self.listen_to_data()
        for _ in range(20):
            self.inside(source.resume)
            self.turns(40)
        assert numbers(self.got) == list(range(self.count))
        assert source.readable_ended
        assert source.closed
        assert self.logs[0].errors == []


# ---- a flow: a source, stages, and sinks at any of them


class Link:
    """A pipe that there is or was."""

    def __init__(self, source, dest):
        self.source = source
        self.dest = dest
        self.joined = False
        #: Whether all that came through the source went this way.
        self.whole = True


class FlowMachine(SuppliedMachine):
    """Pipes that are joined, parted, paused, resumed and broken, with a pace at every point that is the program's."""

    @initialize(
        source=st.sampled_from(SOURCES),
        stages=st.lists(st.sampled_from(STAGES), max_size=2),
        sinks=st.lists(st.tuples(st.sampled_from(SINKS), st.integers(0, 2)), min_size=1, max_size=3),
        marks=st.lists(MARKS, min_size=6, max_size=6),
    )
    def start(self, source, stages, sinks, marks):
        def make():
            kinds = [source, *stages, *(kind for kind, _ in sinks)]
            return [kind(mark) for kind, mark in zip(kinds, marks, strict=False)]

        made = self.inside(make)
        self.chain, self.sinks = made[: -len(sinks)], made[-len(sinks) :]
        self.streams = [*self.chain, *self.sinks]
        for stream in self.streams:
            self.log(stream)
        self.source = self.chain[0]
        self.links = [Link(*pair) for pair in zip(self.chain, self.chain[1:], strict=False)]
        for index, (sink, (_, place)) in enumerate(zip(self.sinks, sinks, strict=True)):
            # The first is at the end of the chain.
            self.links.append(Link(self.chain[-1 if index == 0 else place % len(self.chain)], sink))
        self.count = 0
        self.ended = False
        self.broken = False
        self.put_back = 0
        self.paused = set()
        for link in self.links:
            link.joined = True
            self.inside(link.source.pipe, link.dest)

    def join(self, link):
        """Join what is not joined."""
        if link.joined:
            return
        others = self.others(link)
        for other in others:
            other.whole = other.whole and other.joined
        link.joined = True
        link.source.pipe(link.dest)

    def has_room(self, stream):
        """Whether all who are waited for can take more; who resumes a stream by hand writes to them in any case."""
        dests = [link.dest for link in self.links if link.joined and link.source is stream]
        return bool(dests) and not any(dest.writable_need_drain for dest in dests)

    def others(self, link):
        return [other for other in self.links if other.source is link.source and other is not link]

    @precondition(lambda self: not self.ended and self.count > 20)
    @rule()
    def supply_a_failure(self):
        self.ended = self.broken = True
        self.inside(self.source.supply, Failure("source"))

    @precondition(lambda self: any(stream.under_way for stream in self.streams))
    @rule(index=st.integers(0, 5))
    def complete(self, index):
        held = [stream for stream in self.streams if stream.under_way]
        self.inside(held[index % len(held)].settle)

    @precondition(lambda self: self.count > 20)
    @rule(index=st.integers(0, 5))
    def fail(self, index):
        stream = self.streams[index % len(self.streams)]
        self.broken = True
        if stream.under_way:
            self.inside(stream.settle, Failure("held"))
        else:
            stream.failure = Failure("hook")

    @rule(index=st.integers(0, 2))
    def pause(self, index):
        stream = self.chain[index % len(self.chain)]
        self.paused.add(stream)
        self.inside(stream.pause)

    @rule(index=st.integers(0, 2))
    def resume(self, index):
        stream = self.chain[index % len(self.chain)]

        def resume():
            if self.has_room(stream):
                stream.resume()

        self.inside(resume)

    @rule(index=st.integers(0, 5))
    def unpipe(self, index):
        link = self.links[index % len(self.links)]
        if link.joined and not self.broken:
            link.joined = False
            if any(other.joined for other in self.others(link)):
                link.whole = False
            self.inside(link.source.unpipe, link.dest)

    @rule(index=st.integers(0, 2))
    def unpipe_all(self, index):
        stream = self.chain[index % len(self.chain)]
        links = [link for link in self.links if link.joined and link.source is stream]
        if not self.broken:
            for link in links:
                link.joined = False
                # Where the source waits for several it resumes when the first is gone (P8), and loses a chunk.
                link.whole = link.whole and len(links) == 1
            self.inside(stream.unpipe)

    @rule(index=st.integers(0, 5))
    def pipe(self, index):
        link = self.links[index % len(self.links)]

        def join():
            # Another destination makes the source flow, as resume() does.
            if not any(other.joined for other in self.others(link)) or self.has_room(link.source):
                self.join(link)

        if not self.broken:
            self.inside(join)

    @rule(index=st.integers(0, 2))
    def peek(self, index):
        """Read a chunk by hand and put it back."""
        stream = self.chain[index % len(self.chain)]

        def peek():
            chunk = stream.read()
            if chunk is not None:
                stream.unshift(chunk)
                # The read has made room for a chunk, which was taken by another meanwhile.
                self.put_back = LARGEST

        if not self.broken and not any(link.joined for link in self.links if link.source is stream):
            self.inside(peek)

    @rule(index=st.integers(0, 2))
    def cork(self, index):
        self.inside(self.sinks[index % len(self.sinks)].cork)

    @rule(index=st.integers(0, 2))
    def uncork(self, index):
        self.inside(self.sinks[index % len(self.sinks)].uncork)

    @precondition(lambda self: self.count > 20)
    @rule(index=st.integers(0, 5), with_error=st.booleans())
    def destroy(self, index, with_error):
        stream = self.streams[index % len(self.streams)]
        self.broken = True
        self.inside(stream.give_up, Failure("destroy") if with_error else None)

    @invariant()
    def what_comes_out_is_what_went_in(self):
        """In order and once; and without a gap where all went this way."""
        for sink in self.sinks if self.logs else ():
            got = numbers(sink.taken)
            if self.is_whole(sink):
                assert got == list(range(len(got)))
            else:
                assert got == sorted(set(got))
            assert not got or got[-1] < self.count

    @invariant()
    def no_more_than_the_mark_and_one_chunk(self):
        for stream in self.streams if self.logs else ():
            assert_within_the_mark(stream, self.put_back)

    def is_whole(self, stream):
        while stream is not self.source:
            (link,) = [link for link in self.links if link.dest is stream]
            if not link.whole:
                return False
            stream = link.source
        return True

    def finish(self):
        for sink in self.sinks:
            while sink.writable_corked:
                self.inside(sink.uncork)
        if not self.broken:
            for link in self.links:
                self.inside(self.join, link)
            # Those that nobody has paused flow by themselves.
            for stream in self.paused:
                self.inside(stream.resume)
            if not self.ended:
                self.supply_the_end()
        self.settle_all()
        if not self.broken:
            for sink in self.sinks:
                assert sink.writable_finished
                if self.is_whole(sink):
                    assert numbers(sink.taken) == list(range(self.count))
        for stream in self.streams:
            self.inside(stream.destroy)
        self.settle_all()
        for log in self.logs:
            assert log.stream.closed
            assert log.events.count("close") == 1
            if "finish" in log.events:
                assert log.events.index("finish") < log.events.index("close")
            assert log.errors == log.stream.due[:1]

    def settle_all(self):
        """Let everything run until nothing changes any more."""
        idle = 0
        while idle < 3:
            before = self.progress()
            self.inside(self.settle_held)
            self.turns(20)
            idle = idle + 1 if self.progress() == before else 0

    def settle_held(self):
        for stream in self.streams:
            if stream.under_way:
                stream.settle()

    def progress(self):
        lengths = [
            (getattr(stream, "readable_length", 0), getattr(stream, "writable_length", 0))
            for stream in self.streams
        ]
        return lengths, [len(log.events) for log in self.logs], [len(sink.taken) for sink in self.sinks]


MACHINES = {WritableMachine: (200, 40), ReadableMachine: (200, 40), FlowMachine: (400, 50)}


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.__name__)
def test_random_programs(machine, loop):
    examples, steps = MACHINES[machine]
    if loop == "uvloop":
        machine = type(machine.__name__, (machine,), {"loop_factory": staticmethod(LOOPS[loop])})
        examples //= 4
    run_state_machine_as_test(machine, settings=chosen(examples, steps))
