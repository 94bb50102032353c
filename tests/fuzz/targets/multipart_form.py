"""multipart/form-data."""

from forebay import RecordError, TruncatedDataError
from forebay.formats import multipart
from fuzz.oracles import Finding, cuts, run, same

TYPE = "multipart/form-data; boundary=x"
SEEDS = [
    b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
    b'--x\r\nContent-Disposition: form-data; name="f"; filename="b.txt"\r\nContent-Type: text/plain\r\n\r\n'
    b"line\r\n--xy\r\n\r\n--x--\r\n",
    b"--x--\r\n",
    b"--x\r\nContent-Disposition: form-data; name=\"\xc3\xa9\"; filename*=UTF-8''%e2%82%ac\r\n\r\n\r\n--x--",
]


async def parts(pieces):
    stream = multipart.parse(TYPE, max_parts=20, header_limit=500, field_limit=400, file_limit=400)
    for piece in pieces:
        stream.write(piece)
    stream.end()
    got = []
    try:
        async for part in stream:
            content = b""
            got.append([part.name, part.filename, dict(part.headers), content])
            async for chunk in part:
                got[-1][3] += chunk
    except (RecordError, TruncatedDataError) as error:
        return got, type(error).__name__
    except Exception as error:
        raise Finding(f"an error that is not documented: {error!r:.300}") from error
    return got, None


def one(data):
    async def all_ways():
        return [await parts(pieces) for pieces in cuts(data)]

    outcomes = run(all_ways())
    # The part in which a limit is exceeded may have been read up to another byte.
    for got, kind in outcomes:
        if kind is not None and got:
            got[-1][3] = b""
    same(outcomes)
