#!/usr/bin/env python3
"""usage: generate.py [--seed N] [--count N] [--jobs N] [--keep FILE] [--print]

Random programs in the scenario language, run on Node and on forebay; prints those on which the two differ.
Program number k of seed N is the same whatever the count.  --print only prints them, as JSON lines; --keep writes
the programs that differ to a file, for shrink.py.  Node runs with lib/decided.js: what forebay decided
differently is not a difference here, and what cannot be patched into Node (text without an encoding, a Completion
settled twice, exceptions of write hooks, characters outside of UCS-2) the programs do not do.
"""

import argparse
import json
import os
import random
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from compare import expand, first_difference

HERE = os.path.dirname(os.path.abspath(__file__))
NODE = ["node", "--expose-internals", os.path.join(HERE, "run.js"), "-"]
FOREBAY = [sys.executable, os.path.join(HERE, "py", "run.py"), "-"]
AREAS = ["readable", "writable", "duplex", "transform", "pipe", "chain", "fan", "pipeline", "text", "mixed"]


class Program:
    """One scenario, made from a random generator."""

    def __init__(self, seed, number):
        self.r = random.Random(f"{seed}/{number}")
        self.area = self.r.choice(AREAS)
        self.id = f"g{seed}-{number}"
        self.text = self.area == "text"
        self.objects = not self.text and self.r.random() < 0.3
        self.streams = {}
        self.tag = 0
        self.held = []
        self.parts = {"readable": [], "writable": []}

    def chance(self, p):
        return self.r.random() < p

    def name(self):
        self.tag += 1
        return str(self.tag)

    # ---- data and marks
    def chunk(self):
        if self.objects:
            return self.r.choice([1, 2, 3, 0, False, {"o": {"a": 1}}, {"s": "t"}])
        if self.text:
            return {"hex": self.r.choice(["c3", "a9", "c3a9", "e282ac", "e2", "82ac", "61", "6263"])}
        return self.r.choice(["a", "bc", "def", "ghij", "klmnopq", "", {"u8": "uv"}, {"n": 12}])

    def mark(self):
        return self.r.choice([0, 1, 2, 3, 4, 6, 10, 16, 100])

    # ---- scripts
    def reply(self, value=False):
        """How a callback is called: at once, later, or held for a release."""
        cb = ["cb"]
        if value and self.chance(0.8):
            cb = ["cb", None, {"$": "dup" if self.chance(0.3) and not self.objects else "chunk"}]
        elif self.chance(0.05):
            cb = ["cb", self.r.choice(["e1", "e2"])]
        kind = self.r.random()
        if kind < 0.4:
            return [cb]
        if kind < 0.6:
            return [["tick", [cb]]]
        if kind < 0.85:
            return [["immediate", [cb]]]
        if kind < 0.93 and not value:
            key = f"h{self.name()}"
            self.held.append(key)
            return [["hold", key]]
        return [["tick", [["tick", [cb]]]]]

    def script(self, value=False, extra=None):
        calls = [self.reply(value) for _ in range(self.r.randrange(4))]
        for call in calls:
            if extra and self.chance(0.3):
                call.insert(0, extra())
            if self.chance(0.1):
                call.insert(0, ["state", "@"])
        last = self.r.choice([["cb"]] + ([["cb", None, {"$": "chunk"}]] * 3 if value else []))
        return {"calls": calls, "else": self.r.choice([[last], [["tick", [last]]], [["immediate", [last]]]])}

    def read_script(self):
        calls = []
        for _ in range(self.r.randrange(1, 7)):
            ops = [["push", "@", self.chunk()] for _ in range(self.r.choice([0, 1, 1, 1, 2, 3]))]
            kind = self.r.random()
            if kind < 0.3 and ops:
                ops = [["tick", ops]]
            elif kind < 0.6 and ops:
                ops = [["immediate", ops]]
            if self.chance(0.1):
                ops.insert(0, ["state", "@"])
            if self.chance(0.02):
                ops.append(["throw", "rd"])
            calls.append(ops)
        if self.chance(0.7):
            end = [["push", "@", None]]
            calls.append(self.r.choice([end, [["tick", end]], [["immediate", end]]]))
        return {"calls": calls, "else": []}

    def common(self, opts, spec):
        if self.chance(0.15):
            opts["autoDestroy"] = False
        if self.chance(0.1):
            opts["emitClose"] = False
        if self.chance(0.12):
            spec["construct"] = {"calls": [self.reply()], "else": []}
        if self.chance(0.15):
            spec["destroy"] = {"calls": [self.reply()], "else": [["cb"]]}
        spec["opts"] = opts
        return spec

    def readable(self):
        opts = {"hwm": self.mark()}
        if self.objects:
            opts["objectMode"] = True
        if self.text and self.chance(0.6):
            opts["encoding"] = self.r.choice(["utf8", "utf8", "latin1"])
        spec = {"type": "Readable"}
        if self.chance(0.85):
            spec["read"] = self.read_script()
        else:
            spec["read"] = "never"
        return self.common(opts, spec)

    def writing(self, spec):
        spec["write"] = self.script()
        if self.chance(0.3):
            spec["writev"] = self.script()
        if self.chance(0.3):
            spec["final"] = {"calls": [self.reply()], "else": []}

    def writable(self):
        opts = {"hwm": self.mark()}
        if self.objects:
            opts["objectMode"] = True
        spec = {"type": "Writable"}
        self.writing(spec)
        return self.common(opts, spec)

    def duplex(self):
        opts = self.r.choice([{"hwm": self.mark()}, {"rhwm": self.mark(), "whwm": self.mark()}])
        if self.objects:
            opts["objectMode"] = True
        if self.chance(0.2):
            opts["allowHalfOpen"] = False
        if self.chance(0.04):
            opts[self.r.choice(["readable", "writable"])] = False
        spec = {"type": "Duplex", "read": self.read_script()}
        self.writing(spec)
        return self.common(opts, spec)

    def transform(self):
        opts = self.r.choice([{"hwm": self.mark()}, {"rhwm": self.mark(), "whwm": self.mark()}])
        if self.objects:
            opts["objectMode"] = True
        if self.chance(0.15):
            opts["allowHalfOpen"] = False
        if self.chance(0.3):
            return self.common(opts, {"type": "PassThrough"})
        spec = {"type": "Transform"}
        spec["transform"] = self.script(True, lambda: ["push", "@", {"$": "chunk"}])
        if self.chance(0.4):
            reply = self.reply()
            if self.chance(0.5):
                reply.insert(0, ["push", "@", self.chunk()])
            spec["flush"] = {"calls": [reply], "else": [["cb"]]}
        return self.common(opts, spec)

    def add(self, name, kind):
        self.streams[name] = getattr(self, kind)()
        if kind != "writable":
            self.parts["readable"].append(name)
        if kind != "readable":
            self.parts["writable"].append(name)

    # ---- ops
    def body(self, deep):
        """What a listener does."""
        if deep or self.chance(0.45):
            return []
        calls = [[self.op(True)] if self.chance(0.6) else [] for _ in range(self.r.randrange(1, 4))]
        return {"calls": calls, "else": []}

    def op(self, deep=False):
        choices = []
        if self.parts["readable"]:
            choices += [self.reading] * 5
        if self.parts["writable"]:
            choices += [self.writing_op] * 6
        choices += [self.other] * 2
        return self.r.choice(choices)(deep)

    def reading(self, deep):
        s = self.r.choice(self.parts["readable"])
        pick = self.r.random()
        if pick < 0.16:
            # Sized reads of text go wrong in Node.
            sizes = [0] if self.text else [0, 1, 2, 3, 5, 20]
            return ["read", s] if self.chance(0.5) else ["read", s, self.r.choice(sizes)]
        if pick < 0.22:
            return ["readall", s]
        if pick < 0.34:
            return ["resume", s]
        if pick < 0.44:
            return ["pause", s]
        if pick < 0.60:
            event = self.r.choice(["data", "data", "readable", "readable", "end", "close"])
            return [self.r.choice(["on", "on", "once"]), s, event, self.body(deep), f"L{self.name()}"]
        names = list(self.streams)
        # Only to later streams: data in a circle of pipes never ends.
        below = [d for d in self.parts["writable"] if names.index(d) > names.index(s)]
        if pick < 0.70 and below:
            d = self.r.choice(below)
            return ["pipe", s, d, {"end": False}] if self.chance(0.3) else ["pipe", s, d]
        if pick < 0.77:
            return (
                ["unpipe", s, self.r.choice(self.parts["writable"])]
                if self.parts["writable"]
                else ["unpipe", s]
            )
        if pick < 0.79:
            return ["unpipe", s]
        if pick < 0.86 and not self.text:
            return ["unshift", s, self.chunk()]
        if pick < 0.95:
            return ["push", s, None if self.chance(0.15) else self.chunk()]
        if self.text and pick < 0.98:
            return ["setEncoding", s, self.r.choice(["utf8", "latin1"])]
        return ["state", s]

    def writing_op(self, deep):
        s = self.r.choice(self.parts["writable"])
        pick = self.r.random()
        if pick < 0.42:
            return ["write", s, self.chunk(), *([self.name()] if self.chance(0.6) else [])]
        if pick < 0.50:
            return ["writeuntil", s, self.chunk(), self.r.randrange(1, 5)]
        if pick < 0.60:
            return ["cork", s]
        if pick < 0.72:
            return ["uncork", s]
        if pick < 0.84:
            return [
                "end",
                s,
                self.r.choice([None, None, self.chunk()]),
                *([f"n{self.name()}"] if self.chance(0.6) else []),
            ]
        if pick < 0.93:
            return [
                "on",
                s,
                self.r.choice(["drain", "drain", "finish", "close"]),
                self.body(deep),
                f"L{self.name()}",
            ]
        return ["state", s]

    def other(self, deep):
        s = self.r.choice(list(self.streams))
        pick = self.r.random()
        if pick < 0.2:
            return ["destroy", s, *(["e" + self.name()] if self.chance(0.5) else [])]
        if pick < 0.5 and self.held:
            return [
                "release",
                self.held.pop(self.r.randrange(len(self.held))),
                *(["e9"] if self.chance(0.1) else []),
            ]
        if pick < 0.62 and self.streams[s].get("opts", {}).get("emitClose", True):
            options = {k: False for k in ("readable", "writable", "error") if self.chance(0.2)}
            return ["finished", s, options or None, self.name()]
        if pick < 0.67:
            return ["addAbortSignal", "ac", s]
        if pick < 0.71:
            return ["abort", "ac"]
        return ["state", s]

    # ---- the whole
    def make(self):
        first = []
        if self.area == "readable" or self.area == "text":
            self.add("r", "readable")
        elif self.area == "writable":
            self.add("w", "writable")
        elif self.area == "duplex":
            self.add("d", "duplex")
        elif self.area == "transform":
            self.add("t", "transform")
        elif self.area == "pipe":
            self.add("r", "readable")
            self.add("w", self.r.choice(["writable", "writable", "duplex"]))
            first = [["pipe", "r", "w"]]
        elif self.area == "chain":
            self.add("r", "readable")
            self.add("t", "transform")
            self.add("w", "writable")
            first = [["pipe", "r", "t"], ["pipe", "t", "w"]]
        elif self.area == "fan":
            self.add("r", "readable")
            self.add("w", "writable")
            self.add("x", "writable")
            first = [["pipe", "r", "w"], ["pipe", "r", "x"]]
        elif self.area == "pipeline":
            self.add("r", "readable")
            if self.chance(0.6):
                self.add("t", "transform")
            self.add("w", self.r.choice(["writable", "writable", "duplex"]))
            options = {"signal": "ac"} if self.chance(0.1) else None
            first = [["pipeline", list(self.streams), options, "p"]]
            if options:
                first = [["pipelineP", list(self.streams), options, "p"]]
        else:
            for name, kind in [("r", "readable"), ("d", "duplex"), ("t", "transform"), ("w", "writable")]:
                if self.chance(0.7) or not self.streams:
                    self.add(name, kind)
        if self.area == "pipeline":
            for spec in self.streams.values():
                # Node cannot tell of a stage without 'close'.
                spec["opts"].pop("emitClose", None)
                # Only forebay refuses a stage that lacks its side.
                spec["opts"].pop("readable", None)
                spec["opts"].pop("writable", None)
                if first[0][0] == "pipelineP":
                    # Only forebay's await waits until the stages are closed.
                    spec.pop("destroy", None)
        slots = [["sync", *first]]
        for _ in range(self.r.randrange(3, 10)):
            slot = [self.r.choice(["sync", "tick", "tick", "immediate", "immediate", "immediate"])]
            slot += [self.op() for _ in range(self.r.choice([0, 1, 1, 2, 2, 3, 4]))]
            slots.append(slot)
        if self.parts["writable"] and self.chance(0.6):
            slots.append(
                ["immediate", *[["end", s, None, f"n{self.name()}"] for s in self.parts["writable"]]]
            )
        slots.append(["immediate", *[["state", s] for s in self.streams]])
        return {"id": self.id, "area": self.area, "streams": self.streams, "program": slots}


