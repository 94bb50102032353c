"""Mutations of inputs, the same for the same seed, and a loop that runs them without any library."""

import random

# Text that parsers look for.
TOKENS = [
    *(
        b"\r\n",
        b"\n",
        b"\r",
        b"\r\n\r\n",
        b"\0",
        b" ",
        b"\t",
        b":",
        b";",
        b",",
        b'"',
        b"=",
        b"/",
        b"..",
        b"%2e",
        b"%00",
    ),
    *(
        b"\xff",
        b"\xef\xbb\xbf",
        b"\xc3",
        b"\xe2\x80\xa8",
        b"0",
        b"-1",
        b"+1",
        b"0x10",
        b"1e3",
        b"18446744073709551616",
    ),
    *(
        b"4294967296",
        b"ffffffffffffffff",
        b"9" * 20,
        b"9" * 400,
        b"9" * 5000,
        b"{",
        b"[",
        b"[" * 2000,
        b'{"a":' * 500,
    ),
    *(
        b"Content-Length: ",
        b"Transfer-Encoding: chunked",
        b"Host: a\r\n",
        b"HTTP/1.1",
        b"HTTP/1.0",
        b"GET ",
        b"POST ",
    ),
    *(
        b"Connection: close\r\n",
        b"Expect: 100-continue\r\n",
        b"Upgrade: a\r\n",
        b"bytes=",
        b"--",
        b"\x80" * 12,
        b"null",
        b"NaN",
    ),
]


def mutated(data, others, chance):
    """Return ``data`` after a few random changes. ``others`` are inputs that parts are taken from; ``chance`` is a Random."""
    data = bytearray(data)
    for _ in range(1 << chance.randrange(4)):
        size = len(data)
        at = chance.randrange(size + 1)
        kind = chance.randrange(8)
        if kind == 0 and size:
            data[at % size] ^= 1 << chance.randrange(8)
        elif kind == 1 and size:
            data[at % size] = chance.randrange(256)
        elif kind == 2:
            data[at:at] = chance.choice(TOKENS)
        elif kind == 3 and size:
            del data[at : at + 1 + chance.randrange(min(size, 64))]
        elif kind == 4 and size:
            part = data[at : at + 1 + chance.randrange(min(size, 64))]
            there = chance.randrange(size + 1)
            data[there:there] = part * (1 + chance.randrange(3))
        elif kind == 5:
            token = chance.choice(TOKENS)
            data[at : at + len(token)] = token
        elif kind == 6:
            other = chance.choice(others)
            begin = chance.randrange(len(other) + 1)
            data[at:] = other[begin:]
        else:
            other = chance.choice(others)
            begin = chance.randrange(len(other) + 1)
            data[at:at] = other[begin : begin + chance.randrange(1, 64)]
    return bytes(data[:65536])


def inputs(seeds, seed):
    """Yield the seeds, and then mutations of them without end."""
    yield from seeds
    chance = random.Random(seed)
    while True:
        yield mutated(chance.choice(seeds), seeds, chance)
