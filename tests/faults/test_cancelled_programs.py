"""A program that is cancelled at each turn of the loop in turn leaves nothing and hangs nowhere."""

import asyncio

import pytest

from faults.place import Place
from faults.rules import observe
from faults.scenarios import LEAKING_IN_ASYNCIO, OF_POSTGRES, SCENARIOS
from support.loops import LOOPS

# The turns that are tried one by one; later ones are tried at growing distances.
FIRST_TURNS = 25
MOST_TURNS = 2000


def turns():
    """The numbers of the turns at which the program is cancelled."""
    turn = 0
    while turn < MOST_TURNS:
        yield turn
        turn += 1 if turn < FIRST_TURNS else max(1, turn // 8)


class Cancelling:
    """Runs a scenario as a task, and cancels it at one turn of the loop."""

    def __init__(self, scenario, turn):
        self._scenario = scenario
        self._turn = turn
        self.was_over = False

    async def __call__(self):
        task = asyncio.ensure_future(self._scenario())
        for _ in range(self._turn):
            if task.done():
                self.was_over = True
                break
            await asyncio.sleep(0)
        task.cancel()
        return await task


@pytest.mark.parametrize("loop", LOOPS)
# The tests of PostgreSQL's ends cancel theirs. asyncpg itself reports an error of a connection whose making is cancelled.
@pytest.mark.parametrize("scenario", sorted(SCENARIOS.keys() - LEAKING_IN_ASYNCIO - OF_POSTGRES))
def test_a_program_that_is_cancelled_at_any_turn_leaves_nothing(scenario, loop, certificate, tmp_path):
    cert, key = map(str, certificate)
    place = Place(tmp_path / "place", cert, key, None)
    place.folder.mkdir()
    place.prepare()
    place.clear()
    # The first run loads modules, and opens what stays open.
    observe(loop, lambda: SCENARIOS[scenario](place))
    broken = []
    for turn in turns():
        place.clear()
        cancelling = Cancelling(lambda: SCENARIOS[scenario](place), turn)
        observed = observe(loop, cancelling)
        broken += [f"at turn {turn}: {rule}" for rule in observed.broken(scenario, place)]
        if cancelling.was_over:
            break
    assert broken == []
