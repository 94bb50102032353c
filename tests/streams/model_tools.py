"""Parts of random pipelines: sources, stages and sinks with numbered data, so that each byte is identifiable.

Every part is a stream with a part's attributes: what it was told to fail with, and what it did fail with.
"""

import asyncio
from collections import deque

from forebay import Completion, Duplex, PassThrough, Readable, Transform, Writable

# Bytes of a number. Chunks are never cut inside of one.
WIDTH = 2
# Bytes of the largest chunk.
LARGEST = 4 * WIDTH


class Failure(Exception):
    """An error that a random program makes."""


def numbered(start, count):
    """The bytes of ``count`` numbers from ``start`` on."""
    return b"".join(number.to_bytes(WIDTH, "big") for number in range(start, start + count))


def numbers(chunks):
    """The numbers that chunks of bytes are made of."""
    data = b"".join(bytes(chunk) for chunk in chunks)
    assert len(data) % WIDTH == 0
    return [int.from_bytes(data[at : at + WIDTH], "big") for at in range(0, len(data), WIDTH)]


class Part:
    """What a stream of a random flow knows about itself. Mixed into the classes below."""

    #: Raised by the next call of its hook.
    failure = None
    #: What its hook is at work on: a Completion, and what it gives.
    under_way = None

    def prepare(self):
        # The errors that must come out of it: what it was destroyed or failed with, while it was up.
        self.due = []

    def trip(self):
        """Raise what the stream is to fail with."""
        if self.failure is not None:
            error, self.failure = self.failure, None
            self.note(error)
            raise error

    def note(self, error):
        if error is not None and not self.destroyed:
            self.due.append(error)

    def give_up(self, error):
        self.note(error)
        self.destroy(error)

    def hold(self, value):
        assert self.under_way is None, "one call at a time"
        self.under_way = Completion(), value
        return self.under_way[0]

    def settle(self, error=None):
        (completion, value), self.under_way = self.under_way, None
        if error is None:
            self.settled(value)
            completion.resolve(value if isinstance(self, Transform) else None)
        else:
            self.note(error)
            completion.reject(error)

    def settled(self, value):
        """The held call has done its work."""


# ---- sources


class Supply:
    """What a source has still to give: chunks, None for the end, or an exception to fail with."""

    #: Whether a chunk without bytes is "nothing yet", as for push().
    empty = True

    def supply(self, *items):
        for item in items:
            if item != b"" or self.empty:
                self.stock.append(item)
        self.offer()

    def offer(self):
        """There may be more in stock than before."""

    def begin(self):
        self.prepare()
        self.stock = deque()

    def next(self):
        item = self.stock.popleft()
        if isinstance(item, Exception):
            self.note(item)
            raise item
        return item


class Pushing(Supply, Part, Readable):
    """Pushes as long as push() asks for more."""

    wanted = False

    def __init__(self, mark):
        self.begin()
        super().__init__(high_water_mark=mark)

    def _read(self, size):
        self.wanted = True
        self.offer()

    def offer(self):
        while self.wanted and self.stock:
            self.wanted = False
            try:
                item = self.next()
            except Failure as error:
                self.destroy(error)
            else:
                self.wanted = self.push(item)


class Returning(Supply, Part, Readable):
    """Returns what there is, and pushes one chunk for each read where there was nothing."""

    empty = False
    wanted = False

    def __init__(self, mark):
        self.begin()
        super().__init__(high_water_mark=mark)

    def _read(self, size):
        if self.stock:
            item = self.next()
            return b"" if item is None else item
        self.wanted = True
        return None

    def offer(self):
        if self.wanted and self.stock:
            self.wanted = False
            try:
                item = self.next()
            except Failure as error:
                self.destroy(error)
            else:
                self.push(item)


class Completing(Supply, Part, Readable):
    """Completes a read when there is something."""

    empty = False
    read_under_way = None

    def __init__(self, mark):
        self.begin()
        super().__init__(high_water_mark=mark)

    def _read(self, size):
        self.read_under_way = done = Completion()
        self.offer()
        return done

    def offer(self):
        if self.read_under_way is not None and self.stock:
            done, self.read_under_way = self.read_under_way, None
            try:
                item = self.next()
            except Failure as error:
                done.reject(error)
            else:
                done.resolve(b"" if item is None else item)


