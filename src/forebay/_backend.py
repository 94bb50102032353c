"""Choose between the compiled backend and the pure-Python one, once, when forebay is imported.

``FOREBAY_BACKEND=c`` requires the compiled modules, and ``FOREBAY_BACKEND=python`` ignores them. Without the variable the
compiled modules are used if they can be imported. The buffers have two implementations. The stream core has one source:
its compiled modules stand beside the ``.py`` files from which they were made, and the pure-Python backend imports these
files instead.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from typing import Any

__all__ = ["backend"]

# All modules are compiled or none is; this one imports no other.
_COMPILED = "forebay._core.scheduling.calls"


class _SourceFinder:
    """Find the .py file of a forebay module even if a compiled one stands beside it."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        package, _, module = name.rpartition(".")
        if package != "forebay" and not package.startswith("forebay."):
            return None
        for folder in path or ():
            source = os.path.join(folder, module + ".py")
            if os.path.isfile(source):
                return spec_from_file_location(name, source)
        return None


def _choose() -> str:
    wanted = os.environ.get("FOREBAY_BACKEND", "")
    if wanted not in ("", "c", "python"):
        raise ImportError(f"FOREBAY_BACKEND is {wanted!r}; it must be 'c', 'python' or unset")
    if wanted != "python":
        try:
            module = import_module(_COMPILED)
        except ImportError:
            if wanted == "c":
                raise
        else:
            if not str(module.__file__).endswith(".py"):
                return "c"
            if wanted == "c":
                raise ImportError(
                    "FOREBAY_BACKEND=c, but forebay is not compiled; reinstall with a C compiler"
                )
    sys.meta_path.insert(0, _SourceFinder)
    return "python"


#: The backend in use: ``"c"`` or ``"python"``.
backend: str = _choose()
