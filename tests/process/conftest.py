"""Each test of this folder leaves no child process behind, and no zombie."""

import os
from pathlib import Path

import pytest

from support.loops import eventually


def stat_of(pid):
    """The state and the parent of a process; None if there is none."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return fields[0], int(fields[1])


def children():
    """The children of this process, with their states."""
    found = {}
    for name in os.listdir("/proc"):
        stat = stat_of(name) if name.isdigit() else None
        if stat is not None and stat[1] == os.getpid():
            found[int(name)] = stat[0]
    return found


@pytest.fixture(autouse=True)
def no_child_is_left():
    before = children()
    yield
    assert eventually(lambda: children().keys() <= before.keys()), children()


@pytest.fixture
def alive():
    """``alive(pid)``: whether a process runs; a zombie does not."""

    def look(pid):
        stat = stat_of(pid)
        return stat is not None and stat[0] not in "ZX"

    return look
