from typing import Any

from forebay.streams.readable import Readable

def from_iterable(source: Any, options: dict[str, Any]) -> Readable: ...
