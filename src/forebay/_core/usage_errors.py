"""Error messages for wrong uses of streams. They are made only after a call has failed."""

from __future__ import annotations

import asyncio
import inspect
import io
import os
import re
import threading
import warnings
from collections.abc import Callable
from types import AsyncGeneratorType, CoroutineType, GeneratorType, TracebackType
from typing import Any, NoReturn

from forebay._core.names import stream_name
from forebay.errors import InvalidArgTypeError, WrongLoopError

# ---- constructors

_SHARED = ("destroy", "construct", "high_water_mark", "object_mode", "signal", "auto_destroy", "emit_close")
_READS = ("read", "encoding")
_WRITES = ("write", "writev", "final", "default_encoding", "decode_strings")
_BOTH = (
    "encoding",
    "default_encoding",
    "decode_strings",
    "readable_high_water_mark",
    "writable_high_water_mark",
    "readable_object_mode",
    "writable_object_mode",
    "allow_half_open",
)
_DUPLEX = ("read", "write", "writev", "final", "readable", "writable")
_TRANSFORM = ("transform", "transform_many", "flush")


def wrong_options(stream: Any, given: tuple[Any, ...], unknown: dict[str, Any]) -> NoReturn:
    """Raise the error for unknown arguments of a constructor."""
    name = type(stream).__name__
    if given:
        raise InvalidArgTypeError(
            f"{name}() takes its options by keyword, such as {name}(high_water_mark=1024), got {given[0]!r:.80}"
            + (": give each of its items by keyword, or **options" if isinstance(given[0], dict) else "")
        )
    known = _options(stream)
    option, value = next(iter(unknown.items()))
    meant = _plain(option)
    for each in known:
        if _plain(each) == meant:
            raise InvalidArgTypeError(f"{name}() has no option {option!r}: use {each}={value!r:.40}")
    raise InvalidArgTypeError(f"{name}() has no option {option!r}; it has {', '.join(sorted(set(known)))}")


def _options(stream: Any) -> tuple[str, ...]:
    if hasattr(stream, "_t_passthrough"):
        return (*_SHARED, *_BOTH, *_TRANSFORM)
    reads, writes = hasattr(stream, "push"), hasattr(stream, "end")
    if reads and writes:
        return (*_SHARED, *_BOTH, *_DUPLEX)
    return (*_SHARED, *(_READS if reads else _WRITES))


def _plain(option: str) -> str:
    return re.sub(r"[^a-z]", "", option.lower())


def not_started(stream: Any) -> RuntimeError:
    """Raise the error for any use of a stream whose constructor was not called."""
    name = type(stream).__name__
    return RuntimeError(
        f"{name}.__init__() did not call super().__init__(): without it {name} is not a stream; call it first"
    )


# ---- hooks

_CALLBACKS = {"callback", "cb", "done", "next", "next_"}
_RETURNS = {
    "_read": "push the chunks, or return what was read",
    "_transform": "return the output",
    "_transform_many": "return the output",
    "_flush": "return the last output",
    "_destroy": "return when all is released",
}


def hook_error(stream: Any, name: str, hook: Any, error: BaseException) -> BaseException:
    """Return ``error`` of a hook; or an explanation if the hook expects Node's callback."""
    if not isinstance(error, TypeError):
        return error
    try:
        parameters = list(inspect.signature(hook).parameters.values())
    except (TypeError, ValueError):
        return error
    if parameters and parameters[0].name == "self":
        parameters = parameters[1:]
    positional = [
        each for each in parameters if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)
    ]
    if not positional or positional[-1].name not in _CALLBACKS:
        return error
    taken = "no argument" if name in ("_flush", "_final", "_construct") else _argument(name)
    better = InvalidArgTypeError(
        f"{type(stream).__name__}.{name}({', '.join(each.name for each in positional)}) waits for a callback, as "
        f"in Node; here a hook takes {taken}: {_RETURNS.get(name, 'return when it is done')}, or a Completion "
        f"that is resolved later"
    )
    better.__cause__ = error
    return better


def _argument(name: str) -> str:
    if name in ("_writev", "_transform_many"):
        return "the chunks alone"
    return {"_read": "the size alone", "_destroy": "the error alone"}.get(name, "the chunk alone")


_SILENT_SECONDS = 0.5


def watch_read(stream: Any, hook: Any, loop: asyncio.AbstractEventLoop) -> None:
    """In debug mode, warn if the first call of a _read hook has no result."""
    if not _module_of(hook).startswith("forebay."):
        loop.call_later(_SILENT_SECONDS, _look_at_read, stream, hook)


