"""The newer operators keep the rules of a Readable: `forebay.testing` reads, pauses, fails and destroys each of them."""

from concurrent.futures import Executor, Future

import pytest

from forebay import Readable, StreamTimeoutError
from forebay.testing import check_readable
from support.streams import looped


class AtOnce(Executor):
    """An executor that makes each call when it is submitted, in the caller's thread."""

    def submit(self, fn, /, *args, **options):
        future = Future()
        try:
            future.set_result(fn(*args, **options))
        except Exception as error:
            future.set_exception(error)
        return future


POOL = AtOnce()


def numbers(n=6):
    return Readable.from_(range(n))


def text():
    return Readable.from_([b"abcde"], object_mode=False)


def silent():
    stream = Readable(object_mode=True, read=lambda size: None)
    stream.push(0)
    return stream


MADE = {
    "zip": (lambda: numbers().zip(range(6)), [(i, i) for i in range(6)], 1),
    "zip_strict": (lambda: numbers().zip(range(6), strict=True), [(i, i) for i in range(6)], 1),
    "chunks": (lambda: numbers(5).chunks(2), [[0, 1], [2, 3], [4]], 1),
    "blocks": (lambda: text().chunks(2), [b"ab", b"cd", b"e"], 1),
    "window": (lambda: numbers(4).window(2), [[0, 1], [1, 2], [2, 3]], 1),
    "take_while": (lambda: numbers(9).take_while(lambda i: i < 4), [0, 1, 2, 3], 1),
    "drop_while": (lambda: numbers().drop_while(lambda i: i < 2), [2, 3, 4, 5], 1),
    "timeout": (lambda: numbers().timeout(50), list(range(6)), 1),
    "rate": (lambda: numbers().rate(items_per_second=1e6), list(range(6)), 1),
    "rate_of_bytes": (lambda: Readable.from_([b"abc"] * 3).rate(bytes_per_second=1e7), [b"abc"] * 3, 1),
    "executor": (lambda: numbers().map(str, executor=POOL), list("012345"), 1),
    "executor_chunk": (lambda: numbers().map(str, executor=POOL, chunk=4), list("012345"), 4),
    "executor_flat_map": (lambda: numbers(4).flat_map(range, executor=POOL), [0, 0, 1, 0, 1, 2], 3),
}
FAILING = {
    "zip_strict": (lambda: numbers(3).zip(range(2), strict=True), [(0, 0), (1, 1)], ValueError),
    "timeout": (lambda: silent().timeout(0.01), [0], StreamTimeoutError),
    "take_while": (lambda: numbers().take_while(lambda i: 1 / (2 - i)), [0, 1], ZeroDivisionError),
    "executor": (lambda: numbers().map(lambda i: 1 // (2 - i), executor=POOL), [0, 1], ZeroDivisionError),
}


@looped
@pytest.mark.parametrize("name", MADE)
async def test_an_operator_keeps_the_rules(name):
    make, expected, burst = MADE[name]
    await check_readable(make, expected=expected, burst=burst)


@looped
@pytest.mark.parametrize("name", FAILING)
async def test_an_operator_that_fails_keeps_the_rules(name):
    make, expected, error = FAILING[name]
    await check_readable(make, expected=expected, fails=error)
