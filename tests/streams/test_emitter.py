"""EventEmitter: the called listeners, their order, and the exceptions of emit()."""

import asyncio
import functools
import gc
import random
import sys
import weakref

import pytest

from forebay import EventEmitter, InvalidArgTypeError, Readable, StreamError, Writable
from support.interpreter import failing_allocations
from support.streams import closed, looped, quiet, reported


@pytest.fixture
def emitter():
    return EventEmitter()


def test_listeners_are_called_in_order_with_the_arguments(emitter):
    calls = []
    emitter.on("x", lambda *args: calls.append((1, args)))
    emitter.on("x", lambda *args: calls.append((2, args)))
    for args in ((), (1,), (1, 2), (1, 2, 3)):
        assert emitter.emit("x", *args) is True
        assert calls == [(1, args), (2, args)]
        calls.clear()


def test_emit_without_a_listener_returns_false(emitter):
    assert emitter.emit("x") is False
    assert emitter.emit("x", 1) is False
    assert emitter.emit("x", 1, 2) is False


def test_on_and_once_return_the_emitter(emitter):
    assert emitter.on("x", print) is emitter
    assert emitter.once("x", print) is emitter
    assert emitter.prepend_listener("x", print) is emitter
    assert emitter.prepend_once_listener("x", print) is emitter
    assert emitter.off("x", print) is emitter
    assert emitter.remove_all_listeners() is emitter


@pytest.mark.parametrize("name", ["on", "once", "add_listener"])
def test_decorator_form_returns_the_function(emitter, name):
    calls = []

    @getattr(emitter, name)("x")
    def listener(value):
        calls.append(value)

    assert callable(listener)
    emitter.emit("x", 7)
    listener(8)
    assert calls == [7, 8]


@pytest.mark.parametrize("count", [0, 1, 2])
def test_once_is_called_for_the_first_event_only(emitter, count):
    calls = []
    emitter.once("x", lambda *args: calls.append(args))
    args = tuple(range(count))
    assert emitter.emit("x", *args)
    assert not emitter.emit("x", *args)
    assert calls == [args]


def test_once_listener_is_removed_before_its_call(emitter):
    counts = []
    emitter.once("x", lambda: counts.append(emitter.listener_count("x")))
    emitter.emit("x")
    assert counts == [0]


@pytest.mark.parametrize("others", [0, 1])
def test_once_fires_once_in_nested_emissions(emitter, others):
    calls = []
    nested = []

    def first():
        if not nested:
            nested.append(True)
            emitter.emit("x")

    emitter.on("x", first)
    emitter.once("x", lambda: calls.append("once"))
    for _ in range(others):
        emitter.on("x", lambda: calls.append("other"))
    emitter.emit("x")
    assert calls == ["once"] + ["other"] * others * 2


def test_prepended_listeners_come_first(emitter):
    calls = []
    emitter.on("x", lambda: calls.append("on"))
    emitter.prepend_listener("x", lambda: calls.append("first"))
    emitter.prepend_once_listener("x", lambda: calls.append("once"))
    emitter.emit("x")
    emitter.emit("x")
    assert calls == ["once", "first", "on", "first", "on"]


def test_off_removes_the_latest_registration(emitter):
    calls = []

    def one():
        calls.append(1)

    emitter.on("x", one).on("x", lambda: calls.append(2)).on("x", one)
    emitter.off("x", one)
    emitter.emit("x")
    assert calls == [1, 2]


def test_off_removes_a_once_listener(emitter):
    emitter.once("x", print)
    emitter.off("x", print)
    assert emitter.listener_count("x") == 0
    assert emitter.event_names() == []


def test_off_of_a_bound_method(emitter):
    calls = []
    emitter.on("x", calls.append)
    emitter.off("x", calls.append)
    emitter.emit("x", 1)
    assert calls == []


def test_off_of_an_unknown_listener_changes_nothing(emitter):
    emitter.off("x", print)
    emitter.on("x", print)
    emitter.off("x", len)
    emitter.off("y", print)
    assert emitter.listeners("x") == [print]


def test_an_emission_goes_to_the_listeners_of_its_start(emitter):
    calls = []

    def late():
        calls.append("late")

    def gone():
        calls.append("gone")

    def first():
        calls.append("first")
        emitter.on("x", late)
        emitter.off("x", gone)

    emitter.on("x", first).on("x", gone)
    emitter.emit("x")
    assert calls == ["first", "gone"]
    calls.clear()
    emitter.off("x", first)
    emitter.emit("x")
    assert calls == ["late"]


