"""What every target checks: documented errors only, and one result for the same bytes in any pieces."""

import asyncio
import random
import zlib

from forebay import Readable, compose


class Finding(AssertionError):
    """A parser did what it must not do."""


_runner = None


def run(awaitable, seconds=20):
    """Run a coroutine on the loop of all targets. A hang is a finding."""
    global _runner
    if _runner is None:
        _runner = asyncio.Runner()
        _runner.get_loop().set_exception_handler(_reported)

    async def bounded():
        try:
            async with asyncio.timeout(seconds):
                return await awaitable
        except TimeoutError as error:
            raise Finding(f"no end after {seconds} seconds") from error

    try:
        result = _runner.run(bounded())
    finally:
        reports, _reports[:] = list(_reports), []
    if reports:
        raise Finding(f"reported: {reports[0]}") from reports[0].get("exception")
    return result


def close():
    """Close the loop of all targets."""
    global _runner
    if _runner is not None:
        _runner.close()
        _runner = None


_reports = []


def _reported(loop, context):
    _reports.append(context)


def cuts(data):
    """Return the same bytes in several ways of cutting them, always the same ones for the same bytes."""
    chance = random.Random(zlib.crc32(data))
    ways = [[data]]
    if len(data) <= 2000:
        ways.append([data[at : at + 1] for at in range(len(data))])
    for most in (3, 40):
        pieces, at = [], 0
        step = max(most, len(data) // 500)
        while at < len(data):
            size = chance.randrange(1, step + 1)
            pieces.append(data[at : at + size])
            at += size
        ways.append(pieces)
    return ways


def same(outcomes):
    """Check that all outcomes are the same."""
    first = outcomes[0]
    for other in outcomes[1:]:
        if other != first:
            raise Finding(f"other pieces, another result\n  whole:  {first!r:.600}\n  pieces: {other!r:.600}")


async def outcome(make, pieces, errors):
    """Return what a stage gives for the pieces, and its error. Another error than ``errors`` is a finding."""
    source = Readable.from_(pieces, object_mode=False)
    got = []
    try:
        async for item in compose(source, make()):
            got.append(item)
    except errors as error:
        return got, type(error).__name__, str(error)
    except Exception as error:
        raise Finding(f"an error that is not documented: {error!r:.300}") from error
    return got, None, None


def check_stage(make, data, errors, *, joined=False, texts=True):
    """Give a stage the same bytes in several pieces. Return what it gives, and the name of its error.

    ``joined``: only the sum of what it gives counts. ``texts``: whether the kinds and the texts of errors are the same.
    """

    async def all_ways():
        outcomes = []
        for pieces in cuts(data):
            got, kind, text = await outcome(make, pieces, errors)
            outcomes.append(
                (
                    b"".join(got) if joined else got,
                    kind if texts or kind is None else "error",
                    text if texts else None,
                )
            )
        return outcomes

    outcomes = run(all_ways())
    if outcomes[0][1] is not None:
        # An error drops what its reader has not taken yet, and that depends on the pieces.
        longest = max((got for got, *_ in outcomes), key=len)
        outcomes = [(longest if longest[: len(got)] == got else got, *error) for got, *error in outcomes]
    same(outcomes)
    return outcomes[0]
