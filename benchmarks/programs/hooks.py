"""The flows of the comparison ``hooks``, and a loop without forebay, to be counted."""

from __future__ import annotations

from benchmarks.hook_cases import CASES
from benchmarks.programs._bench import Bench, program


@program("hooks")
async def hooks(bench: Bench, n: int, case: str) -> None:
    bench.start()
    await CASES[case].ours(n)
    bench.end(n)


def add(total: int, value: int) -> int:
    return total + value


@program("interpreter")
async def interpreter(bench: Bench, n: int) -> None:
    """What only the interpreter does: calls, attributes, numbers and containers."""
    items: list[int] = []
    rows = [{"number": i} for i in range(100)]
    total = 0
    bench.start()
    for i in range(n):
        total = add(total, rows[i % 100]["number"])
        items.append(total)
        if len(items) > 50:
            items.clear()
    bench.end(n)
