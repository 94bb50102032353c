"""A stream with a limited rate, and its effect on the stages before it.

    python examples/throttled_stream.py [FILE] [--rate 100000] [--target -]

The file is read as fast as the throttle takes it: the pipeline's own counters show that the reader waits, and how
little is in flight while it does.
"""

import argparse
import os

import forebay
from forebay import create_read_stream, create_write_stream, pipeline
from forebay.throttle import throttle


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "file", nargs="?", default=argparse.__file__, help="what to read (default: a module of Python)"
    )
    parser.add_argument("--rate", type=float, default=100_000, help="bytes per second (default: 100000)")
    parser.add_argument("--target", default=os.devnull, help="where to write (default: nowhere)")
    args = parser.parse_args()

    source = create_read_stream(args.file)
    valve = throttle(args.rate, high_water_mark=16_384)
    sink = create_write_stream(args.target)
    await pipeline(source, valve, sink)

    before = valve.stats().writable
    assert before is not None
    print(
        f"{sink.bytes_written} bytes; the reader had to wait {before.stalls} times, {before.stalled:.2f} s in all"
    )
    print(f"at no time did more than {before.peak} bytes wait before the throttle")


if __name__ == "__main__":
    forebay.run(main)