def _module_of(hook: Any) -> str:
    """Return the source position of a hook; compiled methods have none."""
    module = getattr(hook, "__module__", None)
    if module is None:
        name = getattr(hook, "__name__", None)
        classes = type(getattr(hook, "__self__", None)).__mro__
        module = next((each.__module__ for each in classes if name in vars(each)), "")
    return str(module)


def _look_at_read(stream: Any, hook: Any) -> None:
    if stream._s_never_pushed():
        name = getattr(hook, "__qualname__", None) or repr(hook)
        warnings.warn(
            f"{stream_name(stream)} is read, but its _read hook ({name}) returned None and has pushed nothing for "
            f"{_SILENT_SECONDS} s: push() what there is, return it, or return b'' (push(None)) at the end",
            RuntimeWarning,
            stacklevel=1,
        )


# ---- errors without a listener


def unhandled(stream: Any, error: Any, loop: asyncio.AbstractEventLoop) -> None:
    """Pass an 'error' without a listener to the loop's exception handler."""
    if isinstance(error, BaseException):
        error.__traceback__ = _without_own(error.__traceback__)
    loop.call_exception_handler(
        {"message": f"Unhandled 'error' of {stream_name(stream)}", "exception": error, "stream": stream}
    )


def _without_own(trace: TracebackType | None) -> TracebackType | None:
    kept = []
    while trace is not None:
        module = str(trace.tb_frame.f_globals.get("__name__", ""))
        if module != "forebay" and not module.startswith("forebay."):
            kept.append(trace)
        trace = trace.tb_next
    rest: TracebackType | None = None
    for each in reversed(kept):
        rest = TracebackType(rest, each.tb_frame, each.tb_lasti, each.tb_lineno)
    return rest


# ---- threads and loops


def check_loop(stream: Any, what: str, loop: asyncio.AbstractEventLoop, thread: int) -> None:
    """Raise WrongLoopError if ``stream`` belongs to another thread or another loop."""
    running = asyncio._get_running_loop()
    if running is loop or (running is None and threading.get_ident() == thread):
        return
    name = stream_name(stream)
    if running is None:
        call = f"stream.{what.rstrip('()')}" if what.endswith("()") else "completion.resolve"
        raise WrongLoopError(
            f"{what} of {name} in the thread {threading.current_thread().name!r}: a stream belongs to the thread of "
            f"its event loop; use loop.call_soon_threadsafe({call}, ...)"
        )
    raise WrongLoopError(f"{what} of {name} in another event loop than the one that it is used in")


# ---- wrong stages


def hint(value: Any, *, reads: bool = True) -> str:
    """Return advice for a value other than a stream, as the end of a message; "" if there is none."""
    made_by = "create_read_stream" if reads else "create_write_stream"
    if isinstance(value, type):
        return f": a class, not a stream; make one with {value.__name__}(...)"
    if isinstance(value, (str, os.PathLike)):
        return f": for a file use {made_by}({os.fspath(value)!r})"
    if isinstance(value, io.IOBase):
        return f": for an open file use {made_by}(fd=file.fileno(), auto_close=False)"
    if isinstance(value, CoroutineType):
        value.close()
        return ": a coroutine; give the function that makes it, without calling it, or await it first"
    if isinstance(value, (GeneratorType, AsyncGeneratorType)):
        return (
            ": a generator can only be the first stage; give the function that makes it, without calling it"
        )
    return ""


def checked_source(source: Any) -> Any:
    """Return a source of chunks. Raises InvalidArgTypeError for common mistakes."""
    if source is None or isinstance(source, (type, str, os.PathLike)):
        text = "; for the text itself use Readable.from_()" if isinstance(source, str) else ""
        raise InvalidArgTypeError(
            f"a source must be a Readable, an iterable or an async iterable, got {source!r:.80}{hint(source)}{text}"
        )
    return source


def listed(method: str, chunks: Any) -> list[Any]:
    """Return the chunks that push_many() or write_many() is given, in a list of its own. Raises InvalidArgTypeError."""
    if isinstance(chunks, (str, bytes, bytearray, memoryview)):
        raise InvalidArgTypeError(
            f"{method}() needs an iterable of chunks, got {chunks!r:.80}: that is one chunk, for "
            f"{method.removesuffix('_many')}()"
        )
    try:
        return list(chunks)
    except TypeError:
        if hasattr(type(chunks), "__iter__"):
            raise
    raise InvalidArgTypeError(f"{method}() needs an iterable of chunks, got {chunks!r:.80}")


def is_class(value: Any, base: Callable[..., Any]) -> bool:
    """Return whether ``value`` is a stream class instead of an instance."""
    return isinstance(value, type) and isinstance(base, type) and issubclass(value, base)
