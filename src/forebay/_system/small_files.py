"""Copy many small files in one call, for the pure-Python backend: it leaves every file to the way of larger ones.

The compiled twin copies without the interpreter's lock, so several threads copy at the same time.
"""

from __future__ import annotations

import os

__all__ = ["SmallFiles", "sync_file_system"]


class SmallFiles:
    """The small files that one thread copies. Those that are not plain, or fail, are left to the caller.

    Each copy appears under its name when it is whole. Nothing that exists is replaced.
    """

    def stop(self) -> None:
        """Copy no further file. Another thread may call it."""

    def copy(self, source: int, target: int, names: list[str], atomic: bool) -> tuple[int, list[str]]:
        """Copy files with these names from one open folder to another.

        Return the bytes that were copied, and the names of the files that were not.
        """
        return 0, names


def sync_file_system(fd: int) -> None:
    """Write what the file system of ``fd`` holds in memory to the disk, as far as the system can be asked for one alone."""
    os.sync()
