"""Chooses between the compiled backend and the pure-Python one, once, when forebay is imported.

``FOREBAY_BACKEND=c`` insists on the compiled modules, ``FOREBAY_BACKEND=python`` leaves them aside; unset, the
compiled ones are used where they can be imported. The buffers have two implementations. The stream core has one
source: compiled, its modules stand beside the ``.py`` files that they were made from, and the pure-Python backend
imports those files instead.
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from typing import TYPE_CHECKING, Any

__all__ = ["ChunkQueue", "RingBuffer", "backend"]


class _SourceFinder:
    """Finds the .py file of a forebay module even where a compiled one stands beside it."""

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
            import forebay._buffers.chunk_queue
            import forebay._buffers.ring  # noqa: F401 - only whether it can be
            from forebay._core.scheduling import ticks
        except ImportError:
            if wanted == "c":
                raise
        else:
            if not ticks.__file__.endswith(".py"):
                return "c"
            if wanted == "c":
                raise ImportError(
                    "FOREBAY_BACKEND=c, but the stream core is not compiled; reinstall with a C compiler"
                )
    sys.meta_path.insert(0, _SourceFinder)
    return "python"


#: The backend in use: ``"c"`` or ``"python"``.
backend: str = _choose()

if TYPE_CHECKING or backend == "c":
    from forebay._buffers.chunk_queue import ChunkQueue
    from forebay._buffers.ring import RingBuffer
else:
    from forebay._buffers.chunk_queue_py import ChunkQueue
    from forebay._buffers.ring_py import RingBuffer
    from forebay._core.fields import give_defaults

    give_defaults()
