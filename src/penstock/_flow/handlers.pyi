from typing import Any

from penstock._flow.ticks import Ticked

class Listener(Ticked): ...

class Standin(Listener):
    _fn: Any

class Handlers:
    def __init__(self, listeners: list[Any]) -> None: ...

def matches(listener: object, fn: object) -> bool: ...
def function_of(listener: object) -> Any: ...
