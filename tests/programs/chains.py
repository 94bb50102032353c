"""Random chains of operators over random sources, against the same work on a list."""

import asyncio
import gc
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from forebay import (
    AbortController,
    AbortError,
    Completion,
    Duplex,
    PassThrough,
    Readable,
    StreamError,
    Transform,
    Writable,
    compose,
    finished,
    merge,
    pipeline,
    share,
)
from programs.choices import Choices
from programs.guard import Failure, settled

__all__ = ["Chain"]

FAULTS = ("none", "none", "function", "source", "destroy", "destroy inside", "abort", "cancel")


def weight(item: Any) -> int:
    """A number for an item of any operator."""
    if isinstance(item, (list, tuple)):
        return sum(map(weight, item)) + len(item)
    return int(item)


def frozen(item: Any) -> Any:
    return tuple(map(frozen, item)) if isinstance(item, (list, tuple)) else item


class Chain:
    """A source, up to five operators and a way to read the last one. ``items`` is what has to come out.

    ``ordered`` is False where streams may pass items in another order than they came.
    """

    def __init__(self, draw: Choices) -> None:
        self.draw = draw
        self.trace: list[str] = []
        self.fault = draw.pick(FAULTS)
        self.at = draw.below(30)
        self.calls = 0
        self.ordered = True
        self.streams: list[Readable[Any]] = []
        #: Each with the tasks that read other consumers, and what these have to get.
        self.shares: list[tuple[Any, ...]] = []
        self.writers: list[asyncio.Task[None]] = []
        self.abort = AbortController()
        self.got: list[Any] = []
        self.struck = False

    # ---- what the program notes

    def note(self, text: str) -> None:
        if len(self.trace) < 2000:
            self.trace.append(text)

    def watch(self, stream: Any) -> Any:
        number = len(self.streams)
        self.streams.append(stream)
        for name in ("end", "error", "close"):
            stream.on(
                name,
                lambda *args, name=name: self.note(
                    f"{number}:{name} {type(args[0]).__name__ if args else ''}"
                ),
            )
        return stream

    def called(self, name: str, item: Any) -> None:
        """A function of the program is called."""
        self.calls += 1
        self.note(f"{name}({frozen(item)})")
        if self.calls != self.at:
            return
        if self.fault == "function":
            self.struck = True
            raise Failure(name)
        if self.fault == "destroy inside":
            self.strike()
        if self.draw.one_in(3):
            gc.collect()

    def strike(self) -> None:
        self.struck = True
        self.note("strike")
        self.draw.pick(self.streams).destroy(self.draw.pick([None, Failure("destroyed")]))

    # ---- sources

    def source(self, items: list[Any]) -> Any:
        """A stream of the items, in one of many ways."""
        fails = self.fault == "source" and not self.struck and self.draw.below(2) == 0
        stop = min(self.draw.below(12), len(items)) if fails else None
        if fails:
            self.struck = True

        def each() -> Iterable[Any]:
            for place, item in enumerate(items):
                if place == stop:
                    raise Failure("source")
                yield item
            if stop == len(items):
                raise Failure("source")

        async def later() -> Any:
            for item in each():
                for _ in range(self.draw.below(3)):
                    await asyncio.sleep(0)
                yield item

        left = iter(each())

        stream: Any = None

        def some(stream: Any) -> None:
            for _ in range(1 + self.draw.below(3)):
                item = next(left, None)
                stream.push(item)
                if item is None:
                    return

        class Source(Readable[Any]):
            def _read(self, size: int) -> None:
                some(self)

        def next_or_end() -> Any:
            item = next(left, None)
            if item is None:
                stream.push(None)
            return item

        async def one(size: int) -> Any:
            await asyncio.sleep(0)
            return next_or_end()

        def promised(size: int) -> Any:
            completion = Completion()
            asyncio.get_running_loop().call_soon(give, completion)
            return completion

        def give(completion: Completion) -> None:
            try:
                completion.resolve(next_or_end())
            except Failure as error:
                completion.reject(error)

        async def fill(through: Any) -> None:
            try:
                for item in each():
                    await through.send(item)
                through.end()
            except (Failure, StreamError) as error:
                through.destroy(error)

        kind = self.draw.below(6)
        mark = self.draw.pick([16, 1, 2, 0])
        if kind == 1:
            return self.watch(Readable.from_(later()))
        if kind == 2:
            return self.watch(Source(object_mode=True, high_water_mark=mark))
        if kind == 3:
            stream = Readable(read=one, object_mode=True, high_water_mark=mark)
            return self.watch(stream)
        if kind == 4:
            stream = Readable(read=promised, object_mode=True, high_water_mark=mark)
            return self.watch(stream)
        if kind == 5:
            through = self.watch(PassThrough(object_mode=True, high_water_mark=max(mark, 1)))
            self.writers.append(asyncio.ensure_future(fill(through)))
            return self.watch(through.drop(0))
        return self.watch(Readable.from_(each()))

    def numbers(self) -> list[int]:
        first = self.draw.below(5)
        return list(range(first, first + self.draw.below(40)))

    # ---- operators: each returns the stream and what it gives

    def function(self, name: str, result: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """A function of a chunk: a plain one, one that is a coroutine, or one that waits a few turns."""
        turns = self.draw.pick([None, None, 0, 1, 3])

        def plain(item: Any) -> Any:
            self.called(name, item)
            return result(item)

        async def waits(item: Any) -> Any:
            self.called(name, item)
            for _ in range(weight(item) % (turns + 1) if turns else 0):
                await asyncio.sleep(0)
            return result(item)

        return plain if turns is None else waits

    def calls_at_once(self, keeps_order: bool = True) -> dict[str, Any]:
        options: dict[str, Any] = {}
        if self.draw.one_in(2):
            options["concurrency"] = 1 + self.draw.below(4)
            if self.draw.one_in(3):
                options["window"] = self.draw.below(4)
            if not keeps_order and self.draw.one_in(3):
                options["ordered"] = False
                self.ordered = False
        if self.draw.one_in(4):
            options["signal"] = self.abort.signal
        return options

    def operator(self, stream: Any, items: list[Any]) -> tuple[Any, list[Any]]:
        draw = self.draw
        steady = ["map", "filter", "tap", "flat_map", "through", "timeout", "merge"]
        placed = ["take", "drop", "take_while", "drop_while", "chunks", "window", "zip", "share"]
        kind = draw.pick(steady + (placed if self.ordered else []))
        if kind == "map":
            fn = self.function(kind, lambda item: weight(item) * 3 + 1)
            stream = stream.map(fn, **self.calls_at_once(False))
            return stream, [weight(item) * 3 + 1 for item in items]
        if kind == "filter":
            cut = 2 + draw.below(3)
            fn = self.function(kind, lambda item: weight(item) % cut)
            stream = stream.filter(fn, **self.calls_at_once(False))
            return stream, [item for item in items if weight(item) % cut]
        if kind == "tap":
            return stream.tap(self.function(kind, lambda item: None), **self.calls_at_once(False)), items
        if kind == "flat_map":
            return self.flat_map(stream, items)
        if kind == "through":
            return self.through(stream, items)
        if kind == "timeout":
            return stream.timeout(50), items
        if kind == "merge":
            more = self.numbers()
            self.ordered = False
            others = [self.source(more)]
            return merge(stream, *others, high_water_mark=draw.pick([None, 0, 3])), items + more
        count = draw.below(12)
        if kind == "take":
            return stream.take(count), items[:count]
        if kind == "drop":
            return stream.drop(count), items[count:]
        if kind == "take_while":
            limit = draw.below(60)
            place = next((n for n, item in enumerate(items) if weight(item) >= limit), len(items))
            return stream.take_while(self.function(kind, lambda item: weight(item) < limit)), items[:place]
        if kind == "drop_while":
            limit = draw.below(60)
            place = next((n for n, item in enumerate(items) if weight(item) >= limit), len(items))
            return stream.drop_while(self.function(kind, lambda item: weight(item) < limit)), items[place:]
        if kind == "chunks":
            size = count + 1
            return stream.chunks(size), [items[n : n + size] for n in range(0, len(items), size)]
        if kind == "window":
            size, step = 1 + draw.below(4), 1 + draw.below(5)
            return (
                stream.window(size, step=step),
                [items[n : n + size] for n in range(0, len(items) - size + 1, step)],
            )
        if kind == "zip":
            others = [self.numbers() for _ in range(1 + draw.below(2))]
            zipped = stream.zip(*[self.source(other) for other in others])
            return zipped, list(zip(items, *others, strict=False))
        return self.share(stream, items)

    def flat_map(self, stream: Any, items: list[Any]) -> tuple[Any, list[Any]]:
        form = self.draw.below(4)

        def several(item: Any) -> list[Any]:
            return [item] * (weight(item) % 3)

        async def later(item: Any) -> Any:
            for each in several(item):
                await asyncio.sleep(0)
                yield each

        def outputs(item: Any) -> Any:
            if form == 1:
                return iter(several(item))
            if form == 2:
                return later(item)
            return Readable.from_(several(item)) if form == 3 else several(item)

        options = self.calls_at_once()
        expected = [each for item in items for each in several(item)]
        return stream.flat_map(self.function("flat_map", outputs), **options), expected

    def through(self, stream: Any, items: list[Any]) -> tuple[Any, list[Any]]:
        """A stage of another kind that makes 0 to 2 chunks of one."""
        draw = self.draw
        kind = draw.below(5)
        mark = {"high_water_mark": draw.pick([16, 1, 2])}

        def doubled(item: Any) -> Any:
            self.called("through", item)
            for _ in range(weight(item) % 3):
                yield item

        async def slowly(item: Any) -> Any:
            self.called("through", item)
            for _ in range(weight(item) % 3):
                await asyncio.sleep(0)
                yield item

        async def whole(source: Any) -> Any:
            async for item in source:
                for each in doubled(item):
                    yield each

        def write(transform: Any, item: Any) -> None:
            for each in doubled(item):
                transform.push(each)

        class Pushing(Transform[Any, Any]):
            def _transform(self, chunk: Any) -> None:
                write(self, chunk)

        stage: Any
        if kind == 0:
            stage = PassThrough(object_mode=True, **mark)
            return compose(stream, self.watch(stage)), items
        if kind == 1:
            stage = Transform(transform=doubled, object_mode=True, **mark)
        elif kind == 2:
            stage = Transform(transform=slowly, object_mode=True, **mark)
        elif kind == 3:
            stage = Pushing(object_mode=True, **mark)
        else:
            stage = Duplex.from_(whole)
        return compose(stream, self.watch(stage)), [item for item in items for _ in range(weight(item) % 3)]

    def share(self, stream: Any, items: list[Any]) -> tuple[Any, list[Any]]:
        shared = share(stream, high_water_mark=1 + self.draw.below(4))
        mine = shared.subscribe()
        branches = []
        for _ in range(self.draw.below(3)):
            other = self.watch(shared.subscribe())
            branches.append((asyncio.ensure_future(self.gather(other)), items, self.ordered))
        self.shares.append((shared, *branches))
        return mine, items

    async def gather(self, stream: Any) -> list[Any]:
        got = []
        async for item in stream:
            got.append(item)
            for _ in range(self.draw.below(3)):
                await asyncio.sleep(0)
        return got

    # ---- reading

    async def read(self, stream: Any, items: list[Any]) -> None:
        """Read the last stream into ``got``, and check the results that are not lists."""
        draw = self.draw
        kind = draw.below(8)
        if kind == 0:
            self.got = await stream.to_list()
        elif kind == 1:
            stop = draw.below(60) if draw.one_in(3) else None
            async for item in stream:
                self.got.append(item)
                if len(self.got) == stop:
                    self.partial = True
                    break
        elif kind == 2:
            await stream.for_each(self.function("each", self.got.append))
        elif kind == 3:
            stream.on("data", self.got.append)
            await finished(stream)
        elif kind == 4:
            completion = draw.one_in(2)

            async def write(item: Any) -> None:
                self.called("write", item)
                if completion:
                    await asyncio.sleep(0)
                self.got.append(item)

            await pipeline(
                stream, self.watch(Writable(write=write, object_mode=True, high_water_mark=1 + draw.below(4)))
            )
        elif kind == 5:
            async for batch in stream.batches():
                assert batch
                self.got += batch
        elif kind == 6:
            total = await stream.reduce(lambda total, item: total + weight(item), 0)
            assert total == sum(map(weight, items)), (total, items)
            self.got = items
        else:
            wanted = draw.below(60)
            name = draw.pick(["some", "every", "find"])
            test = self.function(name, lambda item: weight(item) == wanted)
            result = await getattr(stream, name)(test)
            same = [weight(item) == wanted for item in items]
            if name == "find":
                assert (result is not None and weight(result) == wanted) == any(same), (result, items)
            else:
                assert result is (any(same) if name == "some" else all(same)), (result, items)
            self.got = items

    partial = False

    async def run(self) -> None:
        items: list[Any] = self.numbers()
        stream = self.source(items)
        for _ in range(self.draw.below(6)):
            with self.draw.part():
                stream, items = self.operator(stream, items)
            self.watch(stream)
        reading = asyncio.ensure_future(self.read(stream, items))
        conductor = asyncio.ensure_future(self.conduct(reading))
        error = None
        try:
            await reading
        except (asyncio.CancelledError, Exception) as caught:
            error = caught
        conductor.cancel()
        self.note(f"result {type(error).__name__} {frozen(self.got)}")
        self.check(error, items)
        # The last one first: without a consumer a share keeps its chunks, and holds up the share before it.
        for shared, *branches in reversed(self.shares):
            for task, expected, ordered in branches:
                await self.check_branch(shared, task, expected, ordered)
            shared.cancel()
        if not self.struck and not self.shares:
            # Without help: whoever has read, has closed.
            assert await settled(lambda: all(each.closed for each in self.streams)), self.streams
        for each in self.streams:
            each.destroy()
        await asyncio.wait([*self.writers, conductor])
        assert await settled(lambda: all(each.closed for each in self.streams)), self.streams

    async def conduct(self, reading: "asyncio.Task[None]") -> None:
        if self.fault not in ("destroy", "abort", "cancel"):
            return
        for _ in range(self.at):
            await asyncio.sleep(0)
        if self.fault == "destroy":
            self.strike()
            return
        self.struck = True
        self.note(self.fault)
        if self.fault == "abort":
            self.abort.abort()
        else:
            reading.cancel()

    def check(self, error: BaseException | None, items: list[Any]) -> None:
        if error is not None:
            assert self.struck, f"fails without a reason: {error!r}"
            assert isinstance(error, (Failure, StreamError, AbortError, asyncio.CancelledError)), repr(error)
        self.compare(self.got, items, self.ordered, whole=error is None and not self.partial)

    async def check_branch(self, shared: Any, task: Any, expected: list[Any], ordered: bool) -> None:
        if self.struck:
            # It may wait for what never comes.
            shared.cancel()
        try:
            got = await task
        except (Failure, StreamError, asyncio.CancelledError):
            assert self.struck
            return
        self.compare(got, expected, ordered, whole=not self.struck)

    @staticmethod
    def compare(got: list[Any], items: list[Any], ordered: bool, whole: bool) -> None:
        if ordered:
            assert got == (items if whole else items[: len(got)]), (got, items)
        else:
            missing = Counter(map(frozen, items))
            missing.subtract(map(frozen, got))
            least = min(missing.values(), default=0)
            assert least >= 0, (got, items)
            assert not whole or not any(missing.values()), (got, items)
