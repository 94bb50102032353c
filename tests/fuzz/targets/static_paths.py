"""Paths of static files: whatever is asked for, nothing outside of the folder is opened."""

import atexit
import os
import tempfile

from forebay.http._messages.url_path import decoded_path
from forebay.http._server.open_file import Folder, OpenFile, fault_status, open_file
from fuzz.oracles import Finding

_place = tempfile.TemporaryDirectory()
atexit.register(_place.cleanup)
ROOT = os.path.join(_place.name, "root")
os.makedirs(os.path.join(ROOT, "folder"))
for _name, _text in (
    ("root/a", "inside"),
    ("root/folder/b", "inside"),
    ("secret", "outside"),
    ("root-2", "outside"),
):
    with open(os.path.join(_place.name, _name), "w") as _file:
        _file.write(_text)
os.symlink("../secret", os.path.join(ROOT, "out"))
os.symlink("..", os.path.join(ROOT, "up"))
os.symlink("folder", os.path.join(ROOT, "in"))
os.symlink("loop", os.path.join(ROOT, "loop"))
os.mkfifo(os.path.join(ROOT, "fifo"))
SEEDS = [
    b"/a",
    b"/folder/b",
    b"/in/b",
    b"/out",
    b"/up/secret",
    b"/../secret",
    b"/%2e%2e/secret",
    b"/folder/..%2f../secret",
    b"/a/",
    b"/folder",
    b"//a",
    b"/./a",
    b"/a%00",
    b"/loop",
    b"/fifo",
    b"/..\\secret",
    b"/../root-2",
    b"/etc/passwd",
    b"/" + b"a/" * 100,
    b"http://x/a",
    b"/folder/../a?x#y",
    b"/up/root/a",
]


def one(data):
    path = os.fsdecode(decoded_path(data.decode("latin-1")))
    try:
        found = open_file(path, ROOT)
    except Exception as error:
        if not fault_status(error):
            raise Finding(f"an error without a status: {error!r:.300}") from error
        return
    if isinstance(found, Folder):
        place = os.path.realpath(f"/proc/self/fd/{found.fd}")
        os.close(found.fd)
        if place != ROOT and not place.startswith(ROOT + "/"):
            raise Finding(f"the folder {place}")
        return
    assert isinstance(found, OpenFile)
    found.close()
    if found.data != b"inside":
        raise Finding(f"a file with {found.data!r}")
