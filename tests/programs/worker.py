"""Runs random programs that it is told on its standard input, one JSON object a line, and tells what came of each.

A request has the ``kind`` and the ``loop``, and a ``seed`` or the ``draws``. With ``tell``, the path of a file, each draw is
written there before it is used, for a program that crashes the interpreter. The answer has the ``trace`` as one number, or
whole with ``whole``; or the ``error`` and the ``draws``.
"""

import faulthandler
import gc
import hashlib
import json
import os
import sys
import time
import traceback
from typing import Any

from forebay._core.scheduling import ticks
from programs.choices import Choices
from programs.guard import SECONDS, run_program
from programs.kinds import KINDS, STEADY

__all__ = ["answer"]


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Run one program."""
    # A flow that has kept the loop for long gives it its turn, so that the order would depend on the time.
    ticks.thread_time = (lambda: 0.0) if request["kind"] in STEADY else time.thread_time
    told = None
    if request.get("tell"):
        told = os.open(request["tell"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    choices = Choices(
        f"{request['kind']} {request.get('seed')}",
        request.get("draws"),
        (lambda value: None) if told is None else lambda value: os.write(told, b"%d\n" % value),
    )
    try:
        trace = run_program(KINDS[request["kind"]], choices, request["loop"])
    except Exception as error:
        # Its frames hold the program, and with it descriptors.
        text = "".join(traceback.format_exception(error))
        traceback.clear_frames(error.__traceback__)
        return {"error": text, "draws": choices.drawn, "parts": choices.parts}
    finally:
        if told is not None:
            os.close(told)
    if request.get("whole"):
        return {"trace": trace, "draws": choices.drawn, "parts": choices.parts}
    return {"trace": hashlib.sha256("\n".join(trace).encode()).hexdigest()[:16]}


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for number, line in enumerate(sys.stdin):
        if number % 200 == 0:
            gc.collect()
            gc.freeze()
        faulthandler.dump_traceback_later(2 * SECONDS, exit=True)
        result = json.dumps(answer(json.loads(line)))
        faulthandler.cancel_dump_traceback_later()
        answers.write(result + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
