"""What Readable and Duplex call of the modules above them. ``streams/__init__.py`` fills these names once.

A method of a base class that makes a subclass needs a module that itself imports the base class. Those modules are named
here and nowhere else, so that no file imports another in a circle.
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
duplexify: Any = None
