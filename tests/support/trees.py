"""Trees of folders: make one, and describe one, so that two can be compared."""

import os
import stat
from pathlib import Path


def make_tree(root, entries):
    """Make files of bytes, links of str, and folders of dicts, by name."""
    root.mkdir()
    for name, content in entries.items():
        path = Path(os.fsdecode(os.path.join(os.fsencode(root), os.fsencode(name))))
        if isinstance(content, dict):
            make_tree(path, content)
        elif isinstance(content, str):
            path.symlink_to(content)
        else:
            path.write_bytes(content)
    return root


def tree_of(root):
    """The same of what is there; other kinds are their mode."""
    found = {}
    for entry in os.scandir(root):
        if entry.is_dir(follow_symlinks=False):
            found[entry.name] = tree_of(entry.path)
        elif entry.is_symlink():
            found[entry.name] = os.readlink(entry.path)
        elif entry.is_file():
            found[entry.name] = Path(entry.path).read_bytes()
        else:
            found[entry.name] = stat.S_IFMT(entry.stat(follow_symlinks=False).st_mode)
    return found


def modes_of(root):
    """The permissions of all folders and files by path."""
    paths = [root, *(path for path in root.rglob("*") if not path.is_symlink())]
    return {str(path.relative_to(root)): stat.S_IMODE(path.stat().st_mode) for path in paths}
