"""forebay.run(): runs a program and waits for its streams."""

import asyncio

import pytest

import forebay


async def answer():
    await asyncio.sleep(0)
    return 42


def test_a_coroutine():
    assert forebay.run(answer()) == 42


def test_a_coroutine_function():
    assert forebay.run(answer) == 42


def test_a_function_that_returns_a_pipeline():
    taken = []
    forebay.run(lambda: forebay.pipeline([b"1", b"2"], forebay.Writable(write=taken.append)))
    assert taken == [b"1", b"2"]


def test_an_exception_is_raised():
    async def fails():
        raise KeyError("main")

    with pytest.raises(KeyError, match="main"):
        forebay.run(fails)


def test_uvloop():
    pytest.importorskip("uvloop")

    async def loop_name():
        return type(asyncio.get_running_loop()).__module__

    assert forebay.run(loop_name, uvloop=True).startswith("uvloop")
    assert not forebay.run(loop_name).startswith("uvloop")


@pytest.mark.parametrize("wrong", [3, None, "main"])
def test_wrong_arguments_raise(wrong):
    with pytest.raises(forebay.InvalidArgTypeError, match=r"run\(\) needs a coroutine or a function.*got"):
        forebay.run(wrong)


def test_run_inside_a_loop_raises():
    async def main():
        with pytest.raises(RuntimeError, match=r"loop is running|running event loop"):
            forebay.run(answer)

    forebay.run(main)


def test_remaining_tasks_are_cancelled():
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

    assert forebay.run(main).cancelled()
    assert ended == [1]


def test_ctrl_c_in_a_callback_ends_the_program_although_a_stream_never_closes():
    def interrupted():
        raise KeyboardInterrupt

    async def main():
        source = forebay.Readable(read=lambda size: None, destroy=lambda error: forebay.Completion())
        asyncio.get_running_loop().call_soon(interrupted)
        await forebay.pipeline(source, forebay.Writable(write=lambda chunk: None))

    with pytest.raises(KeyboardInterrupt):
        forebay.run(main)
