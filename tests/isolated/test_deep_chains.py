"""Long chains of streams that call each other, or that hold each other: the stack does not overflow."""

import re
from pathlib import Path

import pytest
from test_isolated import assert_clean, run_program

import forebay

PROGRAM = "deep_chains.py"
SOURCE = (Path(__file__).parent / PROGRAM).read_text()
CHAINS = re.findall(r"^async def (\w+)\(length\)", SOURCE, re.MULTILINE)
# Their links cost more, each being several streams, or a pipeline of its own.
COSTLY = {"composed": 2_000, "duplexes": 5_000, "froms": 5_000, "pipelines": 5_000, "pipelines_fail": 5_000}


def small_stack_length(chain):
    if forebay.backend == "python":
        return 2_000
    return COSTLY.get(chain, 100_000 if chain.startswith("dropped_") else 20_000)


@pytest.mark.parametrize("chain", CHAINS)
def test_long_chains_on_a_small_stack(chain):
    assert_clean(run_program(PROGRAM, chain, str(small_stack_length(chain)), "small"), "done\n")


@pytest.mark.parametrize("chain", CHAINS)
def test_long_chains_with_a_low_recursion_limit(chain):
    assert_clean(run_program(PROGRAM, chain, "1500", "main"), "done\n")
