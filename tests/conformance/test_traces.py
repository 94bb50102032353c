"""Every scenario, against the trace that Node gave for it.

The traces are those of Node v20.20.2 with one change that forebay takes from newer versions: `read()` gives
one chunk. A scenario whose trace differs on purpose is listed in differences.json, with the key of its section in
docs/node-differences.md, and has a trace of its own in golden/forebay.jsonl; everything else is the same at the
scenario's own strictest level, on every loop.
"""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from compare import first_difference, level_of, lines, scenarios
from generate import HELD_WRITE, Program, both, without
from run import trace, traces

import forebay

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "node-differences.md"
DIFFERENCES = json.loads((HERE / "differences.json").read_text())

HAND = scenarios(sorted(map(str, (HERE / "scenarios").glob("*.json"))))
FUZZ = scenarios([str(HERE / "scenarios" / "fuzz.jsonl.gz")])
ALL = {**HAND, **FUZZ}
BATCH = 50
BATCHES = [list(FUZZ)[start : start + BATCH] for start in range(0, len(FUZZ), BATCH)]


def golden(*names):
    return {entry["id"]: entry["t"] for name in names for entry in lines(str(HERE / "golden" / name))}


WANTED = golden("hand.onechunk.jsonl", "fuzz.onechunk.jsonl.gz", "own.jsonl")


# What forebay gives where it differs.
OURS = golden("forebay.jsonl")


def difference(scenario, want, got):
    return first_difference(want, got, level_of(scenario), scenario.get("only"))


def test_every_scenario_has_a_trace_and_every_trace_a_scenario():
    assert set(WANTED) == set(ALL)


def complaint(scenario, got):
    """What is wrong with a trace, or None."""
    name = scenario["id"]
    found = difference(scenario, WANTED[name], got)
    if name not in DIFFERENCES:
        return found
    if found is None:
        return "gives Node's trace: take it off differences.json"
    return difference(scenario, OURS[name], got)


@pytest.mark.parametrize("name", list(HAND))
def test_scenario(name, on_loop):
    assert complaint(HAND[name], on_loop(trace(HAND[name]))) is None


@pytest.mark.parametrize("names", BATCHES, ids=[names[0] for names in BATCHES])
def test_random_programs(names, on_loop):
    got = on_loop(traces([FUZZ[name] for name in names]))
    found = {entry["id"]: complaint(FUZZ[entry["id"]], entry["t"]) for entry in got}
    assert set(found) == set(names)
    assert {name: text for name, text in found.items() if text is not None} == {}


NOTHING_BUT = {
    "end-after-destroy": re.compile(r"[^ ]+\.ecb\(.*\) ERR_STREAM_DESTROYED"),
    "held-write": HELD_WRITE,
}


@pytest.mark.parametrize("key", list(NOTHING_BUT))
def test_a_difference_is_limited_to_its_reason(key):
    """Without the entries that the reason explains, the trace equals Node's."""
    pattern = NOTHING_BUT[key]
    listed = [name for name, reason in DIFFERENCES.items() if reason == key]
    assert [name for name in listed if without(pattern, OURS[name]) != without(pattern, WANTED[name])] == []


def sections():
    """The sections of the page: key -> text. A section's key stands in its heading."""
    found = re.split(r"^### .*\(`([a-z0-9-]+)`\)$", PAGE.read_text(), flags=re.M)
    return dict(zip(found[1::2], found[2::2], strict=True))


def test_differences_are_those_of_the_documentation():
    assert set(DIFFERENCES) == set(OURS)
    assert set(DIFFERENCES) <= set(ALL)
    on_page = sections()
    assert set(DIFFERENCES.values()) == set(on_page)
    for key, text in on_page.items():
        listed = {name for name, reason in DIFFERENCES.items() if reason == key}
        by_hand = {name for name in listed if name in HAND}
        named = set(re.findall(r"`([a-z]{1,2}-?\d{2,5})`", text))
        # Every scenario made by hand is named; of the random programs one is enough, where there is no other.
        assert named <= listed, f"{key}: {named - listed} do not differ for this reason"
        assert by_hand <= named, f"{key}: the page does not name {by_hand - named}"
        assert named, f"{key}: the page names no scenario"


# ---- Node itself

NODE = shutil.which("node")


def node_version():
    if NODE is None:
        return None
    return subprocess.run([NODE, "--version"], capture_output=True, text=True, check=True).stdout.strip()


needs_node = pytest.mark.skipif(
    not (node_version() or "").startswith("v20."), reason="needs Node v20 on the PATH, whose traces these are"
)
HAND_FILES = sorted(str(path.relative_to(HERE)) for path in (HERE / "scenarios").glob("*.json"))


def live(files, decided=None):
    """Node's traces, by id; with ``decided`` those of Node changed as lib/decided.js says, "" for all changes."""
    command, env = [NODE, "run.js", *files], dict(os.environ)
    if decided is not None:
        command.insert(1, "--expose-internals")
        env |= {"DIFF_STREAM": str(HERE / "lib" / "decided.js"), "DECIDED": decided}
    run = subprocess.run(command, cwd=HERE, env=env, capture_output=True, text=True, check=True, timeout=100)
    return {entry["id"]: entry["t"] for entry in map(json.loads, run.stdout.splitlines())}


@needs_node
@pytest.mark.parametrize(
    ("traces_of", "files", "decided"),
    [
        (["hand.jsonl", "own.jsonl"], HAND_FILES, None),
        (["fuzz.jsonl.gz"], ["scenarios/fuzz.jsonl.gz"], None),
        (["hand.onechunk.jsonl", "own.jsonl"], HAND_FILES, "onechunk"),
        (["fuzz.onechunk.jsonl.gz"], ["scenarios/fuzz.jsonl.gz"], "onechunk"),
    ],
    ids=["hand", "fuzz", "hand-onechunk", "fuzz-onechunk"],
)
def test_node_itself_gives_these_traces(traces_of, files, decided):
    want, got = golden(*traces_of), live(files, decided)
    assert set(got) == set(want)
    found = {name: difference(ALL[name], want[name], got[name]) for name in want}
    assert {name: text for name, text in found.items() if text is not None} == {}


# Reasons that lib/decided.js cannot give to Node.
BEYOND = {
    "text-needs-encoding",
    "completed-twice",
    "finished-without-close",
    "held-write",
}


@needs_node
def test_changed_node_gives_the_same_traces():
    """Node with the decided changes gives forebay's traces of all random programs."""
    got = live(["scenarios/fuzz.jsonl.gz"], "")
    ours = {name: OURS.get(name, WANTED[name]) for name in FUZZ if DIFFERENCES.get(name) not in BEYOND}
    found = {name: difference(FUZZ[name], want, got[name]) for name, want in ours.items()}
    assert {name: text for name, text in found.items() if text is not None} == {}


@needs_node
def test_new_random_programs(monkeypatch):
    """A sample of what generate.py does with any number of programs."""
    # Both run as programs of their own.
    source = str(Path(forebay.__file__).parents[1])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([source, os.environ.get("PYTHONPATH", "")]))
    programs = [Program(2024, number).make() for number in range(400)]
    found = both(programs)
    assert {program["id"]: text for program, text in found} == {}
