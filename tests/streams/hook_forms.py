"""Every form of a hook: plain, async, Completion, and others."""

import asyncio

import pytest

from forebay import Completion, Duplex, Readable, Writable
from support.streams import quiet


class Boom(Exception):
    """What the hooks of these tests fail with."""


def plain(value):
    return value


async def coroutine(value):
    return value


async def slow_coroutine(value):
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return value


def future(value):
    done = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(done.set_result, value)
    return done


def completion(value):
    done = Completion()
    done.resolve(value)
    return done


def completion_later(value):
    done = Completion()
    asyncio.get_running_loop().call_soon(done.resolve, value)
    return done


def raises(value):
    raise Boom


async def coroutine_raises(value):
    raise Boom


async def slow_coroutine_raises(value):
    await asyncio.sleep(0)
    raise Boom


def future_fails(value):
    done = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(done.set_exception, Boom())
    return done


def rejects(value):
    done = Completion()
    done.reject(Boom())
    return done


def rejects_later(value):
    done = Completion()
    asyncio.get_running_loop().call_soon(done.reject, Boom())
    return done


def resolves_twice(value):
    done = completion(value)
    done.resolve(value)
    return done


def resolves_twice_later(value):
    done = completion_later(value)
    asyncio.get_running_loop().call_soon(done.resolve, value)
    return done


def resolves_twice_at_once(value):
    done = Completion()

    def twice():
        done.resolve(value)
        done.resolve(value)

    asyncio.get_running_loop().call_soon(twice)
    return done


DONE = (plain, coroutine, slow_coroutine, future, completion, completion_later)
FAILS = (
    raises,
    coroutine_raises,
    slow_coroutine_raises,
    future_fails,
    rejects,
    rejects_later,
)
TWICE = (resolves_twice, resolves_twice_later, resolves_twice_at_once)
done_ways = pytest.mark.parametrize("way", DONE, ids=lambda way: way.__name__)
failing_ways = pytest.mark.parametrize("way", FAILS, ids=lambda way: way.__name__)
double_ways = pytest.mark.parametrize("way", TWICE, ids=lambda way: way.__name__)
forms = pytest.mark.parametrize("form", ["keyword", "method"])
writers = pytest.mark.parametrize("base", [Writable, Duplex], ids=["Writable", "Duplex"])


def make(base, form, hooks, **options):
    """A stream with the hooks given in one of the two forms."""
    if base is Duplex:
        hooks = {"read": lambda size: None, **hooks}
    if form == "keyword":
        return base(**hooks, **options)

    def method(hook):
        return lambda self, *args: hook(*args)

    return type("Mine", (base,), {f"_{name}": method(hook) for name, hook in hooks.items()})(**options)


class Log:
    """What happened to a stream."""

    def __init__(self, stream):
        self.stream = stream
        self.events = []
        self.errors = []
        self.data = []
        for name in ("end", "finish", "close"):
            stream.on(name, lambda name=name: self.events.append(name))
        stream.on("error", self._failed)
        if isinstance(stream, Readable):
            stream.on("data", self.data.append)

    def _failed(self, error):
        self.events.append("error")
        self.errors.append(error)

    async def until_closed(self):
        if "close" not in self.events:
            gone = asyncio.get_running_loop().create_future()
            self.stream.once("close", lambda: gone.set_result(None))
            await gone
        await quiet()
        return self

    def failed_with(self, kind):
        """One error of the kind, then 'close', and nothing else."""
        return self.events[-2:] == ["error", "close"] and [type(error) for error in self.errors] == [kind]


def once_only(way, value, calls, then=plain):
    """A hook that is done in the way under test the first time, and at once from then on."""

    def hook(*args):
        calls.append(args)
        return way(value) if len(calls) == 1 else then(None)

    return hook
