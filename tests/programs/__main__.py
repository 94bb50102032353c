"""Try to break forebay by random programs, for as long as you like. From the folder tests:

    python -m programs --hours 8
    python -m programs --kind chains --count 1000 --seed 7 --loop uvloop

Each program makes streams of a kind and uses them: some in the middle of a collection, of a hook, or of their end; some fail,
are destroyed or cancelled. What they give is compared with a simple model, and nothing may be left of them. Programs whose order
depends on nothing else have to give the same trace on both backends. One that breaks a rule is made as small as possible, and
printed with the command that runs it again.
"""

import argparse
import json
import os
import sys
import time

from programs.kinds import KINDS
from programs.search import Search, Workers
from support.loops import LOOPS


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m programs")
    parser.add_argument("--kind", action="append", choices=KINDS, help="only this kind; may be given again")
    parser.add_argument("--loop", choices=LOOPS, default="asyncio")
    parser.add_argument("--hours", type=float, default=0.0, help="how long to search")
    parser.add_argument(
        "--count", type=int, default=0, help="how many programs of each kind, if there is no time"
    )
    parser.add_argument("--seed", default=str(time.time_ns()), help="the name of the first program")
    parser.add_argument("--most", type=int, default=10, help="stop after so many findings")
    parser.add_argument("--draws", help="run one program of these draws, a JSON list")
    parser.add_argument("--backends", default="c,python", help="the first one runs all kinds")
    return parser.parse_args()


def main() -> int:
    options = arguments()
    kinds = options.kind or list(KINDS)
    backends = options.backends.split(",")
    counts = dict.fromkeys(kinds, 0)
    findings = 0
    with Workers(options.loop) as workers:
        if options.draws is not None:
            why = Search(workers, kinds[0], backends).again(json.loads(options.draws))
            print(why or "It breaks no rule.")
            return int(why is not None)
        print(f"seed {options.seed}", flush=True)
        end = time.monotonic() + options.hours * 3600
        while min(counts.values()) < options.count if options.count else time.monotonic() < end:
            for kind in kinds:
                search = Search(workers, kind, backends)
                for _ in range(min(100, options.count or 100)):
                    finding = search.seed(f"{options.seed} {counts[kind]}")
                    counts[kind] += 1
                    if finding is not None:
                        findings += 1
                        print(f"{finding}\n", flush=True)
                        if findings == options.most:
                            return 1
    print(", ".join(f"{count} {kind}" for kind, count in counts.items()), f"programs; {findings} findings")
    return int(findings > 0)


if __name__ == "__main__":
    os.environ.setdefault("FOREBAY_BACKEND", "c")
    sys.exit(main())
