"""The StreamReader of forebay.asyncio against the one of asyncio, over the same pieces."""

import asyncio

from forebay.asyncio import StreamReader
from fuzz.oracles import Finding, cuts, run

SEEDS = [
    b"lnu\nab\r\ncd\n\n",
    b"eeexact bytes and more\n",
    b"nlllu\n\n\n\n\n",
    b"ru\r\n\r\n" + b"x" * 200 + b"\n",
]
LIMIT = 64


async def calls(reader, script, pieces, fed_first):
    got = []

    async def feed():
        for piece in pieces:
            reader.feed_data(piece)
            await asyncio.sleep(0)
        reader.feed_eof()

    if fed_first:
        await feed()
        feeding = None
    else:
        feeding = asyncio.ensure_future(feed())
    for byte in script:
        try:
            kind = byte % 6
            if kind == 0:
                got.append(await reader.readline())
            elif kind == 1:
                got.append(await reader.readexactly(byte >> 2))
            elif kind == 2:
                got.append(await reader.readuntil(b"\r\n"))
            elif kind == 3:
                got.append(await reader.readuntil(b"\n"))
            elif kind == 4:
                got.append(reader.at_eof())
            else:
                # How much read() returns depends on when it is called.
                got.append(len(await reader.read(byte >> 5)) <= byte >> 5)
                break
        except asyncio.IncompleteReadError as error:
            got.append(("incomplete", error.partial, error.expected))
        except asyncio.LimitOverrunError as error:
            got.append(("overrun", error.consumed))
            break
        except ValueError as error:
            got.append(("value", str(error)))
    if feeding is not None:
        await feeding
    return got


def one(data):
    script, _, rest = data[:64].partition(b"\n")
    rest = rest + data[64:]

    async def all_ways():
        for pieces in cuts(rest):
            for fed_first in (False, True):
                ours = await calls(StreamReader(limit=LIMIT), script, pieces, fed_first)
                theirs = await calls(asyncio.StreamReader(limit=LIMIT), script, pieces, fed_first)
                if ours != theirs:
                    raise Finding(
                        f"ours {ours!r:.400}\ntheirs {theirs!r:.400}\nfor {script!r} {pieces!r:.400}"
                    )

    run(all_ways())
