from typing import Any

from penstock.readable import Readable

def from_iterable(source: Any, options: dict[str, Any]) -> Readable: ...
