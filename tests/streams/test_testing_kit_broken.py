"""forebay.testing: each kind of defect of readables and writables is found and named, and so is wrong use."""

import asyncio
import os

import pytest
from kit_streams import (
    DATA,
    NUMBERS,
    Boom,
    Pieces,
    Taken,
    Timed,
    later,
    read_hook,
    upper,
)

from forebay import (
    Completion,
    InvalidArgTypeError,
)
from forebay.testing import RuleViolation, check_duplex, check_readable, check_transform, check_writable

# Seconds that a check waits for what never comes, in the tests of broken streams.
SOON = 0.2


# ---- broken readables


class LosesAChunk(Pieces):
    """What comes after push() has said False is forgotten."""

    def _read(self, size):
        while self.push(self.left.pop(0)):
            pass
        if len(self.left) > 2:
            del self.left[0]


class GivesAChunkTwice(Pieces):
    """What push() has said False to is given again."""

    def _read(self, size):
        chunk = self.left.pop(0)
        if not self.push(chunk) and not self.again and chunk is not None:
            self.again = True
            self.left.insert(0, chunk)

    again = False


class Reorders(Pieces):
    def __init__(self):
        super().__init__()
        self.left[7], self.left[8] = self.left[8], self.left[7]


class IgnoresBackpressure(Pieces):
    def _read(self, size):
        while self.left:
            self.push(self.left.pop(0))


class EndsEarly(Pieces):
    """Takes "not now" for the end, when its reader is slow."""

    def _read(self, size):
        while self.push(self.left.pop(0)):
            pass
        if self.is_paused() and self.left:
            self.left = [None]


class NeverEnds(Pieces):
    def _read(self, size):
        if len(self.left) > 1:
            self.push(self.left.pop(0))


class PushesAfterTheEnd(Pieces):
    def _read(self, size):
        super()._read(size)
        if not self.left:
            later(self.push, b"more")


class Fails(Pieces):
    def _read(self, size):
        if len(self.left) < 5:
            raise Boom
        super()._read(size)


class NeverCloses(Pieces):
    def _destroy(self, error):
        return Completion()


class SwallowsTheError(Pieces):
    def _destroy(self, error):
        done = Completion()
        done.resolve()
        return done


class ReplacesTheError(Pieces):
    def _destroy(self, error):
        if error is not None:
            raise Boom


class FailsToBeDestroyed(Pieces):
    def _destroy(self, error):
        if error is None:
            raise Boom


class LeaksATask(Pieces):
    async def _construct(self):
        self.task = asyncio.create_task(asyncio.sleep(60))


# The descriptors that broken streams forget.
OPENED = []


@pytest.fixture(autouse=True)
def _close_what_was_forgotten():
    yield
    while OPENED:
        os.close(OPENED.pop())


class LeaksADescriptor(Pieces):
    def _construct(self):
        OPENED.append(os.open(os.devnull, os.O_RDONLY))


class DoesNotPause(Timed):
    """Hands its data out by itself."""

    def tick(self):
        self.timer = None
        number, self.next = self.next, self.next + 1
        if number < 50:
            self.emit("data", number)
            self._read(0)
        else:
            self.push(None)


class GoesOnAfterItsEnd(Timed):
    def _destroy(self, error):
        later(later, later, self.emit, "data", b"late")


class EndsTwice(Pieces):
    def __init__(self):
        super().__init__()
        self.once("end", lambda: later(self.emit, "end"))


class ClosesTwice(Pieces):
    def _destroy(self, error):
        self.emit("close")


class DestroyReturnsNothing(Pieces):
    def destroy(self, error=None):
        super().destroy(error)


class IsNotDestroyedAtOnce(Pieces):
    def destroy(self, error=None):
        later(super().destroy, error)
        return self


class ReadsTooMuch(Pieces):
    def read(self, size=None):
        return super().read()


class Reports(Pieces):
    def _construct(self):
        later(self.trip)

    def trip(self):
        raise Boom


