"""The draws of a random program. They are noted: it can run again from them, and a smaller one from fewer or smaller ones."""

import contextlib
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

__all__ = ["Choices"]


class Choices:
    """Numbers from a seed, or from the draws of an earlier run. 0 is always the plainest choice.

    Draws that are missing are 0, so each list of numbers is a program.
    """

    def __init__(
        self,
        seed: str = "",
        replay: Sequence[int] | None = None,
        tell: Callable[[int], object] = lambda value: None,
    ) -> None:
        self._random = random.Random(seed)
        self._replay = None if replay is None else iter(replay)
        self._tell = tell
        self.drawn: list[int] = []
        #: From where to where in ``drawn`` the parts are that a smaller program may lack.
        self.parts: list[tuple[int, int]] = []

    @contextlib.contextmanager
    def part(self) -> Iterator[None]:
        """What is drawn inside is a part that a smaller program may lack."""
        start = len(self.drawn)
        try:
            yield
        finally:
            self.parts.append((start, len(self.drawn)))

    def below(self, count: int) -> int:
        """A number from 0 to ``count - 1``."""
        again = self._replay
        value = self._random.randrange(count) if again is None else min(next(again, 0), count - 1)
        self.drawn.append(value)
        self._tell(value)
        return value

    def pick(self, options: Sequence[Any]) -> Any:
        """One of the options; the first is the plainest."""
        return options[self.below(len(options))]

    def one_in(self, count: int) -> bool:
        """True once in ``count`` times."""
        return self.below(count) == count - 1

    def data(self, size: int) -> bytes:
        """``size`` bytes that tell their place from one another, and compress a little."""
        return random.Random(self.below(1000)).randbytes(size // 2 + 1).hex().encode()[:size]
