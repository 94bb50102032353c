"""Run one load and print its samples as JSON: ``python -m benchmarks.soaks NAME OPERATIONS LOOP SECONDS``."""

from __future__ import annotations

import json
import sys

import forebay
from benchmarks.soaks.loads import LOADS


def main(arguments: list[str]) -> None:
    name, count, loop, seconds = arguments
    print(json.dumps(forebay.run(LOADS[name](int(count), float(seconds)), uvloop=loop == "uvloop")))


if __name__ == "__main__":
    main(sys.argv[1:])
