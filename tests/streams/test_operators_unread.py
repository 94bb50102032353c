"""Operators that are destroyed before they are read."""

import pytest

from forebay import Readable
from support.streams import closed

UNREAD = [
    lambda s: s.map(str),
    lambda s: s.filter(bool, concurrency=3),
    lambda s: s.flat_map(lambda item: [item]),
    lambda s: s.take(3),
    lambda s: s.chunks(2),
    lambda s: s.window(2),
    lambda s: s.timeout(60),
    lambda s: s.rate(items_per_second=1000),
    lambda s: s.zip([1, 2]),
]


@pytest.mark.parametrize("operator", UNREAD)
def test_an_operator_destroyed_before_it_is_read_destroys_its_source(run, operator):
    async def main():
        source = Readable(read=lambda size: None, object_mode=True)
        result = operator(source)
        result.destroy()
        assert await closed(result) is None
        await closed(source)
        assert source.destroyed

    run(main)


@pytest.mark.parametrize("operator", UNREAD)
@pytest.mark.parametrize("read", [lambda s: s.to_list(), lambda s: s.map(str).chunks(2).to_list()])
def test_taking_nothing_destroys_the_whole_chain(run, operator, read):
    async def main():
        source = Readable(read=lambda size: None, object_mode=True)
        result = operator(source)
        assert await read(result.take(0)) == []
        await closed(source)
        assert source.destroyed
        assert result.destroyed

    run(main)
