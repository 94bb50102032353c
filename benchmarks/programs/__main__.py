"""Run one program: ``python -m benchmarks.programs NAME [key=value ...]``.

Two parameters are for all: ``loop=asyncio|uvloop`` and ``mark=BYTES``, the default high-water mark of streams of bytes.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import forebay
from benchmarks.programs._bench import run_program
from benchmarks.programs.catalogue import find_program


def value_of(text: str) -> Any:
    for convert in (int, float):
        try:
            return convert(text)
        except ValueError:
            pass
    return text


def main(arguments: list[str]) -> int:
    if not arguments:
        print("the name of a program is needed", file=sys.stderr)
        return 2
    name, *pairs = arguments
    function = find_program(name)
    parameters = {key: value_of(value) for key, _, value in (pair.partition("=") for pair in pairs)}
    uvloop = parameters.pop("loop", "asyncio") == "uvloop"
    if "mark" in parameters:
        forebay.set_default_high_water_mark(False, parameters.pop("mark"))

    async def report_and_leave() -> None:
        print(json.dumps(await run_program(function, **parameters)), flush=True)
        # The result is printed. The deallocation of millions of objects is not measured.
        os._exit(0)

    forebay.run(report_and_leave, uvloop=uvloop)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
