from collections.abc import Generator
from typing import Any, final

@final
class Ready:
    """``await Ready(value)`` is ``value``. One await for each object."""

    def __init__(self, value: Any = None) -> None: ...
    def __await__(self) -> Generator[Any, None, Any]: ...
