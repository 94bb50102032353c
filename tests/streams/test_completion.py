"""The class Completion; test_hooks tests each kind of hook with a Completion."""

import asyncio

import pytest

from forebay import (
    Completion,
    InvalidArgTypeError,
    InvalidReturnValueError,
    MultipleCompletionError,
    Writable,
)
from support.streams import closed, looped


def test_settled_property():
    done = Completion()
    assert done.settled is False
    done.resolve()
    assert done.settled is True
    failed = Completion()
    failed.reject(ValueError())
    assert failed.settled is True


def test_reject_needs_an_exception():
    done = Completion()
    for wrong in (None, "text", ValueError):
        with pytest.raises(InvalidArgTypeError, match=r"reject\(\) needs an exception, got"):
            done.reject(wrong)
    assert not done.settled


@looped
async def test_stream_continues_inside_resolve():
    pending = []
    taken = []

    def write(chunk):
        taken.append(chunk)
        pending.append(Completion())
        return pending[-1]

    sink = Writable(write=write)
    sink.write(b"1")
    sink.write(b"2")
    assert taken == [b"1"]
    pending[0].resolve()
    assert taken == [b"1", b"2"]
    pending[1].resolve()
    sink.end()
    assert await closed(sink) is None


@looped
async def test_reject_reports_the_same_exception_object():
    pending = Completion()
    sink = Writable(write=lambda chunk: pending)
    sink.write(b"1")
    error = OSError("disk")
    pending.reject(error)
    assert sink.errored is error
    assert await closed(sink) is error


@looped
async def test_one_completion_for_two_calls_is_an_error():
    done = Completion()
    done.resolve()
    sink = Writable(write=lambda chunk: done)
    sink.write(b"1")
    sink.write(b"2")
    error = await closed(sink)
    assert isinstance(error, InvalidReturnValueError)
    assert "make a new one for each call" in str(error)


@looped
async def test_completion_of_a_destroyed_stream_has_no_effect():
    pending = Completion()
    sink = Writable(write=lambda chunk: pending)
    told = []
    sink.write(b"1", callback=told.append)
    sink.destroy()
    assert await closed(sink) is None
    pending.resolve()
    await asyncio.sleep(0)
    assert told == [None]
    assert sink.errored is None


@looped
async def test_second_resolve_after_the_stream_continued():
    pending = []

    def write(chunk):
        pending.append(Completion())
        return pending[-1]

    sink = Writable(write=write)
    sink.write(b"1")
    sink.write(b"2")
    pending[0].resolve()
    pending[0].resolve()
    assert isinstance(await closed(sink), MultipleCompletionError)
