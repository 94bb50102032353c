"""Makes the draws of a failing program fewer and smaller, as long as it still fails."""

import time
from collections.abc import Callable, Iterator

__all__ = ["Case", "shrink"]

#: The draws of a program, and from where to where its parts are.
Case = tuple[list[int], list[tuple[int, int]]]


def _smaller(case: Case) -> Iterator[list[int]]:
    """Draws that are simpler: without a part, without a few, with a 0 or a smaller number in the place of others."""
    draws, parts = case
    for start, end in sorted(parts, key=lambda part: part[0] - part[1]):
        yield draws[:start] + draws[end:]
    width = len(draws) // 2
    while width:
        for start in range(len(draws) - width, -1, -width):
            yield draws[:start] + draws[start + width :]
        width //= 2
    width = min(16, len(draws))
    while width:
        for start in range(0, len(draws), width):
            if any(draws[start : start + width]):
                yield [*draws[:start], *([0] * len(draws[start : start + width])), *draws[start + width :]]
        width //= 2
    for place, value in enumerate(draws):
        for less in {value // 2, value - 1}:
            if 0 < less < value:
                yield [*draws[:place], less, *draws[place + 1 :]]


def shrink(case: Case, fails: Callable[[list[int]], Case | None], seconds: float = 60.0) -> list[int]:
    """Return draws with which the program fails, too. ``fails`` runs one, and returns what it drew if it fails."""
    limit = time.monotonic() + seconds
    seen = set()
    at = 0
    while time.monotonic() < limit:
        for number, draws in enumerate(_smaller(case)):
            if number < at or tuple(draws) in seen:
                continue
            seen.add(tuple(draws))
            smaller = fails(draws)
            if smaller is not None and _size(smaller) < _size(case):
                case = smaller
                # What was in vain before this place is likely to be so again: it is tried once more at the end.
                at = number
                break
            if time.monotonic() > limit:
                break
        else:
            if at == 0:
                break
            at = 0
    draws = case[0]
    while draws and draws[-1] == 0:
        draws = draws[:-1]
    return draws


def _size(case: Case) -> tuple[int, int]:
    return len(case[0]), sum(case[0])
