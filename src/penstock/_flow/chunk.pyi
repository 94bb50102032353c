from typing import Any

from penstock.errors import InvalidArgTypeError

def byte_chunk(chunk: object) -> Any: ...
def mark(name: str, value: object, object_mode: bool) -> int: ...
def get_default_high_water_mark(object_mode: bool) -> int:
    """The high-water mark of streams made without one: bytes, or objects with ``object_mode``."""

def set_default_high_water_mark(object_mode: bool, value: int) -> None:
    """Set the high-water mark of streams that are made from now on: bytes, or objects with ``object_mode``."""

def describe(chunk: object) -> str: ...
def invalid_chunk(chunk: object) -> InvalidArgTypeError: ...
