"""Names of stages for messages."""

from __future__ import annotations

from typing import Any

# Streams that users know by the function that makes them.
_MADE_BY = dict.fromkeys(("FromIterator", "FromAsync", "Whole"), "Readable.from_()")
# Public names of internal classes that users do not know.
_INNER = {"FromIterator", "FromAsync", "Whole", "OperatorStream", "FlatMapStream", "Composite", "Relay"}
_INNER |= {"Incoming", "Outgoing", "ReadableBody", "WritableBody", "LeavesInput", "Feeding"}
# Classes whose repr is the one of all streams.
_STREAM = "forebay._core.state.stream"


def stream_name(stage: Any) -> str:
    """Return a name for messages: ``ReadStream('x')``, ``Gzip``, ``parse``. A stream has its class and path."""
    kind = type(stage)
    if hasattr(kind, "_s_has_side"):
        written = next(each for each in kind.__mro__ if "__repr__" in vars(each))
        if written is not object and written.__module__ != _STREAM:
            return _own(stage)
        function = getattr(stage, "_function_name", None)
        if function is not None:
            return str(function)
        path = getattr(stage, "path", None)
        name = _MADE_BY.get(kind.__name__, "") if kind.__module__ == "forebay.streams.from_iterable" else ""
        name = name or public_class(kind).__name__
        return name if path is None or callable(path) else f"{name}({path!r})"
    called = getattr(stage, "__qualname__", None) or getattr(stage, "__name__", None)
    return called.rpartition(".<locals>.")[2] if isinstance(called, str) else kind.__name__


def _own(stage: Any) -> str:
    try:
        return repr(stage)
    except Exception:
        return type(stage).__name__


def public_class(kind: type) -> type:
    """Return the class, or its nearest public base if it is an internal class of forebay."""
    for each in kind.__mro__:
        name = each.__name__
        if not each.__module__.startswith("forebay.") or not (name.startswith("_") or name in _INNER):
            return each
    return kind
