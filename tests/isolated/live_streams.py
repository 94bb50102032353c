"""A program that ends with streams in every state; it must leave stderr empty."""

import asyncio

import penstock
from penstock import Completion, Duplex, PassThrough, Readable, Transform, Writable


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
    kept.append(penstock.finished(kept[0]))
    kept.append(penstock.pipeline(endless(), PassThrough(), Writable(write=slow)))
    kept.append(kept[3].drain())
    kept.append(penstock.on(kept[0], "data"))
    iterator = Readable.from_(forever()).iterator()
    await anext(iterator)
    kept.append(iterator)
    kept.append(penstock.RingBuffer(64))
    kept.append(penstock.ChunkQueue())
    kept[-1].append(bytearray(b"x"))
    destroyed = Writable(write=slow)
    destroyed.write(b"x")
    destroyed.destroy()
    for _ in range(10):
        await asyncio.sleep(0)


kept = []
penstock.run(main)
