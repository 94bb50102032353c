"""Long chains of streams that work in each other's calls, or hold each other; arguments: the chain, how long, the stack.

Run with ``small``, on a thread with 512 KiB of stack; an overflow of it kills the process.
"""

import asyncio
import functools
import gc
import itertools
import sys
import threading

from forebay import (
    AbortController,
    Completion,
    Duplex,
    EventEmitter,
    PassThrough,
    Readable,
    Transform,
    Writable,
    add_abort_signal,
    compose,
    finished,
    merge,
    next_tick,
    once,
    pipeline,
    share,
)


def numbers():
    return Readable.from_(range(3))


def silent(size):
    """A _read that brings nothing."""


async def items_of(stream):
    return [item async for item in stream]


async def until(condition):
    for _ in range(3000):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came to its end")


async def expect(error, awaitable):
    try:
        await awaitable
    except error:
        return
    raise AssertionError(f"no {error.__name__}")


def wrapped(stream, length, wrap):
    for _ in range(length):
        stream = wrap(stream)
    return stream


# ---- each reads the one before it


async def maps(length):
    stream = wrapped(numbers(), length, lambda source: source.map(lambda x: x + 1))
    assert await items_of(stream) == [length, length + 1, length + 2]


async def async_maps(length):
    async def plus_one(x):
        return x + 1

    stream = wrapped(numbers(), length, lambda source: source.map(plus_one))
    assert await items_of(stream) == [length, length + 1, length + 2]


async def flat_maps(length):
    assert await items_of(wrapped(numbers(), length, lambda source: source.flat_map(lambda x: [x]))) == [
        0,
        1,
        2,
    ]


async def filters_flow(length):
    stream = wrapped(numbers(), length, lambda source: source.filter(lambda x: x != 1))
    seen = []
    stream.on("data", seen.append)
    await finished(stream)
    assert seen == [0, 2]


async def maps_to_list(length):
    stream = wrapped(numbers(), length, lambda source: source.map(lambda x: x + 1))
    assert await stream.to_list() == [length, length + 1, length + 2]


async def maps_given_up(length):
    stream = wrapped(first := numbers(), length, lambda source: source.map(lambda x: x))
    async for _ in stream:
        break
    await until(lambda: first.closed)


async def maps_fail(length):
    def fail(size):
        asyncio.get_running_loop().call_soon(first.destroy, ValueError("broken"))

    first = Readable(object_mode=True, read=fail)
    stream = wrapped(first, length, lambda source: source.map(lambda x: x))
    await expect(ValueError, items_of(stream))


async def reads(length):
    def reading(source):
        def read(size):
            item = source.read()
            if item is not None:
                stream.push(item)

        stream = Readable(object_mode=True, read=read)
        source.on("readable", lambda: read(1))
        source.on("end", lambda: stream.push(None))
        return stream

    assert await items_of(wrapped(numbers(), length, reading)) == [0, 1, 2]


async def froms(length):
    assert await items_of(wrapped(numbers(), length, Readable.from_)) == [0, 1, 2]


async def merges(length):
    assert await items_of(wrapped(numbers(), length, merge)) == [0, 1, 2]


async def shares(length):
    assert await items_of(wrapped(numbers(), length, lambda source: share(source).subscribe())) == [0, 1, 2]


# ---- each writes to the next one


async def pipes(length):
    first = PassThrough(object_mode=True)
    last = wrapped(first, length, lambda source: source.pipe(PassThrough(object_mode=True)))
    first.end(1)
    assert await items_of(last) == [1]


async def pipelines(length):
    stages = [PassThrough(object_mode=True) for _ in range(length)]
    assert await pipeline(numbers(), *stages, items_of) == [0, 1, 2]


async def pipelines_fail(length):
    stages = [PassThrough(object_mode=True) for _ in range(length)]
    await expect(
        ZeroDivisionError, pipeline(numbers(), *stages, Writable(object_mode=True, write=lambda _: 1 / 0))
    )


async def writes(length):
    seen = []
    write = seen.append
    streams = []
    for _ in range(length):
        streams.append(Writable(object_mode=True, write=lambda chunk, write=write: (write(chunk), None)[1]))
        write = streams[-1].write
    told = []
    write(1)
    streams[-1].write(2, callback=told.append)
    await until(lambda: len(seen) == 2 and told)
    assert seen == [1, 2]
    assert told == [None]
    assert not any(stream.destroyed for stream in streams)


async def transforms(length):
    seen = []
    write = seen.append
    streams = []
    for _ in range(length):
        stream = Transform(object_mode=True, transform=lambda chunk: chunk + 1)
        stream.on("data", write)
        streams.append(stream)
        write = stream.write
        await asyncio.sleep(0) if len(streams) % 1000 == 0 else None
    await asyncio.sleep(0)
    write(0)
    await until(lambda: seen)
    assert seen == [length]


async def pushes(length):
    streams = [Readable(object_mode=True, read=silent) for _ in range(length)]
    seen = []
    for stream, following in itertools.pairwise(streams):
        stream.on("data", following.push)
    streams[-1].on("data", seen.append)
    await asyncio.sleep(0)
    streams[0].push(1)
    streams[0].push(2)
    await until(lambda: len(seen) == 2)
    assert seen == [1, 2]


