import asyncio
from typing import Any

class Bursting:
    """What writes in bursts, for `_stream`, and wants to know when one is over."""

class Burst:
    """The channels that have written since the loop ran its callbacks last."""

    def __init__(self, queue: Any) -> None: ...

def current_burst(loop: asyncio.AbstractEventLoop) -> Burst: ...