def test_a_single_listener_that_adds_another(emitter):
    calls = []
    emitter.once("x", lambda: emitter.on("x", lambda: calls.append(1)))
    emitter.emit("x")
    assert calls == []
    emitter.emit("x")
    assert calls == [1]


def test_remove_all_listeners(emitter):
    emitter.on("x", print).on("x", len).on("y", print)
    emitter.remove_all_listeners("x")
    assert emitter.event_names() == ["y"]
    emitter.remove_all_listeners("nothing")
    emitter.remove_all_listeners()
    assert emitter.event_names() == []
    assert EventEmitter().remove_all_listeners().event_names() == []


def test_listeners_and_counts(emitter):
    assert emitter.listeners("x") == []
    assert emitter.listener_count("x") == 0
    emitter.on("x", print).once("x", len).prepend_listener("x", max)
    assert emitter.listeners("x") == [max, print, len]
    assert emitter.listener_count("x") == 3
    assert emitter.event_names() == ["x"]


def test_the_list_of_listeners_is_a_copy(emitter):
    emitter.on("x", print).on("x", len)
    emitter.listeners("x").clear()
    assert emitter.listener_count("x") == 2


def test_an_error_without_a_listener_is_raised(emitter):
    error = KeyError("k")
    with pytest.raises(KeyError) as caught:
        emitter.emit("error", error)
    assert caught.value is error
    with pytest.raises(StreamError, match="'error' event without a listener: 'text'"):
        emitter.emit("error", "text")
    with pytest.raises(StreamError):
        emitter.emit("error")
    with pytest.raises(KeyError):
        emitter.emit("error", error, "more")


def test_an_error_with_a_listener_is_not_raised(emitter):
    seen = []
    emitter.on("error", seen.append)
    error = KeyError("k")
    assert emitter.emit("error", error)
    assert seen == [error]


@pytest.mark.parametrize("args", [(), (1,), (1, 2)])
@pytest.mark.parametrize("name", ["on", "once"])
@pytest.mark.parametrize("others", [0, 1, 30])
def test_emit_raises_after_all_listeners_ran(emitter, name, others, args):
    calls = []

    def fails(*_):
        raise ZeroDivisionError

    getattr(emitter, name)("x", fails)
    for _ in range(others):
        emitter.on("x", lambda *_: calls.append(1))
    with pytest.raises(ZeroDivisionError):
        emitter.emit("x", *args)
    assert calls == [1] * others


def test_second_exception_becomes_a_note_without_a_loop(emitter):
    def fails(*_):
        raise ZeroDivisionError("first")

    def fails_too(*_):
        raise KeyError("second")

    emitter.on("x", fails).on("x", fails_too)
    with pytest.raises(ZeroDivisionError) as caught:
        emitter.emit("x")
    assert caught.value.__notes__ == ["another listener of 'x' raised KeyError('second')"]


@looped
async def test_a_second_exception_goes_to_the_loop():
    emitter = EventEmitter()
    errors = [ValueError(1), ValueError(2), ValueError(3)]

    def fails(error):
        raise error

    for error in errors:
        emitter.on("x", functools.partial(fails, error))
    with reported() as contexts, pytest.raises(ValueError, match="1") as caught:
        emitter.emit("x")
    assert caught.value is errors[0]
    assert [context["exception"] for context in contexts] == errors[1:]


@pytest.mark.parametrize("name", ["on", "once", "prepend_listener", "prepend_once_listener"])
def test_wrong_arguments(emitter, name):
    with pytest.raises(InvalidArgTypeError, match=r"event must be a str.*got 3"):
        getattr(emitter, name)(3, print)
    with pytest.raises(InvalidArgTypeError, match="listener of 'x' must be callable, got 3"):
        getattr(emitter, name)("x", 3)
    assert emitter.event_names() == []


def test_subclasses_have_attributes_and_weak_references():
    class Mine(EventEmitter):
        def __init__(self):
            self.value = 3

    mine = Mine()
    calls = []
    mine.on("x", calls.append).emit("x", mine.value)
    assert calls == [3]
    assert weakref.ref(mine)() is mine


