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
from importlib.machinery import FileFinder, ModuleSpec, SourceFileLoader
from typing import Any

__all__ = ["backend"]

# All modules are compiled or none is; this one imports no other, and is small.
_COMPILED = "forebay._core.scheduling.fifo"


class _SourceFinder:
    """Find the .py file of a forebay module even if a compiled one stands beside it."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if not name.startswith("forebay."):
            return None
        for folder in path or ():
            spec = FileFinder(folder, (SourceFileLoader, [".py"])).find_spec(name)
            if spec is not None and spec.loader is not None:
                return spec
        return None


def _refuse_platforms() -> None:
    """Raise where the package would lose data or fail later with another error."""
    if sys.platform == "win32":
        raise ImportError("forebay does not support Windows; it runs on Linux and macOS, and in WSL")
    if sys.implementation.name != "cpython":
        # Others do not say which views of a buffer are still held, so the ring would overwrite them.
        raise ImportError(f"forebay does not support {sys.implementation.name}; it needs CPython")


def _choose() -> str:
    _refuse_platforms()
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
