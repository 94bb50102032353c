"""compose(): several stages as one Duplex."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

from forebay._core.waiting.finished import finished
from forebay.errors import InvalidArgValueError, MissingArgsError
from forebay.streams.blocking.file_objects import with_files
from forebay.streams.duplex import Duplex
from forebay.streams.joining.composite import Composite
from forebay.streams.joining.duplexify import duplex_from
from forebay.streams.joining.pipeline import Pipeline, pipeline
from forebay.streams.joining.relay import destroy_quietly
from forebay.streams.readable import Readable
from forebay.streams.writable import Writable

if TYPE_CHECKING:
    from forebay.streams.generics import First, Middle, Sink, TypeVar

    _A = TypeVar("_A", default=Any)
    _B = TypeVar("_B", default=Any)
    _C = TypeVar("_C", default=Any)
    _D = TypeVar("_D", default=Any)
    _E = TypeVar("_E", default=Any)
    _F = TypeVar("_F", default=Any)
    _G = TypeVar("_G", default=Any)


@overload
def compose(stage: First[_A, _B], /) -> Duplex[_A, _B]: ...
@overload
def compose(stage: Writable[_A], /) -> Duplex[_A, Any]: ...
@overload
def compose(first: First[_A, _B], last: Middle[_B, _C], /) -> Duplex[_A, _C]: ...
@overload
def compose(first: First[_A, _B], last: Sink[_B, object], /) -> Duplex[_A, Any]: ...
@overload
def compose(first: First[_A, _B], two: Middle[_B, _C], last: Middle[_C, _D], /) -> Duplex[_A, _D]: ...
@overload
def compose(first: First[_A, _B], two: Middle[_B, _C], last: Sink[_C, object], /) -> Duplex[_A, Any]: ...
@overload
def compose(
    first: First[_A, _B], two: Middle[_B, _C], three: Middle[_C, _D], last: Middle[_D, _E], /
) -> Duplex[_A, _E]: ...
@overload
def compose(
    first: First[_A, _B], two: Middle[_B, _C], three: Middle[_C, _D], last: Sink[_D, object], /
) -> Duplex[_A, Any]: ...
@overload
def compose(
    first: First[_A, _B],
    two: Middle[_B, _C],
    three: Middle[_C, _D],
    four: Middle[_D, _E],
    last: Middle[_E, _F],
    /,
) -> Duplex[_A, _F]: ...
@overload
def compose(
    first: First[_A, _B],
    two: Middle[_B, _C],
    three: Middle[_C, _D],
    four: Middle[_D, _E],
    last: Sink[_E, object],
    /,
) -> Duplex[_A, Any]: ...
@overload
def compose(
    first: First[_A, _B],
    two: Middle[_B, _C],
    three: Middle[_C, _D],
    four: Middle[_D, _E],
    five: Middle[_E, _F],
    last: Middle[_F, _G],
    /,
) -> Duplex[_A, _G]: ...
@overload
def compose(
    first: First[_A, _B],
    two: Middle[_B, _C],
    three: Middle[_C, _D],
    four: Middle[_D, _E],
    five: Middle[_E, _F],
    last: Sink[_F, object],
    /,
) -> Duplex[_A, Any]: ...
def compose(*stages: Any) -> Duplex[Any, Any]:
    """Make one Duplex of ``stages``: writes go to the first stage, and reads come from the last.

    The result is readable if the last stage is, and writable if the first stage is. An error of a stage destroys the result
    and all other stages. Destroying the result destroys the stages. One stage alone is ``Duplex.from_(stage)``.

    Args:
        stages: Streams or functions, as for `pipeline`.

    Returns:
        The Duplex.

    Raises:
        MissingArgsError: There is no stage.
        InvalidArgTypeError: An argument is not a stage.
        InvalidArgValueError: Two neighbours cannot be joined.
    """
    if not stages:
        raise MissingArgsError("compose() needs a stage")
    if len(stages) == 1:
        return duplex_from(stages[0])
    members = list(with_files(stages))
    for index in (0, -1):
        if callable(members[index]) and not isinstance(members[index], (Readable, Writable)):
            members[index] = duplex_from(members[index])
    for index, stage in enumerate(members):
        if not isinstance(stage, (Readable, Writable)):
            continue
        if index < len(members) - 1 and not _can_read(stage):
            raise InvalidArgValueError(f"stage {index + 1} must be readable, got {stage!r}")
        if index > 0 and not _can_write(stage):
            raise InvalidArgValueError(f"stage {index + 1} must be writable, got {stage!r}")
    return _Composed(members)


def compose_for_text(*stages: Any) -> Duplex[Any, Any]:
    """Compose streams as `compose` does; ``str`` chunks that are written are encoded in UTF-8."""
    return _Composed(list(stages), "utf8")


class _Composed(Composite):
    def __init__(self, members: list[Any], default_encoding: str | None = None) -> None:
        flow = pipeline(*members)
        flow._inner = True
        head = members[0]
        last = flow.stream
        super().__init__(
            head if _can_write(head) else None, last if _can_read(last) else None, default_encoding
        )
        self._last = last
        flow.add_done_callback(self._flow_done)
        if self._head is not None:
            # An error of the last stage is reported as the error of the composed stream.
            finished(last).add_done_callback(self._last_done)

    def _last_done(self, watch: Any) -> None:
        watch.exception()
        self._on_finish()

    def _flow_done(self, flow: Pipeline[Any]) -> None:
        error = flow.exception()
        alone = error is None and self._close is None and self._head is None and self._source is None
        self._inner_done(error)
        if alone:
            self.destroy()
        elif error is None and self._source is not None and not self.destroyed:
            # The flow is done when everything is written to the last stage, whose output goes on.
            finished(self._source, writable=False).add_done_callback(self._tail_done)

    def _tail_done(self, watch: Any) -> None:
        error = watch.exception()
        if error is not None:
            self.destroy(error)

    def _destroy_inner(self, error: BaseException | None) -> None:
        destroy_quietly(self._last, error)


def _can_read(stage: Any) -> bool:
    return isinstance(stage, Readable) and stage.readable


def _can_write(stage: Any) -> bool:
    return isinstance(stage, Writable) and stage.writable
