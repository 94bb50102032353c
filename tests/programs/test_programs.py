"""Some random programs of each kind, and those that have found a fault before. ``python -m programs`` runs more of them."""

import json
import os
from pathlib import Path

import pytest

from forebay import backend
from programs.choices import Choices
from programs.guard import run_program
from programs.kinds import KINDS, STEADY
from programs.search import Search, Workers
from programs.shrinking import shrink
from support.loops import LOOPS

KEPT = json.loads(Path(__file__).with_name("kept.json").read_text())
# How many programs of each kind run here on each loop.
COUNT = int(os.environ.get("FOREBAY_PROGRAMS", "25"))


@pytest.mark.timeout(3600 if COUNT > 25 else 120)
@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("kind", KINDS)
def test_programs(kind, loop):
    for number in range(COUNT):
        choices = Choices(f"{kind} {number}")
        try:
            run_program(KINDS[kind], choices, loop)
        except Exception as error:
            error.add_note(f"draws of the program: {choices.drawn}")
            raise


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("number", range(len(KEPT)))
def test_programs_that_have_found_a_fault(number, loop):
    case = KEPT[number]
    run_program(KINDS[case["kind"]], Choices(f"{case['kind']} {case.get('seed')}", case.get("draws")), loop)


@pytest.mark.skipif(backend != "c", reason="compares the compiled backend with the other one")
def test_the_backends_do_the_same():
    with Workers("asyncio") as workers:
        for kind in STEADY:
            search = Search(workers, kind, ["c", "python"])
            assert [search.seed(str(number)) for number in range(2 * COUNT)] == [None] * 2 * COUNT
            for case in KEPT:
                if case["kind"] == kind:
                    assert search.again(case.get("draws"), case.get("seed", "")) is None


def fails(choices):
    """A program that fails if one of its parts draws a 7 and then a 3 or a 4."""
    failed = False
    for _ in range(choices.below(20)):
        with choices.part():
            failed = (choices.below(10) == 7 and choices.below(5) > 2) or failed
    return failed


def test_a_failing_program_is_shrunk():
    def again(draws):
        choices = Choices(replay=draws)
        return (choices.drawn, choices.parts) if fails(choices) else None

    tried = (Choices(str(seed)) for seed in range(1000))
    failing = next(choices for choices in tried if fails(choices) and len(choices.drawn) > 15)
    smaller = shrink((failing.drawn, failing.parts), again)
    assert len(smaller) <= 5
    assert smaller[-2:] == [7, 3]