def run(command, programs, env):
    text = "".join(json.dumps(program) + "\n" for program in programs)
    env = {**os.environ, **env}
    out = subprocess.run(command, input=text, capture_output=True, text=True, env=env, timeout=100)
    if out.returncode:
        raise RuntimeError(out.stderr[-2000:])
    return {entry["id"]: entry["t"] for entry in map(json.loads, out.stdout.splitlines())}


def both(programs):
    """(program, difference) for those on which Node and forebay differ."""
    node = run(NODE, programs, {"DIFF_STREAM": os.path.join(HERE, "lib", "decided.js")})
    ours = run(FOREBAY, programs, {})
    found = [(p, first_difference(node[p["id"]], ours[p["id"]], "exact")) for p in programs]
    return [
        (program, text)
        for program, text in found
        # What lib/decided.js cannot give to Node: callbacks of writes whose output waited for room.
        if text is not None
        and without(HELD_WRITE, node[program["id"]]) != without(HELD_WRITE, ours[program["id"]])
    ]


HELD_WRITE = re.compile(r"[^ ]+\.[we]cb\(.*\) (?!ok).+| wlen=\d+")


def without(pattern, entries):
    """The entries without what the pattern explains: whole entries, or a part of them."""
    left = [(phase, pattern.sub("", entry)) for phase, entry in expand(entries)]
    return [(phase, entry) for phase, entry in left if entry]


def main(argv):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--keep")
    parser.add_argument("--print", action="store_true")
    args = parser.parse_args(argv)
    programs = [Program(args.seed, number).make() for number in range(args.count)]
    if args.print:
        print("\n".join(map(json.dumps, programs)))
        return 0
    batches = [programs[start : start + 250] for start in range(0, len(programs), 250)]
    with ThreadPoolExecutor(args.jobs) as pool:
        found = [each for some in pool.map(both, batches) for each in some]
    for program, text in found:
        print(f"{program['id']} ({program['area']}) {text[:400]}")
    print(f"{len(programs)} programs, {len(found)} differ")
    if args.keep:
        with open(args.keep, "w") as f:
            f.writelines(json.dumps(program) + "\n" for program, _ in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
