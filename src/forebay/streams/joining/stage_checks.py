"""Checks of the stages of a pipeline, before it starts and of what functions return; the stage that an error names."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Callable, Iterable
from contextlib import suppress
from types import CoroutineType
from typing import Any

from forebay._core.names import stream_name
from forebay._core.scheduling.hook_runner import is_awaitable
from forebay._core.state.stream import Stream
from forebay._core.usage_errors import hint, is_class
from forebay.errors import AbortError, InvalidArgTypeError, InvalidReturnValueError
from forebay.streams.blocking.file_objects import is_file, is_text
from forebay.streams.from_iterable import from_iterable
from forebay.streams.readable import Readable
from forebay.streams.transform import PassThrough
from forebay.streams.writable import Writable

_NOTE = "in stage "
_WHOLE_SOURCE = (
    "a function as a stage gets its whole source, an async iterable; "
    "to call it for each chunk, use Transform(transform=the_function)"
)


def placed(error: Any, stages: tuple[Any, ...], index: int) -> Any:
    """Add a note to an error that names its stage, unless a pipeline has done so. Return the error."""
    if error is not None and not isinstance(error, (AbortError, asyncio.CancelledError)):
        notes = getattr(error, "__notes__", ())
        if not any(str(note).startswith(_NOTE) for note in notes):
            name = stream_name(stages[index])
            with suppress(Exception):
                error.add_note(f"{_NOTE}{index + 1} of {len(stages)}: {name}")
    return error


def check_stages(stages: tuple[Any, ...]) -> None:
    """Reject arguments that are not stages before anything has begun."""
    for index, stage in enumerate(stages):
        is_last = index == len(stages) - 1
        if not isinstance(stage, (Readable, Writable)):
            if isinstance(stage, str) and index == 0 and _takes_bytes(stages[1]):
                # Text is data only if the next stage accepts text.
                raise InvalidArgTypeError(
                    f"stage 1 is the str {stage!r:.80}, and stage 2 takes bytes{hint(stage)}; to send the text itself, "
                    f"encode it, or give the sink a default_encoding"
                )
            if is_file(stage):
                _check_file(stage, index, is_last, stages)
                continue
            can_be = callable(stage) or (index == 0 and _can_iterate(stage))
            if can_be and not is_class(stage, Stream):
                continue
            wanted = "a Readable, an iterable or a function" if index == 0 else "a stream or a function"
            raise InvalidArgTypeError(
                f"stage {index + 1} must be {wanted}, got {stage!r}{hint(stage, reads=not is_last)}"
            )
        if index > 0 and not (isinstance(stage, Writable) and not stage._s_is_disabled(False)):
            raise InvalidArgTypeError(
                f"stage {index + 1} cannot be written, and only the first may be a pure Readable: {stage!r}"
            )
        if index < len(stages) - 1 and not (isinstance(stage, Readable) and not stage._s_is_disabled(True)):
            raise InvalidArgTypeError(
                f"stage {index + 1} cannot be read, and only the last may be a pure Writable: {stage!r}"
            )


def _check_file(file: Any, index: int, is_last: bool, stages: tuple[Any, ...]) -> None:
    if index > 0 and not is_last:
        raise InvalidArgTypeError(
            f"stage {index + 1} is the file {file!r:.80}: a file can only be the first or the last stage"
        )
    if index == 0 and is_text(file) and _takes_bytes(stages[1]):
        raise InvalidArgTypeError(
            f"stage 1 is the text file {file!r:.80}, and stage 2 takes bytes; open the file with mode 'rb'"
        )


def _takes_bytes(stage: Any) -> bool:
    return isinstance(stage, Writable) and bool(stage._s_takes_bytes_only())


def _can_iterate(source: Any) -> bool:
    return isinstance(source, (Iterable, AsyncIterable)) or is_awaitable(source)


class FunctionResult(PassThrough[Any]):
    """The output of the last function as a stream. It is the pipeline's own result and does not have to be delivered."""

    def _s_unfinished(self) -> None:
        return None


def wrong_return(index: int, wanted: str, made: Any) -> InvalidReturnValueError:
    """Return the error of a function that is stage ``index`` and returned something else than ``wanted``."""
    per_chunk = ""
    if isinstance(made, CoroutineType):
        made.close()
        per_chunk = f"; {_WHOLE_SOURCE}" if index else ""
    return InvalidReturnValueError(f"stage {index + 1} must return {wanted}, got {made!r}{per_chunk}")


def first_stage(stage: Any) -> Any:
    """Return the iterable that the first stage of a pipeline is, or that it makes."""
    # A Future is iterable too, for the sake of ``await``.
    if is_awaitable(stage):
        return from_iterable(stage)
    if isinstance(stage, (Iterable, AsyncIterable)):
        return stage
    made = stage()
    if not isinstance(made, (Iterable, AsyncIterable)):
        raise wrong_return(0, "an iterable or async iterable", made)
    return made


def call_stage(stage: Callable[[Any], Any], source: AsyncIterable[Any]) -> Any:
    """Call a function that is a stage. If it takes its source for a chunk, its error gets a note about that."""
    try:
        return stage(source)
    except (AttributeError, TypeError) as error:
        if type(source).__name__ in str(error):
            error.add_note(_WHOLE_SOURCE)
        raise


def can_read(stream: Any) -> bool:
    """Return whether there is more to read from a stage."""
    return bool(stream._s_has_side(True) and stream.readable and not stream.readable_ended)
