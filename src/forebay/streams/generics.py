"""The type parameters of the streams. The stub beside this file has further names, which only type checkers use.

At run time a parameter changes nothing: ``Readable[bytes]`` stands for `Readable`, also as a base class.
"""

from __future__ import annotations

import typing
from typing import Any

#: A chunk that a byte stream accepts: any object with the buffer protocol.
Buffer: Any = bytes


def TypeVar(name: str, *, default: Any = None, **options: Any) -> Any:
    """A type parameter. Its default, which Python has from 3.13 on, is for type checkers."""
    return typing.TypeVar(name, **options)


class Generic:
    """Names the order of the type parameters. At run time it is no base class."""

    def __class_getitem__(cls, parameters: Any) -> Any:
        return cls()

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[Any, ...]:
        return ()


#: The type of the chunks that a stream emits.
Out_co = TypeVar("Out_co", covariant=True)
#: The type of the chunks that a stream accepts.
In_contra = TypeVar("In_contra", contravariant=True)
#: For streams of bytes: accepted chunks are buffers, and str with an encoding; emitted chunks are bytes or str.
BytesIn_contra = TypeVar("BytesIn_contra", contravariant=True)
BytesOut_co = TypeVar("BytesOut_co", covariant=True)
#: The type of the chunks of a stream that emits the chunks that it accepts.
Chunk = TypeVar("Chunk")
#: The value of an awaitable.
Result_co = TypeVar("Result_co", covariant=True)
