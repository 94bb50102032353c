"""The memory of a process through which much more data passes than it may hold."""

import subprocess
import sys
from pathlib import Path

import pytest

MODULES = {
    "gzip": "zlib",
    "zstd": "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd",
    "lz4": "lz4.frame",
    "xz": "lzma",
}
PROGRAM = """
import asyncio
from forebay import Readable, Writable, pipeline
from forebay.codecs import compress, decompress

def peak():
    # The peak that getrusage() tells has been that of the parent.
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))

chunk = bytes(range(256)) * 256

async def main():
    await pipeline([b"x"], compress("gzip"), decompress(), Writable(write=lambda chunk: None))
    before = peak()
    chunks = (chunk for _ in range(16 * {mebibytes}))
    stages = compress({name!r}, threads={threads}), decompress()
    await pipeline(Readable.from_(chunks, object_mode=False), *stages, Writable(write=lambda chunk: None))
    print(peak() - before)

asyncio.run(main())
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
@pytest.mark.parametrize(
    ("name", "threads", "mebibytes"), [("gzip", 1, 192), ("zstd", 2, 192), ("lz4", 1, 192), ("xz", 2, 48)]
)
def test_much_data_needs_less_than_32_mib(name, threads, mebibytes):
    pytest.importorskip(MODULES[name])
    code = PROGRAM.format(name=name, threads=threads, mebibytes=mebibytes)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100)
    assert done.stderr == ""
    assert int(done.stdout) < 32 * 1024
