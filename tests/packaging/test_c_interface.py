"""A package of another project that is compiled against the installed forebay."""

import importlib.util
import shutil
import struct
import subprocess
import sys
import timeit
from pathlib import Path

import pytest

import forebay

pytestmark = [
    pytest.mark.skipif(forebay.backend != "c", reason="the C interface is that of the compiled backend"),
    pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler"),
    pytest.mark.skipif(importlib.util.find_spec("Cython") is None, reason="needs Cython"),
]

SETUP = """
from setuptools import Extension, setup
from Cython.Build import cythonize
setup(name="records", ext_modules=cythonize([Extension("records", ["records.pyx"])], include_path=[{where!r}]))
"""


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """Build the example in place, and import it."""
    folder = tmp_path_factory.mktemp("records")
    shutil.copy(Path(__file__).parent / "records" / "records.pyx", folder)
    (folder / "setup.py").write_text(SETUP.format(where=str(Path(forebay.__file__).parents[1])))
    command = [sys.executable, "setup.py", "-q", "build_ext", "--inplace"]
    done = subprocess.run(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (module,) = folder.glob("records.*.so")
    spec = importlib.util.spec_from_file_location("records", module)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def test_records_come_back(records):
    assert records.through_ring(forebay.RingBuffer(64), 1000) == sum(range(1000))
    assert records.through_queue(forebay.ChunkQueue(), 1000) == sum(range(1000))


def test_no_bytes_change_nothing(records):
    queue, ring = forebay.ChunkQueue(), forebay.RingBuffer(8)
    last = b"last"
    queue.append(last)
    assert records.put_nothing(queue, ring) == [0, 0, 0, 0, 0]
    assert queue.popleft() is last


def test_the_rules_of_the_ring_hold(records):
    ring = forebay.RingBuffer(4)
    assert records.put_bytes(ring, b"abcdef") == 4
    assert records.put_bytes(ring, b"more") == 0
    assert ring.read(10) == b"abcd"
    with ring.write_view(), pytest.raises(BufferError, match="write_view"):
        records.put_bytes(ring, b"x")
    ring.close()
    with pytest.raises(ValueError, match="closed"):
        records.put_bytes(ring, b"x")


def in_python(ring, count):
    record = struct.Struct("qd")
    total = 0
    for number in range(count):
        ring.write(record.pack(number, 0.5))
        total += record.unpack(ring.read(16))[0]
    return total


def test_speed_is_reported(records):
    ring = forebay.RingBuffer(64)
    assert in_python(ring, 100) == records.through_ring(ring, 100)
    with_objects = min(timeit.repeat(lambda: in_python(ring, 20_000), number=1, repeat=3))
    without = min(timeit.repeat(lambda: records.through_ring(ring, 20_000), number=1, repeat=3))
    print(
        f"a record through the ring: {with_objects * 5e4:.0f} ns in Python, {without * 5e4:.0f} ns compiled"
    )
