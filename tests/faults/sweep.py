"""Run a scenario again and again, each time with another system call failing, and report what breaks the rules.

    LD_PRELOAD=failing_calls.so python -m faults.sweep --folder F --certificate C --key K echo copy

After a fault there is the right data or an error. Nothing else is reported, and no descriptor, thread, task or file is left. No
run hangs or works without end.
"""

import argparse
import contextlib
import faulthandler
import json
import random
from pathlib import Path

from faults.rules import SECONDS, observe
from faults.scenarios import OF_ASYNCIO, SCENARIOS, Place
from faults.shim import FAIL, FAULTS, Fault, Shim
from support.loops import LOOPS, open_fds

# How many times the usual system calls a run may make: after a fault a program may go on in small pieces.
MOST_WORK = 50


class Sweep:
    """The runs of some scenarios on one kind of loop. ``most`` is how many calls of a function are tried with each fault."""

    def __init__(self, place: Place, loop: str, most: int, seed: int) -> None:
        self.place = place
        self.shim = Shim()
        self.loop = loop
        self.most = most
        self.random = random.Random(seed)
        self.runs = 0
        self.violations: list[str] = []

    def scenario(self, name: str) -> None:
        functions = dict.fromkeys(fault.function for fault in FAULTS)
        for function in sorted(functions.keys() - OF_ASYNCIO.get(name, set())):
            counting = Fault(function, FAIL, 0)
            self.once(name, counting, -1, None)
            count, usual = self.shim.calls(), self.shim.all_calls()
            for fault in FAULTS:
                if fault.function == function:
                    for number in self.numbers(count):
                        self.once(name, fault, number, usual)

    def numbers(self, count: int) -> list[int]:
        """The numbers of the calls to change: the first ones, the last one, and some in between."""
        every = range(1, count + 1)
        if count <= self.most:
            return list(every)
        first = self.most // 2
        return [*every[:first], *sorted(self.random.sample(every[first:-1], self.most - first - 1)), count]

    def once(self, name: str, fault: Fault, number: int, usual: int | None) -> None:
        """Run the scenario with one fault. ``usual`` is the number of system calls without one."""
        self.place.clear()
        self.runs += 1
        changed = 0

        def begin() -> None:
            self.shim.spare(set(map(int, open_fds())))
            self.shim.arm(fault, number)

        def end() -> None:
            nonlocal changed
            changed = self.shim.disarm()

        faulthandler.dump_traceback_later(3 * SECONDS, exit=True)
        observed = observe(self.loop, lambda: SCENARIOS[name](self.place), begin, end)
        broken = list(observed.broken(name, self.place))
        faulthandler.cancel_dump_traceback_later()
        if observed.error is not None and not changed:
            broken.append(f"fails without a fault: {observed.error!r}")
        calls = self.shim.all_calls()
        if usual is not None and calls > MOST_WORK * usual + 1000:
            broken.append(f"makes {calls} system calls instead of {usual}")
        self.violations += [f"{name} on {self.loop}, call {number} of {fault}: {rule}" for rule in broken]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--certificate", required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--loop", default="asyncio", choices=LOOPS)
    parser.add_argument(
        "--most", type=int, default=6, help="calls of a function that are tried with each fault"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("scenarios", nargs="+", choices=SCENARIOS)
    options = parser.parse_args()
    place = Place(options.folder, options.certificate, options.key)
    with contextlib.suppress(FileExistsError):
        options.folder.mkdir()
    place.prepare()
    sweep = Sweep(place, options.loop, options.most, options.seed)
    for name in options.scenarios:
        sweep.scenario(name)
    print(json.dumps({"runs": sweep.runs, "violations": sweep.violations}))


if __name__ == "__main__":
    main()