class Awaiting(Supply, Part, Readable):
    """An ``async`` read, which waits for what is not there."""

    empty = False
    arrival = None

    def __init__(self, mark):
        self.begin()
        super().__init__(high_water_mark=mark)

    async def _read(self, size):
        await asyncio.sleep(0)
        while not self.stock:
            self.arrival = asyncio.get_running_loop().create_future()
            await self.arrival
        item = self.next()
        return b"" if item is None else item

    def offer(self):
        if self.arrival is not None and not self.arrival.done():
            self.arrival.set_result(None)


class Written(Supply, Part, PassThrough):
    """Written by a writer that waits when it is told to."""

    def __init__(self, mark):
        self.begin()
        super().__init__(high_water_mark=mark)
        self.on("drain", self.offer)

    def offer(self):
        while self.stock and self.writable and not self.writable_need_drain:
            try:
                item = self.next()
            except Failure as error:
                self.destroy(error)
                return
            if item is None:
                self.end()
            else:
                self.write(item)


SOURCES = [Pushing, Returning, Completing, Awaiting, Written]


# ---- stages: each gives what it gets


class Passing(Part, PassThrough):
    def __init__(self, mark):
        self.prepare()
        super().__init__(high_water_mark=mark)


class Transforming(Part, Transform):
    def __init__(self, mark):
        self.prepare()
        super().__init__(high_water_mark=mark)

    def _transform(self, chunk):
        self.trip()
        return bytes(chunk)


class TransformingLater(Transforming):
    async def _transform(self, chunk):
        await asyncio.sleep(0)
        self.trip()
        return bytes(chunk)


class Cutting(Transforming):
    """Gives a chunk in parts, as many at a time as there is room for."""

    def _transform(self, chunk):
        for at in range(0, len(chunk), WIDTH):
            self.trip()
            yield bytes(chunk[at : at + WIDTH])


class CuttingLater(Transforming):
    async def _transform(self, chunk):
        for at in range(0, len(chunk), WIDTH):
            await asyncio.sleep(0)
            self.trip()
            yield bytes(chunk[at : at + WIDTH])


class TransformingWhenTold(Transforming):
    def _transform(self, chunk):
        return self.hold(bytes(chunk))


class Relaying(Part, Duplex):
    """A transform by hand: a Duplex that completes a write when what it gave was wanted."""

    ended = False
    waiting = None

    def __init__(self, mark):
        self.prepare()
        super().__init__(high_water_mark=mark)

    def _write(self, chunk):
        self.trip()
        if self.push(bytes(chunk)):
            return None
        self.waiting = Completion()
        return self.waiting

    def _read(self, size):
        waiting, self.waiting = self.waiting, None
        if waiting is not None:
            waiting.resolve()

    def _final(self):
        self.push(None)


STAGES = [Passing, Transforming, TransformingLater, TransformingWhenTold, Relaying, Cutting, CuttingLater]


# ---- sinks


class Taking(Part, Writable):
    def __init__(self, mark):
        self.prepare()
        self.taken = []
        super().__init__(high_water_mark=mark)

    def _write(self, chunk):
        self.trip()
        self.taken.append(bytes(chunk))

    def settled(self, value):
        self.taken.extend(value)


class TakingLater(Taking):
    async def _write(self, chunk):
        await asyncio.sleep(0)
        self.trip()
        self.taken.append(bytes(chunk))


class TakingWhenTold(Taking):
    def _write(self, chunk):
        return self.hold([bytes(chunk)])


class TakingBatches(Taking):
    def _writev(self, chunks):
        self.trip()
        self.taken.extend(bytes(chunk) for chunk in chunks)


class TakingBatchesWhenTold(TakingWhenTold):
    def _writev(self, chunks):
        return self.hold([bytes(chunk) for chunk in chunks])


SINKS = [Taking, TakingLater, TakingWhenTold, TakingBatches, TakingBatchesWhenTold]