async def composed(length):
    stream = wrapped(
        PassThrough(object_mode=True),
        length,
        lambda inner: compose(inner, Transform(object_mode=True, transform=lambda x: x + 1)),
    )
    stream.end(1)
    assert await items_of(stream) == [length + 1]


async def duplexes(length):
    stream = wrapped(
        PassThrough(object_mode=True),
        length,
        lambda inner: Duplex.from_({"readable": inner, "writable": inner}),
    )
    stream.end(1)
    assert await items_of(stream) == [1]


# ---- each one's end, or its error, is the next one's


async def ends(length):
    streams = [Writable(write=silent) for _ in range(length)]
    for stream, following in itertools.pairwise(streams):
        stream.on("finish", following.end)
    streams[0].end()
    await until(lambda: streams[-1].writable_finished)


async def destroys(length):
    streams = []
    following = None
    for _ in range(length):
        destroy = silent if following is None else lambda error, other=following: (other.destroy(), None)[1]
        following = Writable(write=silent, destroy=destroy)
        streams.append(following)
    following.destroy()
    await until(lambda: streams[0].closed)


async def watches(length):
    streams = [PassThrough() for _ in range(length)]
    seen = []

    def done(watch, act):
        watch.exception()
        act()

    for stream, following in zip(streams, [*streams[1:], None], strict=True):
        act = following.destroy if following is not None else lambda: seen.append(1)
        finished(stream).add_done_callback(functools.partial(done, act=act))
    streams[0].destroy()
    await until(lambda: seen)


async def completions(length):
    waiting = [Completion() for _ in range(length)]
    streams = [Writable(object_mode=True, write=lambda _, done=done: done) for done in waiting]
    told = []
    for stream, following in zip(streams, [*waiting[1:], None], strict=True):
        if following is None:
            stream.write(1, callback=told.append)
        else:
            stream.write(1, callback=lambda error, following=following: following.resolve())
    waiting[0].resolve()
    await until(lambda: told)
    assert told == [None]


async def rejections(length):
    waiting = [Completion() for _ in range(length)]
    streams = [Writable(object_mode=True, write=lambda _, done=done: done) for done in waiting]
    told = []
    for stream, following in zip(streams, [*waiting[1:], None], strict=True):
        stream.on("error", told.append if following is None else following.reject)
        stream.write(1)
    waiting[0].reject(ValueError("broken"))
    await until(lambda: told)
    assert [type(error) for error in told] == [ValueError]


async def ticks(length):
    seen = []

    def tick(left):
        if left:
            next_tick(tick, left - 1)
        else:
            seen.append(1)

    tick(length)
    await until(lambda: seen)


async def waits(length):
    emitters = [EventEmitter() for _ in range(length)]

    async def relay(emitter, following):
        await once(emitter, "event")
        following.emit("event")

    tasks = [asyncio.ensure_future(relay(*pair)) for pair in itertools.pairwise(emitters)]
    last = asyncio.ensure_future(once(emitters[-1], "event"))
    await asyncio.sleep(0)
    emitters[0].emit("event")
    await last
    await asyncio.gather(*tasks)


async def aborts(length):
    controller = AbortController()
    seen = []
    for _ in range(length):
        add_abort_signal(controller.signal, PassThrough()).on("error", seen.append)
    controller.abort()
    await until(lambda: len(seen) == length)


# ---- a chain that is released


async def dropped_maps(length):
    wrapped(numbers(), length, lambda source: source.map(str))


async def dropped_pipes(length):
    wrapped(PassThrough(), length, lambda source: source.pipe(PassThrough()))
    gc.collect()


async def dropped_listeners(length):
    def listening(inner):
        stream = Readable(object_mode=True, read=silent)
        stream.pause()
        stream.on("data", inner.push)
        return stream

    wrapped(Readable(object_mode=True, read=silent), length, listening)


async def dropped_hooks(length):
    wrapped(Writable(write=silent), length, lambda inner: Writable(write=inner.write))


async def dropped_chunks(length):
    def holding(inner):
        stream = Readable(object_mode=True, read=silent)
        stream.push(inner)
        return stream

    wrapped(numbers(), length, holding)


async def dropped_completions(length):
    def holding(done):
        stream = Writable(object_mode=True, write=lambda _: waiting)
        waiting = Completion()
        stream.write(1, callback=done.resolve)
        return waiting

    wrapped(Completion(), length, holding)
    gc.collect()


def main(name, length, stack):
    errors = []

    async def program():
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: errors.append(context))
        await globals()[name](length)
        await asyncio.sleep(0)

    def run():
        try:
            asyncio.run(program())
        except BaseException as error:
            errors.append(error)

    if stack == "small":
        threading.stack_size(512 * 1024)
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    else:
        run()
    if errors:
        raise SystemExit(f"{len(errors)} errors, the first of them: {str(errors[0])[:2000]}")
    print("done")


main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
