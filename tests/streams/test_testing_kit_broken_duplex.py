"""forebay.testing: each kind of defect of transforms and duplexes is found and named."""

import asyncio

import pytest
from kit_streams import (
    Boom,
    Lines,
    both,
)

from forebay import (
    Completion,
    Duplex,
    Transform,
)
from forebay.testing import RuleViolation, check_duplex, check_transform

# Seconds that a check waits for what never comes, in the tests of broken streams.
SOON = 0.2


class LosesTheRest(Lines):
    def _flush(self):
        return None


class DependsOnTheCut(Transform):
    def _transform(self, chunk):
        return bytes(chunk)[::-1]


class GivesTwice(Transform):
    def _transform(self, chunk):
        self.push(bytes(chunk).upper())
        return bytes(chunk).upper()


class NeverFlushes(Transform):
    def _transform(self, chunk):
        return bytes(chunk).upper()

    def _flush(self):
        return Completion()


class DoesNotWaitForItsReader(Duplex):
    """A transform by hand, which forgets what push() says."""

    def __init__(self):
        super().__init__(high_water_mark=4)

    def _read(self, size):
        pass

    def _write(self, chunk):
        self.push(bytes(chunk).upper())

    def _final(self):
        self.push(None)


class Overtakes(Duplex):
    """Works on several chunks at a time, and gives them as they get done."""

    def __init__(self):
        super().__init__()
        self.open = 0
        self.over = None

    def _read(self, size):
        pass

    def _write(self, chunk):
        self.open += 1
        loop = asyncio.get_running_loop()
        loop.call_later(0.01 if bytes(chunk).startswith(b"a") else 0, self.give, bytes(chunk).upper())

    def give(self, chunk):
        self.push(chunk)
        self.open -= 1
        if not self.open and self.over is not None:
            self.push(None)
            self.over.resolve()

    def _final(self):
        self.over = Completion()
        if not self.open:
            self.push(None)
            self.over.resolve()
        return self.over


BROKEN_TRANSFORMS = {
    LosesTheRest: (b"one\ntwo", [b"one", b"two"], "T1: .* instead of"),
    DependsOnTheCut: (b"abc def", b"fed cba", "T1: .* instead of .*in pieces of 1"),
    GivesTwice: (b"abc def", b"ABC DEF", "T1: .* instead of"),
    NeverFlushes: (b"abc def", b"ABC DEF", "T3: 'end' did not come"),
    DoesNotWaitForItsReader: (
        b"abc def" * 3,
        b"ABC DEF" * 3,
        "T1: 21 are buffered without a reader, with a mark of 4",
    ),
    Overtakes: (b"abc def", b"ABC DEF", "T1: .* instead of .*in pieces of 1"),
}


@pytest.mark.parametrize("broken", BROKEN_TRANSFORMS, ids=lambda broken: broken.__name__)
def test_broken_transforms(run, broken):
    given, want, message = BROKEN_TRANSFORMS[broken]
    with pytest.raises(RuleViolation, match=message):
        run(check_transform(broken, [(given, want)], limit=SOON))


class Decodes(Transform):
    """Takes what is cut off for the end."""

    def _transform(self, chunk):
        return bytes.fromhex(bytes(chunk)[: len(chunk) // 2 * 2].decode())


def test_a_transform_that_swallows_wrong_input(run):
    with pytest.raises(RuleViolation, match="L3: wrong input: it was to fail, and emitted"):
        run(check_transform(Decodes, [([b"6162"], b"ab")], wrong=[[b"616"]], fails=ValueError))
    with pytest.raises(
        RuleViolation, match="L3: wrong input: it was to fail with OSError, and failed with Val"
    ):
        run(check_transform(Decodes, [([b"6162"], b"ab")], wrong=[[b"zz"]], fails=OSError))
    run(check_transform(Decodes, [([b"6162"], b"ab")], wrong=[[b"zz"]], fails=ValueError))


class ClosesAtTheEnd(Duplex):
    """Its end is taken for the end of both sides."""

    def __init__(self):
        super().__init__()
        self.left = [b"abc", b""]
        self.on("end", self.destroy)

    def _read(self, size):
        return self.left.pop(0)

    def _write(self, chunk):
        pass


class ClosesWhenFinished(ClosesAtTheEnd):
    def __init__(self):
        super().__init__()
        self.remove_all_listeners("end")
        self.on("finish", self.destroy)


class EndsItsWriters(ClosesAtTheEnd):
    """The writable side is over when the readable side is, and what is written then is lost."""

    def __init__(self):
        super().__init__()
        self.remove_all_listeners("end")
        self.on("end", lambda: self.destroy(Boom()))


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (ClosesAtTheEnd, "(R8: 'close' while the writable side is open|D1: the other side)"),
        (ClosesWhenFinished, "W10: 'close' before 'end'|D1: the other side"),
        (EndsItsWriters, r"L3: failed with \[Boom"),
        (
            lambda: both(read=lambda size: None),
            "(D1: the other side did not come to its end|R8: 'end' did not come)",
        ),
        (lambda: both(final=lambda: Completion()), "W10: 'finish' did not come"),
    ],
    ids=["closes-at-the-end", "closes-when-finished", "ends-its-writers", "never-ends", "never-finishes"],
)
def test_broken_duplexes(run, broken, message):
    with pytest.raises(RuleViolation, match=message):
        run(check_duplex(broken, limit=SOON))
