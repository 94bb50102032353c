"""A subclass may give its attributes any name, because the private attributes of forebay have a prefix."""

import copy
import pickle
import re

import pytest

import forebay
from forebay import Duplex, PassThrough, Readable, Transform, Writable
from support.streams import looped

HOOKS = {"_read", "_write", "_writev", "_final", "_transform", "_flush", "_construct", "_destroy"}
CLASSES = [Readable, Writable, Duplex, Transform, PassThrough]


@pytest.mark.parametrize("cls", CLASSES)
def test_private_attributes_have_a_prefix(cls):
    async def names():
        return set(dir(cls())) | set(getattr(cls(), "__dict__", {}))

    own = {
        name
        for name in forebay.run(names)
        if name.startswith("_") and not name.startswith("__") and name not in HOOKS
    }
    assert {name for name in own if not re.match(r"_[srwt]_|_abc_|_pyx", name)} == set()


@looped
@pytest.mark.parametrize("cls", CLASSES)
async def test_a_stream_is_not_copied(cls):
    # Two objects with one buffer would take each other's chunks.
    for copied in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError):
            copied(cls())


@looped
async def test_a_subclass_with_attributes_of_everyday_names():
    class Numbered(Transform):
        def __init__(self):
            super().__init__()
            self._count = 0
            self._closed = self._end = self._finish = self._queue = self._buffer = "mine"
            self._flow = self._events = self._errored = self._destroyed = self._start = "mine"

        def _fail(self):
            raise AssertionError("called by forebay")

        _tick = _add = _remove = _push = _take = _pause = _resume = _complete = _release = _fail

        def _transform(self, chunk):
            self._count += 1
            return b"%d:%s " % (self._count, chunk)

    stage = Numbered()
    got = []
    await forebay.pipeline(Readable.from_([b"a", b"b", b"c"]), stage, Writable(write=got.append))
    assert b"".join(bytes(chunk) for chunk in got) == b"1:a 2:b 3:c "
    assert stage._count == 3


@looped
async def test_attributes_set_through_a_dict_that_was_taken_before_init():
    class Early(Readable):
        def __init__(self):
            own = vars(self)
            super().__init__()
            own["name"] = "mine"

    stream = Early()
    assert stream.name == "mine"
    assert vars(stream)["name"] == "mine"
