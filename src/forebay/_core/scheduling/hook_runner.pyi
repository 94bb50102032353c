from collections.abc import AsyncGenerator
from typing import Any

from forebay._core.state.lifecycle import Completion

def is_awaitable(value: object) -> bool: ...

class HookRunner:
    """Awaits what a hook returns, one call after the other, and settles each call's Completion."""

    def submit(self, awaitable: Any, completion: Completion) -> None: ...
    def stop(self) -> None: ...

async def pump_outputs(outputs: AsyncGenerator[Any], stream: Any) -> None: ...
