"""The fixture that runs a coroutine on every event loop that there is."""

import asyncio
import importlib.util
import inspect

import pytest

LOOPS = ["asyncio"] + (["uvloop"] if importlib.util.find_spec("uvloop") else [])


@pytest.fixture(params=LOOPS)
def run(request):
    """Run a coroutine, or a function that returns one, to its end; the result is its result."""
    factory = None
    if request.param == "uvloop":
        factory = importlib.import_module("uvloop").new_event_loop

    def runner(main):
        with asyncio.Runner(loop_factory=factory) as loop_runner:
            return loop_runner.run(main if inspect.iscoroutine(main) else main())

    return runner
