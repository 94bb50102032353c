"""RingBuffer: code that the garbage collector runs inside a call duplicates and loses no byte.

The compiled ring lets it in, before the call's work or after it; the plain one refuses it.
"""

import contextlib
import gc
import importlib
import os
import random
import sys
from collections import Counter

import pytest

ROUNDS = int(os.environ.get("FOREBAY_EXAMPLES", "30"))


class Garbage:
    """A cycle; it is used where the collector finds it."""

    def __init__(self, act):
        self.me = self
        self.act = act

    def __del__(self):
        with contextlib.suppress(RuntimeError):
            self.act()


def collect_soon(choose):
    """The collector is to run at the first, second, ... container that is made from here on."""
    gc.set_threshold(choose.randrange(1, 12), 10_000, 10_000)
    gc.enable()


@contextlib.contextmanager
def threshold_kept():
    before = gc.get_threshold()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.enable()


def test_garbage_collection_may_use_the_ring(ring_cls, monkeypatch):
    failures = []
    monkeypatch.setattr(sys, "unraisablehook", lambda args: failures.append(args.exc_value))
    for seed in range(ROUNDS):
        choose = random.Random(seed)
        ring = ring_cls(64)
        put, taken = Counter(), Counter()

        def write(choose=choose, ring=ring, put=put):
            data = choose.randbytes(choose.randrange(1, 20))
            collect_soon(choose)
            size = ring.write(data)
            gc.disable()
            put.update(data[:size])

        def read(choose=choose, ring=ring, taken=taken):
            size = choose.randrange(1, 20)
            collect_soon(choose)
            data = ring.read(size)
            gc.disable()
            taken.update(data)

        def read_into(choose=choose, ring=ring, taken=taken):
            target = bytearray(choose.randrange(1, 20))
            collect_soon(choose)
            size = ring.readinto(target)
            gc.disable()
            taken.update(target[:size])

        acts = [write, read, read_into]
        with threshold_kept():
            for _ in range(40):
                Garbage(choose.choice(acts))
                choose.choice(acts)()
            gc.collect()
        taken.update(ring.read(64))
        assert failures == [], f"seed {seed}"
        assert taken == put, f"seed {seed}"


def test_plain_ring_refuses_nested_calls():
    ring = importlib.import_module("forebay._buffers.ring_py").RingBuffer(64)
    with ring._turn:
        with pytest.raises(RuntimeError, match="in the middle of a call"):
            ring.write(b"x")
        assert len(ring) == 0
    assert ring.write(b"x") == 1
