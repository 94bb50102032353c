from collections.abc import Callable
from typing import Any

from forebay._core.abort import AbortSignal
from forebay.streams.readable import Readable
from forebay.streams.reading.puller import Pull

MAP: int
FILTER: int
TAP: int
TAKE: int
DROP: int
PAIR: int

def checked_int(name: str, value: Any, least: int) -> int: ...
def null_result(name: str) -> Exception: ...

class Stage(Readable):
    source: Readable
    kind: int
    fn: Callable[..., Any] | None
    count: int
    def __init__(
        self,
        source: Readable,
        kind: int,
        fn: Callable[..., Any] | None,
        concurrency: int,
        high_water_mark: int | None,
        signal: AbortSignal | None,
        count: int,
    ) -> None: ...
    def is_idle(self) -> bool: ...
    def run_by(self, pull: Pull) -> None: ...
    def conclude(self, complete: bool, error: BaseException | None) -> None: ...

class FlatStage(Stage): ...

class Slot:
    """The place of one item's result in the order of the results."""

    def __init__(self, stage: Stage, item: Any, runner: Any) -> None: ...
    def resolve(self, value: Any) -> None: ...
    def reject(self, error: BaseException) -> None: ...
