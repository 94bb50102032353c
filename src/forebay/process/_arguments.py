"""The arguments of `spawn` and `through`, checked."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, TypeAlias

from forebay._system.paths import StrPath
from forebay.errors import InvalidArgTypeError, InvalidArgValueError, OutOfRangeError

__all__ = ["Plan", "Wire", "check_plan", "check_wire"]

#: Where a standard stream of a program leads: a word, or a descriptor.
Wire: TypeAlias = int | str

_WORDS = {
    "stdin": ("null", "pipe", "inherit"),
    "stdout": ("pipe", "null", "inherit"),
    "stderr": ("tail", "pipe", "null", "inherit", "stdout"),
}
_OF_SUBPROCESS = {subprocess.PIPE: "pipe", subprocess.DEVNULL: "null", subprocess.STDOUT: "stdout"}


class Plan(NamedTuple):
    """How to run a program. ``words`` are the command as text, for errors."""

    command: tuple[str | bytes | os.PathLike[str], ...]
    words: tuple[str, ...]
    cwd: StrPath | None
    env: Mapping[str, str] | None
    check: bool
    ok_statuses: frozenset[int]
    grace: float


def check_plan(
    command: tuple[Any, ...], cwd: Any, env: Any, check: Any, ok_statuses: Any, grace: Any
) -> Plan:
    """Return the checked plan. Raises InvalidArgTypeError, InvalidArgValueError and OutOfRangeError."""
    if command and isinstance(command[0], (list, tuple)):
        words = ", ".join(map(repr, command[0]))
        raise InvalidArgTypeError(f"give each argument by itself ({words}), got {command[0]!r}")
    for index, word in enumerate(command):
        what = f"argument {index}" if index else "the program"
        if not isinstance(word, (str, bytes, os.PathLike)):
            raise InvalidArgTypeError(f"{what} must be str, bytes or os.PathLike, got {word!r}")
        if _zero_in(word):
            raise InvalidArgValueError(f"{what} must not contain a null character, got {word!r}")
    if not os.fspath(command[0]):
        raise InvalidArgValueError("the program must have a name, got an empty one")
    if len(command) == 1:
        _check_single(command[0])
    if cwd is not None and not isinstance(cwd, (str, bytes, os.PathLike)):
        raise InvalidArgTypeError(f"cwd must be a path or None, got {cwd!r}")
    if env is not None and not isinstance(env, Mapping):
        raise InvalidArgTypeError(f"env must be a mapping of str or None, got {type(env).__name__}")
    if not isinstance(check, bool):
        raise InvalidArgTypeError(f"check must be a bool, got {check!r}")
    text = tuple(os.fsdecode(word) for word in command)
    return Plan(command, text, cwd, env, check, _statuses(ok_statuses), _grace(grace))


def _check_single(program: Any) -> None:
    """Reject a whole command line as the name of a program."""
    words = _split(os.fsdecode(program))
    if len(words) > 1 and shutil.which(program) is None:
        arguments = ", ".join(map(repr, words))
        raise InvalidArgValueError(
            f"the program is {program!r}: give each argument by itself ({arguments}), or run a shell: 'sh', '-c', {program!r}"
        )


def _zero_in(word: Any) -> bool:
    path = os.fspath(word)
    return (b"\0" if isinstance(path, bytes) else "\0") in path


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return [text]


def _statuses(values: Any) -> frozenset[int]:
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        raise InvalidArgTypeError(f"ok_statuses must be an iterable of int, got {values!r}")
    statuses = list(values)
    for each in statuses:
        if isinstance(each, bool) or not isinstance(each, int):
            raise InvalidArgTypeError(f"ok_statuses must hold int, got {each!r}")
    return frozenset(statuses)


def _grace(seconds: Any) -> float:
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        raise InvalidArgTypeError(f"grace must be a number of seconds, got {seconds!r}")
    if not 0 <= seconds < float("inf"):
        raise OutOfRangeError(f"grace must be 0 or more seconds and finite, got {seconds}")
    return float(seconds)


def check_wire(name: str, value: Any, refused: str = "") -> Wire:
    """Return a word of the argument ``name``, or a descriptor. Raises InvalidArgTypeError and InvalidArgValueError."""
    words = tuple(word for word in _WORDS[name] if word != refused)
    if value is None:
        return words[0]
    if isinstance(value, bool):
        value = repr(value)
    elif isinstance(value, int) and value in _OF_SUBPROCESS:
        value = _OF_SUBPROCESS[value]
    if isinstance(value, str):
        if value in words:
            return value
        raise InvalidArgValueError(
            f"{name} must be one of {', '.join(map(repr, words))}, a descriptor or an open file, got {value!r}"
        )
    if hasattr(value, "fileno"):
        value = value.fileno()
    if not isinstance(value, int):
        raise InvalidArgTypeError(
            f"{name} must be one of {', '.join(map(repr, words))}, a descriptor or an open file, got {value!r}"
        )
    if value < 0:
        raise InvalidArgValueError(f"{name} must be an open descriptor, got {value}")
    return value
