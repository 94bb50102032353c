"""Random programs on files piped to files: no action at any point loses or doubles a byte.

Some listeners raise, which changes nothing for the others.
"""

import array
import asyncio
import gc
import itertools
import os
import random
import sys

import pytest

from forebay import create_read_stream, create_write_stream

WORDS = 750_000
# By environment, for longer runs.
PROGRAMS = int(os.environ.get("FOREBAY_PROGRAMS", "30"))
FIRST_SEED = int(os.environ.get("FOREBAY_SEED", "1"))
# Not 'pipe': who unpipes in it leaves a source that flows to nobody, as in Node.
EVENTS = ("open", "ready", "pause", "resume", "unpipe", "drain", "end", "finish", "close")


def number_at(data, index):
    return int.from_bytes(data[index * 4 : index * 4 + 4], "big")


def common(one, at, other, start):
    """How many bytes of both are the same, from these places on."""
    low, high = 0, min(len(one) - at, len(other) - start)
    while low < high:
        middle = (low + high + 1) // 2
        if one[at + low : at + middle] == other[start + low : start + middle]:
            low = middle
        else:
            high = middle - 1
    return low


class Program:
    """A file that is read, two that are written, and random acts: between turns of the loop, and inside listeners.

    Each four bytes of the source are a number of their own, so that what arrived tells where it is from.
    """

    def __init__(self, seed, folder, whole):
        self.random = random.Random(f"{whole} {seed}")
        self.folder = folder
        self.whole = whole
        self.first = self.random.randrange(1, 1000)
        size = self.random.choice([1000, 100_000, 500_000, WORDS])
        self.numbers = range(self.first, self.first + size)
        self.seen = []
        self.listeners = []
        self.piped = set()
        self.corks = {}
        self.marks = {}
        self.events = {}
        self.inside = self.random.randrange(12)
        self.raised = 0
        self.log = []

    def open(self):
        path = self.folder / "source"
        content = array.array("I", range(self.first + len(self.numbers)))
        if sys.byteorder == "little":
            content.byteswap()
        if self.random.random() < 0.3 and len(self.numbers) > 10_000:
            # Not where it is looked at as numbers, but nothing that is read at one time either.
            self.hole = (self.first + 5000, self.random.randrange(self.first + 5000, len(content)))
        else:
            self.hole = (0, 0)
        with open(path, "wb") as file:
            file.write(content[: self.hole[0]].tobytes())
            file.truncate(self.hole[1] * 4)
            file.seek(0, os.SEEK_END)
            file.write(content[max(self.hole) :].tobytes())
        self.content = path.read_bytes()
        self.source = create_read_stream(
            path, start=self.first * 4, high_water_mark=self.random.choice([1000, 65536, 300_000])
        )
        self.dests = []
        for name in ("one", "two"):
            atomic = self.random.random() < 0.5
            dest = create_write_stream(
                self.folder / name,
                atomic=atomic,
                high_water_mark=self.random.choice([1, 65536, None]),
            )
            dest.replaces = atomic
            self.dests.append(dest)
            self.corks[dest] = 0
            self.marks[dest] = 0
        for stream in (self.source, *self.dests):
            for event in EVENTS:
                stream.on(event, lambda *_, key=(stream, event): self.heard(key))

    def heard(self, key):
        self.events[key] = self.events.get(key, 0) + 1
        self.act_inside()
        self.maybe_raise(0.1)

    def maybe_raise(self, chance):
        if self.random.random() < chance:
            self.raised += 1
            raise ValueError("of a listener")

    def act_inside(self):
        if self.inside and self.random.random() < 0.2:
            self.inside -= 1
            self.act()

    # ---- acts

    def pipe(self):
        for dest in self.random.sample(self.dests, self.random.choice([1, 1, 1, 2])):
            if dest not in self.piped and dest.writable and not self.source.readable_ended:
                self.piped.add(dest)
                self.source.pipe(dest)

    def unpipe(self):
        dest = self.random.choice(self.dests)
        if dest in self.piped:
            # With a listener left, the source would go on for that alone.
            while self.listeners:
                self.ignore()
            self.piped.discard(dest)
            self.source.unpipe(dest)

    def listen(self):
        chance = self.random.choice([0, 0, 0.3])

        def listener(chunk):
            self.seen.append(bytes(chunk))
            self.act_inside()
            self.maybe_raise(chance)

        self.listeners.append(listener)
        add = self.random.choice([self.source.on, self.source.prepend_listener])
        add("data", listener)

    def ignore(self):
        # A source that flows with nobody there loses what it reads, as Node's does.
        if self.listeners and self.piped:
            self.source.off("data", self.listeners.pop())

    def pause(self):
        self.source.pause()

    def resume(self):
        if self.piped:
            self.source.resume()

    def write(self):
        dest = self.random.choice(self.dests)
        if dest.writable:
            self.marks[dest] += 1
            dest.write(b"\xff\xff\xff\xff")

    def cork(self):
        dest = self.random.choice(self.dests)
        if dest.writable:
            self.corks[dest] += 1
            dest.cork()

    def uncork(self):
        dest = self.random.choice(self.dests)
        if self.corks[dest]:
            self.corks[dest] -= 1
            dest.uncork()

    def destroy(self):
        if not self.whole:
            self.random.choice([self.source, *self.dests]).destroy()

    ACTS = (pipe, pipe, unpipe, unpipe, listen, ignore, pause, resume, write, cork, uncork, destroy)

    def act(self):
        act = self.random.choice(self.ACTS)
        self.log.append(act.__name__)
        act(self)

    async def moment(self):
        if self.random.random() < 0.3:
            await asyncio.sleep(0.0005)
        for _ in range(self.random.randrange(6)):
            await asyncio.sleep(0)

    # ---- to the end

    async def run(self):
        self.open()
        self.pipe()
        for _ in range(self.random.randrange(12)):
            await self.moment()
            self.act()
        self.inside = 0
        if self.whole:
            await self.finish()
        else:
            await self.moment()
            for stream in (self.source, *self.dests):
                stream.destroy()
        for stream in (self.source, *self.dests):
            while (stream, "close") not in self.events:
                await asyncio.sleep(0.0005)
        self.check()

    async def finish(self):
        for dest in self.dests:
            while self.corks[dest]:
                self.corks[dest] -= 1
                dest.uncork()
        while not self.source.readable_ended:
            if not self.piped:
                self.pipe()
            self.source.resume()
            await asyncio.sleep(0.0005)
        for dest in self.dests:
            if dest.writable:
                dest.end()

    def parts(self, out):
        """The parts of the source that ``out`` consists of, as numbers from and to, without the marks between them."""
        content = self.content
        index = end = 0
        while index < len(out) // 4:
            number = number_at(out, index)
            if number == 0xFFFFFFFF:
                index += 1
                continue
            if number == 0:
                # Somewhere in the hole: as far on as the zeros allow, which are the last before what comes next.
                after = index
                while after < len(out) // 4 and number_at(out, after) == 0:
                    after += 1
                known = after < len(out) // 4 and number_at(out, after) == self.hole[1]
                number = self.hole[1] - (after - index) if known else max(end, self.hole[0])
            size = common(out, index * 4, content, number * 4) // 4
            assert size
            end = number + size
            yield number, end
            index += size

    def check(self):
        got = []
        for dest in self.dests:
            path = self.folder / os.path.basename(dest.path)
            out = path.read_bytes() if path.exists() else b""
            path.unlink(missing_ok=True)
            assert len(out) == (dest.bytes_written if dest.published or not dest.replaces else 0)
            parts = list(self.parts(out))
            # In order, and once.
            assert all(one[1] <= two[0] for one, two in itertools.pairwise(parts) if self.hole[1] <= two[0])
            got += parts
            if self.whole:
                marks = len(out) // 4 - sum(end - begin for begin, end in parts)
                assert marks == self.marks[dest]
                assert dest.writable_finished
        got += [part for chunk in self.seen for part in self.parts(chunk)]
        end = self.numbers[-1] + 1
        assert all(self.first <= begin and last <= end for begin, last in got if begin)
        if self.whole:
            reached = self.first
            for begin, last in sorted([*got, self.hole]):
                assert begin <= reached
                reached = max(reached, last)
            assert reached == end
            assert self.source.bytes_read == len(self.numbers) * 4
        for stream in (self.source, *self.dests):
            assert self.events[stream, "close"] == 1
            for once in ("open", "ready", "end", "finish"):
                assert self.events.get((stream, once), 0) <= 1
        assert os.listdir(self.folder) == ["source"]


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "cut"])
def test_random_programs(run, tmp_path, whole):
    run.errors_wanted = True

    async def main():
        raised = 0
        for seed in range(FIRST_SEED, FIRST_SEED + PROGRAMS):
            program = Program(seed, tmp_path, whole)
            if seed % 3 == 0:
                gc.set_threshold(1)
            try:
                async with asyncio.timeout(20):
                    await program.run()
            except BaseException as error:
                error.add_note(f"seed {seed}: {program.log}")
                raise
            finally:
                gc.set_threshold(700, 10, 10)
            raised += program.raised
        return raised

    run.seconds = 200
    raised = run(main)
    assert len(run.errors) == raised
