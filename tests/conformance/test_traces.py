"""Every scenario, against the trace that Node gave for it.

The traces are those of Node v20.20.2 with one change that penstock takes from newer versions (`read()` gives one
chunk). A scenario whose trace differs on purpose is listed in differences.json with the key of its section in
docs/node-differences.md; everything else is the same at the scenario's own strictest level, on every loop.
"""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from compare import expand, first_difference, level_of, lines, scenarios
from run import trace, traces

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


def difference(scenario, want, got):
    return first_difference(want, got, level_of(scenario), scenario.get("only"))


def test_every_scenario_has_a_trace_and_every_trace_a_scenario():
    assert set(WANTED) == set(ALL)


@pytest.mark.parametrize("name", list(HAND))
def test_scenario(name, on_loop):
    got = on_loop(trace(HAND[name]))
    found = difference(HAND[name], WANTED[name], got)
    if name in DIFFERENCES:
        assert found is not None, f"{name} gives Node's trace: take it off differences.json"
        assert not got[0].startswith("!harness"), got
    else:
        assert found is None, found


@pytest.mark.parametrize("names", BATCHES, ids=[names[0] for names in BATCHES])
def test_random_programs(names, on_loop):
    got = on_loop(traces([FUZZ[name] for name in names]))
    found = {entry["id"]: difference(FUZZ[entry["id"]], WANTED[entry["id"]], entry["t"]) for entry in got}
    listed = DIFFERENCES.keys() & found.keys()
    assert {name: text for name, text in found.items() if text is not None and name not in listed} == {}
    assert [name for name in listed if found[name] is None] == [], (
        "these give Node's trace: take them off the list"
    )


END_CALLBACK = re.compile(r"[^ ]+\.ecb\(.*\) ERR_STREAM_DESTROYED")
NOTHING_BUT = {"end-after-destroy": END_CALLBACK}


@pytest.mark.parametrize("key", list(NOTHING_BUT))
def test_a_difference_is_no_wider_than_its_reason(key, on_loop):
    """What the reason adds to a trace is all there is to it: without these entries it is Node's."""

    def without(entries):
        return [(phase, entry) for phase, entry in expand(entries) if not NOTHING_BUT[key].fullmatch(entry)]

    listed = [name for name, reason in DIFFERENCES.items() if reason == key]
    got = {entry["id"]: entry["t"] for entry in on_loop(traces([ALL[name] for name in listed]))}
    assert [name for name in listed if without(got[name]) != without(WANTED[name])] == []


def sections():
    """The sections of the page: key -> text. A section's key stands in its heading."""
    found = re.split(r"^### .*\(`([a-z0-9-]+)`\)$", PAGE.read_text(), flags=re.M)
    return dict(zip(found[1::2], found[2::2], strict=True))


def test_the_list_and_the_page_agree():
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
TRACES_OF = "v20."


def live(*files):
    out = subprocess.run(
        [NODE, "run.js", *files], cwd=HERE, capture_output=True, text=True, check=True, timeout=100
    ).stdout
    return {entry["id"]: entry["t"] for entry in map(json.loads, out.splitlines())}


@pytest.mark.skipif(NODE is None, reason="Node is not on the PATH")
@pytest.mark.parametrize("kind", ["hand", "fuzz"])
def test_node_itself_gives_these_traces(kind):
    version = subprocess.run([NODE, "--version"], capture_output=True, text=True, check=True).stdout
    if not version.startswith(TRACES_OF):
        pytest.skip(f"the traces are those of Node {TRACES_OF}x, and this is {version.strip()}")
    if kind == "hand":
        names = sorted(str(path.relative_to(HERE)) for path in (HERE / "scenarios").glob("*.json"))
        want, got = golden("hand.jsonl", "own.jsonl"), live(*names)
    else:
        want, got = golden("fuzz.jsonl.gz"), live("scenarios/fuzz.jsonl.gz")
    assert set(got) == set(want)
    found = {name: difference(ALL[name], want[name], got[name]) for name in want}
    assert {name: text for name, text in found.items() if text is not None} == {}