BROKEN_READABLES = {
    LosesAChunk: "R4: reading by .* where .* is expected",
    GivesAChunkTwice: "R4: reading by .* where .* is expected",
    Reorders: "R4: reading by .* where .* is expected",
    IgnoresBackpressure: "R1: 5120 are buffered without a reader, with a mark of 300",
    EndsEarly: "R4: reading by .* where .* is expected",
    NeverEnds: "R5: 'end' did not come",
    PushesAfterTheEnd: r"L3: .*PushAfterEofError",
    Fails: r"L3: reading by .* failed with \[Boom",
    NeverCloses: r"L2: .*(destroy\(\) did not come to its end|'close' did not follow)",
    SwallowsTheError: r"L2: destroy\(error\) must emit 'error' once, with this error; it emitted \[\]",
    ReplacesTheError: r"L2: destroy\(error\) must emit 'error' once, with this error; it emitted \[Boom",
    FailsToBeDestroyed: r"L3: reading by .* failed with \[Boom|L2: .*without an error made one: \[Boom",
    LeaksATask: "L2: tasks of a closed stream still run: .*Task",
    LeaksADescriptor: r"L2: \d+ descriptors are open of \d+ streams that are closed",
    DoesNotPause: r"R\d+: ",
    GoesOnAfterItsEnd: r"L2: \['data'\] came after the last event",
    EndsTwice: r"L2: \['end'\] came after the last event",
    ClosesTwice: r"L2: \['close'\] came after the last event",
    DestroyReturnsNothing: r"L1: destroy\(\) must return the stream",
    IsNotDestroyedAtOnce: "L1: destroyed must be True as soon as",
    ReadsTooMuch: r"R4: read\(3\) gave",
    Reports: r"L3: reported to the loop's exception handler while checking .*Boom",
}


@pytest.mark.parametrize("broken", BROKEN_READABLES, ids=lambda broken: broken.__name__)
def test_broken_readables(run, broken):
    expected = NUMBERS if issubclass(broken, Timed) else DATA
    with pytest.raises(RuleViolation, match=BROKEN_READABLES[broken]) as caught:
        run(check_readable(broken, expected=expected, limit=SOON))
    violation = caught.value
    assert isinstance(violation, AssertionError)
    assert str(violation) == f"{violation.rule}: {violation.message}"
    assert "while checking" in violation.message or "descriptors" in violation.message


@pytest.mark.parametrize("broken", [Fails, read_hook], ids=["late", "never"])
def test_readables_that_do_not_fail_as_they_should(run, broken):
    """The stream fails with another error, or does not fail at all."""
    message = (
        r"L3: .*to fail with OSError, and failed with Boom" if broken is Fails else "L3: .*it was to fail"
    )
    with pytest.raises(RuleViolation, match=message):
        run(check_readable(broken, fails=OSError, limit=SOON))


def test_a_readable_that_fails_too_early(run):
    class Skips(Pieces):
        def _read(self, size):
            del self.left[0]
            if len(self.left) < 5:
                raise Boom
            self.push(self.left.pop(0))

    with pytest.raises(RuleViolation, match=r"R4: .* is expected"):
        run(check_readable(Skips, expected=DATA, fails=Boom))


# ---- broken writables


class LosesAWrite(Taken):
    def _write(self, chunk):
        if bytes(chunk) != b"two":
            super()._write(chunk)


class TakesAWriteTwice(Taken):
    def _write(self, chunk):
        super()._write(chunk)
        if bytes(chunk) == b"two":
            super()._write(chunk)


class ReordersABatch(Taken):
    def _writev(self, chunks):
        for chunk in reversed(chunks):
            self._write(chunk)


class LosesTheEndOfABatch(Taken):
    def _writev(self, chunks):
        for chunk in chunks[:2]:
            self._write(chunk)


class NeverDrains(Taken):
    def _write(self, chunk):
        return Completion()


class CompletesTwice(Taken):
    def _write(self, chunk):
        super()._write(chunk)
        done = Completion()
        later(done.resolve)
        later(done.resolve)
        return done


class NeverFinishes(Taken):
    def _final(self):
        return Completion()


class FinishesEarly(Taken):
    """Says that it has finished while data is on its way."""

    def _write(self, chunk):
        asyncio.get_running_loop().call_later(10, super()._write, bytes(chunk))


class WritesReturnNothing(Taken):
    def write(self, chunk, encoding=None, callback=None):
        super().write(chunk, encoding, callback)


class CallsBackTwice(Taken):
    def write(self, chunk, encoding=None, callback=None):
        if callback is not None:
            later(callback, None)
        return super().write(chunk, encoding, callback)


class ForgetsCallbacks(Taken):
    def write(self, chunk, encoding=None, callback=None):
        return super().write(chunk, encoding)


class SaysFalseForNothing(Taken):
    def write(self, chunk, encoding=None, callback=None):
        super().write(chunk, encoding, callback)
        return False


class FailsToWrite(Taken):
    def _write(self, chunk):
        raise Boom


class FailsToFinish(Taken):
    def _final(self):
        raise Boom


class NeverClosesWriting(Taken):
    def _destroy(self, error):
        return Completion()


