"""Names of higher modules that Readable and Duplex call. ``streams/__init__.py`` fills them once.

A method of a base class that makes a subclass needs a module that itself imports the base class. This table names those
modules, so that the imports have no circle.
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
