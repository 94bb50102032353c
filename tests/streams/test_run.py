"""penstock.run(): an event loop for a program that is all streams."""

import asyncio

import pytest

import penstock


async def answer():
    await asyncio.sleep(0)
    return 42


def test_a_coroutine():
    assert penstock.run(answer()) == 42


def test_a_coroutine_function():
    assert penstock.run(answer) == 42


def test_a_function_that_returns_a_pipeline():
    taken = []
    penstock.run(lambda: penstock.pipeline([b"1", b"2"], penstock.Writable(write=taken.append)))
    assert taken == [b"1", b"2"]


def test_an_exception_is_raised():
    async def fails():
        raise KeyError("main")

    with pytest.raises(KeyError, match="main"):
        penstock.run(fails)


def test_uvloop():
    pytest.importorskip("uvloop")

    async def loop_name():
        return type(asyncio.get_running_loop()).__module__

    assert penstock.run(loop_name, uvloop=True).startswith("uvloop")
    assert not penstock.run(loop_name).startswith("uvloop")


@pytest.mark.parametrize("wrong", [3, None, "main"])
def test_wrong_arguments(wrong):
    with pytest.raises(penstock.InvalidArgTypeError, match=r"run\(\) needs a coroutine or a function.*got"):
        penstock.run(wrong)


def test_inside_a_loop():
    async def main():
        with pytest.raises(RuntimeError, match=r"loop is running|running event loop"):
            penstock.run(answer)

    penstock.run(main)


def test_tasks_that_are_left_are_cancelled():
    ended = []

    async def forever():
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            ended.append(1)

    async def main():
        task = asyncio.create_task(forever())
        await asyncio.sleep(0)
        return task

    assert penstock.run(main).cancelled()
    assert ended == [1]
