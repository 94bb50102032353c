"""Run calls at the same time, each in a thread of its own."""

import faulthandler
import threading
import time
import traceback
from collections.abc import Callable

import pytest


def run_together(*calls: Callable[[], None], deadline: float = 90) -> None:
    """Run each call in a thread of its own, all from one barrier, and raise what any of them raised."""
    barrier = threading.Barrier(len(calls))
    failures: list[str] = []

    def run(call: Callable[[], None]) -> None:
        try:
            barrier.wait(10)
            call()
        except BaseException:
            failures.append(traceback.format_exc())

    threads = [threading.Thread(target=run, args=(call,), daemon=True) for call in calls]
    for thread in threads:
        thread.start()
    end = time.monotonic() + deadline
    for thread in threads:
        thread.join(max(0, end - time.monotonic()))
    if failures:
        pytest.fail("\n".join(failures))
    if any(thread.is_alive() for thread in threads):
        faulthandler.dump_traceback()
        pytest.fail("a thread waits forever")
