"""Run scenarios again and again, each time with another system call failing, and report what breaks the rules.

`sweep` starts this program, and says what the arguments mean. It runs with LD_PRELOAD=failing_calls.so.

After a fault there is the right data or an error. Nothing else is reported, and no descriptor, thread, task, process or file is
left. No run hangs or works without end.
"""

import argparse
import contextlib
import faulthandler
import gc
import json
import random
import time
from pathlib import Path

from faults.place import Place
from faults.rules import SECONDS, observe
from faults.scenarios import OF_ASYNCIO, OF_ASYNCPG, OF_POSTGRES, OF_UVLOOP, SCENARIOS, UNTRUE
from faults.shim import FAIL, FAULTS, Fault, Shim
from support.loops import LOOPS, open_fds

# How many times the usual system calls a run may make: after a fault a program may go on in small pieces.
MOST_WORK = 50
# Seconds of the processor after which a run works without end. A usual one takes a hundredth of a second.
MOST_SECONDS = 8.0
FUNCTIONS = sorted({fault.function for fault in FAULTS})


class Sweep:
    """The runs of some scenarios on one kind of loop.

    ``most`` is how many calls of a function are tried with each fault, and ``kinds`` how many faults of each function. The first
    ``skip`` runs were made by a process that has ended in the next one.
    """

    def __init__(self, place: Place, loop: str, most: int, kinds: int, seed: int, skip: int) -> None:
        self.place = place
        self.shim = Shim()
        self.loop = loop
        self.most = most
        self.kinds = kinds
        self.random = random.Random(seed)
        self.skip = skip
        self.runs = self.faults = self.chosen = 0
        self.violations: list[str] = []
        #: The run that is under way, for the case that it hangs.
        self.current = (place.folder / "current").open("w", buffering=1)

    def scenario(self, name: str) -> None:
        """Try faults of each function that the scenario calls."""
        for number in range(3):
            # The first runs load modules, and open what stays open. The last one counts.
            known = len(self.violations)
            self.once(name, Fault("", FAIL, 0), -1, None)
            if number < 2:
                del self.violations[known:]
        usual = self.shim.all_calls()
        counts = {function: self.shim.calls(function) for function in FUNCTIONS}
        left_out = set(OF_ASYNCIO.get(name, ()))
        if self.loop == "uvloop":
            left_out |= OF_UVLOOP | OF_ASYNCPG.get(name, set())
        untrue = UNTRUE.get(name, ())
        for function in FUNCTIONS:
            if not counts[function] or function in left_out:
                continue
            faults = [
                fault
                for fault in FAULTS
                if fault.function == function and (function, fault.error) not in untrue
            ]
            for fault in self.random.sample(faults, min(self.kinds, len(faults))):
                for number in self.numbers(counts[function]):
                    self.chosen += 1
                    if self.chosen > self.skip:
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

        def arm() -> None:
            self.shim.arm(fault, number)

        def begin() -> None:
            self.shim.spare(set(map(int, open_fds())))
            if name in OF_POSTGRES:
                self.place.begin = arm
            else:
                arm()

        def end() -> None:
            nonlocal changed
            changed = self.shim.disarm()

        what = f"{name} on {self.loop}, call {number} of {fault}"
        self.current.seek(0)
        self.current.write(f"{self.chosen} {self.runs} {self.faults} {what}\n")
        self.current.truncate()
        faulthandler.dump_traceback_later(3 * SECONDS, exit=True)
        before = time.process_time()
        observed = observe(self.loop, lambda: SCENARIOS[name](self.place), begin, end)
        seconds = time.process_time() - before
        broken = list(observed.broken(name, self.place))
        faulthandler.cancel_dump_traceback_later()
        self.faults += changed > 0
        if observed.error is not None and not changed:
            broken.append(f"fails without a fault: {observed.error!r}")
        calls = self.shim.all_calls()
        if usual is not None and calls > MOST_WORK * usual + 1000:
            broken.append(f"makes {calls} system calls instead of {usual}")
        if seconds > MOST_SECONDS:
            broken.append(f"takes {seconds:.1f} seconds of the processor")
        for rule in broken:
            self.violations.append(f"{what}: {rule}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--certificate", required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--postgres")
    parser.add_argument("--loop", default="asyncio", choices=LOOPS)
    parser.add_argument("--most", type=int, default=6)
    parser.add_argument("--kinds", type=int, default=len(FAULTS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--skip", type=int, default=0)
    parser.add_argument("scenarios", nargs="+", choices=SCENARIOS)
    options = parser.parse_args()
    place = Place(options.folder, options.certificate, options.key, options.postgres)
    with contextlib.suppress(FileExistsError):
        options.folder.mkdir()
        place.prepare()
    gc.collect()
    gc.freeze()
    sweep = Sweep(place, options.loop, options.most, options.kinds, options.seed, options.skip)
    for name in options.scenarios:
        sweep.scenario(name)
    outcome = {"runs": sweep.runs, "faults": sweep.faults, "violations": sweep.violations}
    (options.folder / "outcome").write_text(json.dumps(outcome))


if __name__ == "__main__":
    main()
