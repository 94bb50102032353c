"""A program ends with streams in every state: it ends at once, and its only output names the dropped data."""

import asyncio
import warnings

import forebay
from forebay import Completion, Duplex, PassThrough, Readable, Transform, Writable


async def slow(*args):
    await asyncio.get_running_loop().create_future()


async def forever():
    while True:
        yield b"x"
        await asyncio.sleep(0)


def endless():
    while True:
        yield b"x"


async def main():
    kept.append(Readable())
    kept.append(Writable())
    kept.append(Readable(read=slow))
    kept[-1].resume()
    kept.append(Writable(write=slow))
    kept[-1].write(b"x")
    kept.append(Writable(write=lambda chunk: Completion()))
    kept[-1].write(b"x", callback=print)
    kept.append(Duplex(read=slow, write=slow, construct=slow))
    kept[-1].end(b"x")
    kept.append(Transform(transform=slow))
    kept[-1].write(b"x")
    kept.append(Readable.from_(forever()))
    kept[-1].read(0)
    kept.append(Readable.from_(endless()))
    kept[-1].read(0)
    kept.append(Readable.from_(endless(), object_mode=False))
    kept.append(kept[-1].pipe(PassThrough()).pipe(Writable(write=slow, high_water_mark=1)))
    kept.append(forebay.finished(kept[0]))
    kept.append(forebay.pipeline(endless(), PassThrough(), Writable(write=slow)))
    kept.append(kept[3].drain())
    kept.append(forebay.on(kept[0], "data"))
    iterator = Readable.from_(forever()).iterator()
    await anext(iterator)
    kept.append(iterator)
    kept.append(forebay.RingBuffer(64))
    kept.append(forebay.ChunkQueue())
    kept[-1].append(bytearray(b"x"))
    destroyed = Writable(write=slow)
    destroyed.write(b"x")
    destroyed.destroy()
    for _ in range(10):
        await asyncio.sleep(0)


kept = []
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    forebay.run(main)
texts = [str(each.message) for each in said]
assert all(each.category is ResourceWarning for each in said), texts
assert all(" was dropped with " in text for text in texts), texts
assert texts.count("Writable was dropped with 1 byte in it") == 3, texts
assert sum(text.startswith("Pipeline of endless | PassThrough | Writable was never") for text in texts) == 1
assert len([text for text in texts if text.startswith(("Duplex", "Transform "))]) == 2, texts