class SwallowsTheErrorWriting(Taken):
    _destroy = SwallowsTheError._destroy


class LeaksATaskWriting(Taken):
    def _write(self, chunk):
        super()._write(chunk)
        self.task = asyncio.create_task(asyncio.sleep(60))


class LeaksADescriptorWriting(Taken):
    def _construct(self):
        OPENED.append(os.open(os.devnull, os.O_WRONLY))


class FinishesTwice(Taken):
    def __init__(self):
        super().__init__()
        self.once("finish", lambda: later(self.emit, "finish"))


BROKEN_WRITABLES = {
    LosesAWrite: "W1: after .* has arrived where .* was written",
    TakesAWriteTwice: "W1: after .* has arrived where .* was written",
    ReordersABatch: r"W1: after cork\(\) and end\(chunk\), .* has arrived",
    LosesTheEndOfABatch: r"W1: after cork\(\) and end\(chunk\), .* has arrived",
    NeverDrains: "W10: 'finish' did not come",
    CompletesTwice: r"L3: writing failed with \[MultipleCompletionError",
    NeverFinishes: "W10: 'finish' did not come",
    FinishesEarly: "W1: after writing, b'' has arrived",
    WritesReturnNothing: r"W1: write\(\) must return a bool, and returned None",
    CallsBackTwice: "W3: every write callback is called once",
    ForgetsCallbacks: "W3: every write callback is called once",
    SaysFalseForNothing: r"W1: write\(\) returned False and writable_need_drain is False",
    FailsToWrite: r"L3: writing failed with \[Boom",
    FailsToFinish: r"L3: writing failed with \[Boom",
    NeverClosesWriting: r"L2: .*('close' did not follow|did not come to its end)",
    SwallowsTheErrorWriting: r"W1: a write after end\(\) was not reported",
    LeaksATaskWriting: "L2: tasks of a closed stream still run",
    LeaksADescriptorWriting: r"L2: \d+ descriptors are open",
    FinishesTwice: r"L2: \['finish'\] came after the last event",
}


@pytest.mark.parametrize("broken", BROKEN_WRITABLES, ids=lambda broken: broken.__name__)
def test_broken_writables(run, broken):
    with pytest.raises(RuleViolation, match=BROKEN_WRITABLES[broken]):
        run(check_writable(broken, collected=lambda stream: stream.taken, limit=SOON))


def test_a_writable_that_swallows_its_errors(run):
    class Swallows(Taken):
        def _write(self, chunk):
            try:
                raise Boom
            except Boom:
                return

    with pytest.raises(
        RuleViolation, match=r"L3: writing: it was to fail, and emitted \['finish', 'close'\]"
    ):
        run(check_writable(Swallows, fails=Boom))


def test_a_writable_that_fails_with_something_else(run):
    with pytest.raises(RuleViolation, match="L3: writing: it was to fail with OSError, and failed with Boom"):
        run(check_writable(FailsToWrite, fails=OSError))


# ---- wrong use


@pytest.mark.parametrize(
    ("check", "message"),
    [
        (lambda: check_readable(read_hook, expected=5), "expected must be .* got 5"),
        (lambda: check_readable(5), "factory must be a function that returns a stream, got 5"),
        (lambda: check_readable(Taken), "factory must return a new Readable at each call, got .*Taken"),
        (lambda: check_writable(read_hook), "factory must return a new Writable at each call"),
        (lambda: check_duplex(read_hook), "factory must return a new Duplex at each call"),
        (lambda: check_writable(lambda: Taken(object_mode=True)), "chunks is needed"),
        (lambda: check_writable(Taken, chunks=[]), "chunks must have something to write"),
        (lambda: check_transform(upper, []), "cases must have a pair"),
    ],
)
def test_wrong_use(run, check, message):
    with pytest.raises(InvalidArgTypeError, match=message):
        run(check())


def test_a_factory_that_gives_the_same_stream_again(run):
    async def main():
        stream = read_hook()
        await check_readable(lambda: stream, expected=DATA)

    with pytest.raises(InvalidArgTypeError, match="factory must return a new Readable at each call"):
        run(main)


def test_the_checks_leave_the_loop_as_it_was(run):
    async def main():
        loop = asyncio.get_running_loop()
        handler = loop.get_exception_handler()
        before = asyncio.all_tasks()
        await check_readable(read_hook, expected=DATA)
        with pytest.raises(RuleViolation):
            await check_readable(NeverEnds, limit=0.05)
        assert loop.get_exception_handler() is handler
        assert asyncio.all_tasks() == before

    run(main)
