"""Functions of higher modules that Readable and Duplex call. ``streams/__init__.py`` sets them once.

Some methods of Readable and Duplex return an object of a subclass: `Readable.map` returns an OperatorStream. The module of
the subclass imports Readable, so ``readable.py`` cannot import that module. It reads the function from this module instead.
"""

from __future__ import annotations

from typing import Any

#: The module ``streams.operators.methods``.
operators: Any = None
#: The function behind `Readable.from_`.
from_iterable: Any = None
#: The function `forebay.compose`.
compose: Any = None
#: The function behind the operator ``|``.
join: Any = None
#: The function behind `Duplex.from_`.
duplex_from: Any = None