@looped
async def test_a_coroutine_listener_runs_as_a_task():
    emitter = EventEmitter()
    got = asyncio.get_running_loop().create_future()

    async def listener(value):
        await asyncio.sleep(0)
        got.set_result(value)

    emitter.on("x", listener)
    emitter.emit("x", 5)
    assert not got.done()
    assert await got == 5


@looped
@pytest.mark.parametrize("args", [(), (1,), (1, 2)])
async def test_a_failing_coroutine_listener_of_a_plain_emitter_is_reported(args):
    emitter = EventEmitter()
    error = ValueError("no")

    async def listener(*_):
        raise error

    emitter.on("x", listener)
    with reported() as contexts:
        emitter.emit("x", *args)
        await quiet()
    assert [context["exception"] for context in contexts] == [error]


@looped
async def test_a_failing_coroutine_listener_destroys_its_stream():
    stream = Readable(read=lambda size: None)
    error = ValueError("no")

    async def listener(chunk):
        raise error

    stream.on("data", listener)
    stream.push(b"x")
    assert await closed(stream) is error


@looped
async def test_a_coroutine_listener_that_fails_after_destroy_is_reported():
    stream = Readable(read=lambda size: None)
    error = ValueError("no")

    async def listener():
        raise error

    stream.on("close", listener)
    with reported() as contexts:
        stream.destroy()
        await quiet()
    assert [context["exception"] for context in contexts] == [error]


def test_listeners_without_memory_loses_no_reference(emitter):
    testcapi = failing_allocations()

    def listener():
        raise AssertionError("not to be called")

    for _ in range(40):
        emitter.once("x", listener)
    references = sys.getrefcount(listener)
    failures = 0
    for allocations in range(30):
        testcapi.set_nomemory(allocations, allocations + 1)
        try:
            emitter.listeners("x")
        except MemoryError:
            failures += 1
        finally:
            testcapi.remove_mem_hooks()
    assert failures > 0
    assert sys.getrefcount(listener) == references


@looped
async def test_only_coroutines_returned_by_listeners_are_awaited():
    emitter = EventEmitter()
    awaited = []

    class Request(Writable):
        def __await__(self):
            awaited.append(self)
            yield from ()

    emitter.on("done", Request().destroy)
    emitter.emit("done")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert awaited == []


class Alike:
    """A listener that equals others."""

    def __init__(self, number):
        self.number = number

    def __call__(self):
        return None

    def __eq__(self, other):
        return isinstance(other, Alike) and self.number == other.number

    def __hash__(self):
        return self.number


def listener_of(number):
    return lambda: number


@pytest.mark.parametrize("collecting", [False, True])
@pytest.mark.parametrize("odd", [False, True])
@pytest.mark.parametrize("seed", range(8))
def test_many_listeners_behave_like_a_plain_list(seed, odd, collecting):
    choose = random.Random(seed)
    fns = [listener_of(number) for number in range(60)] + [Alike(n // 2) for n in range(8 if odd else 0)]
    emitter = EventEmitter()
    expected = []
    thresholds = gc.get_threshold()
    gc.set_threshold(1 if collecting else thresholds[0])
    try:
        for _ in range(400):
            fn = choose.choice(fns)
            what = choose.choices(
                ["on", "once", "prepend_listener", "prepend_once_listener", "off", "emit"],
                [40, 10, 10, 5, 28, 2],
            )[0]
            if what == "emit":
                emitter.emit("x")
                expected = [entry for entry in expected if "once" not in entry[1]]
            else:
                getattr(emitter, what)("x", fn)
                if what.startswith("prepend"):
                    expected.insert(0, (fn, what))
                elif what != "off":
                    expected.append((fn, what))
                else:
                    places = [at for at, entry in enumerate(expected) if entry[0] == fn]
                    if places:
                        del expected[places[-1]]
            assert [id(each) for each in emitter.listeners("x")] == [id(entry[0]) for entry in expected]
            assert emitter.listener_count("x") == len(expected)
    finally:
        gc.set_threshold(*thresholds)


def test_off_after_a_once_listener_was_removed():
    emitter = EventEmitter()
    gone, other = listener_of(0), listener_of(1)

    def first():
        emitter.off("x", listener_of(2))

    emitter.once("x", first)
    emitter.once("x", gone)
    for number in range(40):
        emitter.on("x", listener_of(number))
    emitter.emit("x")
    emitter.prepend_listener("x", other)
    emitter.off("x", gone)
    assert emitter.listeners("x")[0] is other
    assert emitter.listener_count("x") == 41
