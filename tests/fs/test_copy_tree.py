"""copy_tree(): all that is in a folder, in threads, without following a link."""

import asyncio
import os
import socket
import stat
import subprocess
import sys
import threading

import pytest

from forebay import AbortController
from forebay.errors import AbortError, InvalidArgTypeError, InvalidArgValueError, OutOfRangeError
from forebay.fs import copy_tree
from support.command import noise, temporary_files
from support.trees import make_tree, modes_of, tree_of

ENTRIES = {
    "empty": b"",
    "one": b"1",
    "small": noise(5000),
    "a block": noise(65536),
    "a MiB": noise(1024 * 1024),
    "more": noise(1024 * 1024 + 1),
    "large": noise(2_600_000),
    "nothing": {},
    "folder": {"deeper": {"deepest": {"x": b"x", "y": b"y"}}, "beside": b"z"},
    "link": "one",
    "broken": "nowhere/at all",
    "link to a folder": "folder",
    "\u00e4 \n\u20ac": b"a name",
}


@pytest.fixture
def source(tmp_path):
    return make_tree(tmp_path / "source", ENTRIES)


@pytest.fixture
def target(tmp_path):
    return tmp_path / "target"


@pytest.fixture(params=[True, False], ids=["atomic", "in place"])
def atomic(request):
    return request.param


@pytest.fixture
def mask():
    """A usual umask."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def errors_of(group):
    return {os.path.basename(error.filename): error for error in group.exceptions}


# ---- what is copied


@pytest.mark.parametrize("jobs", [1, 2, 7])
def test_everything(run, source, target, atomic, jobs):
    done = run(lambda: copy_tree(source, target, jobs=jobs, atomic=atomic))
    assert tree_of(target) == ENTRIES
    size = sum(len(content) for content in ENTRIES.values() if isinstance(content, bytes)) + 3
    assert (done.files, done.folders, done.links, done.bytes) == (11, 5, 3, size)
    assert done.failed == 0
    assert done.seconds > 0


def test_many_files_in_one_folder(run, tmp_path, target, atomic):
    entries = {f"file {i}": b"%d" % i * (i % 50) for i in range(1000)}
    source = make_tree(tmp_path / "source", entries)
    done = run(lambda: copy_tree(source, target, jobs=4, atomic=atomic))
    assert tree_of(target) == entries
    assert done.files == 1000


def test_many_folders(run, tmp_path, target):
    entries = {f"folder {i}": {f"{j}": {"file": b"%d" % j} for j in range(5)} for i in range(100)}
    source = make_tree(tmp_path / "source", entries)
    done = run(lambda: copy_tree(source, target, jobs=3))
    assert tree_of(target) == entries
    assert done.folders == 601


def test_permissions_less_the_umask(run, source, target, atomic, mask):
    (source / "one").chmod(0o4751)
    (source / "small").chmod(0o400)
    (source / "large").chmod(0o666)
    (source / "folder" / "deeper").chmod(0o500)
    (source / "nothing").chmod(0o777)
    run(lambda: copy_tree(source, target, atomic=atomic))
    modes = modes_of(target)
    wanted = {name: mode & 0o777 & ~0o022 for name, mode in modes_of(source).items()}
    assert modes == wanted
    for root in (source, target):
        (root / "folder" / "deeper").chmod(0o700)


def test_a_file_with_a_hole(run, tmp_path, target, atomic):
    source = make_tree(tmp_path / "source", {})
    with open(source / "sparse", "wb") as file:
        file.write(b"begin")
        file.seek(5_000_000)
        file.write(b"end")
    if (source / "sparse").stat().st_blocks * 512 > 1_000_000:
        pytest.skip("the file system has no holes")
    run(lambda: copy_tree(source, target, atomic=atomic))
    assert (target / "sparse").read_bytes() == (source / "sparse").read_bytes()
    assert (target / "sparse").stat().st_blocks * 512 < 1_000_000


def test_linked_names_become_files_of_their_own(run, tmp_path, target):
    source = make_tree(tmp_path / "source", {"one": b"content"})
    os.link(source / "one", source / "two")
    run(copy_tree, source, target)
    assert (target / "one").stat().st_ino != (target / "two").stat().st_ino
    assert tree_of(target) == {"one": b"content", "two": b"content"}


@pytest.mark.skipif(sys.platform == "darwin", reason="names are UTF-8 there")
def test_names_that_are_not_utf_8(run, tmp_path, target):
    source = make_tree(tmp_path / "source", {b"\xff\xfe": b"1", b"\xe4": {b"\x80": b"2"}})
    (source / "small").symlink_to(os.fsdecode(b"\xff"))
    run(copy_tree, os.fsencode(source), os.fsencode(target))
    assert tree_of(target) == tree_of(source)
    assert len(tree_of(target)) == 3


def test_a_file_without_a_size(run, target):
    """Files of the kernel have content and no size."""
    folder = f"/proc/{os.getpid()}/net"
    if not os.path.isdir(folder):
        pytest.skip("needs /proc")
    errors = []
    run(lambda: copy_tree(folder, target, on_error=errors.append))
    assert (target / "dev").read_bytes().startswith(b"Inter-|")


def test_source_and_target_may_be_links(run, tmp_path, source, target):
    target.mkdir()
    (tmp_path / "to source").symlink_to(source)
    (tmp_path / "to target").symlink_to(target)
    run(copy_tree, tmp_path / "to source", tmp_path / "to target")
    assert tree_of(target) == ENTRIES


def test_synced(run, source, target):
    run(lambda: copy_tree(source, target, sync=True))
    assert tree_of(target) == ENTRIES


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a path of macOS is shorter")
def test_a_tree_deeper_than_any_path_with_few_descriptors(tmp_path):
    """Every folder on the way has another subfolder that waits, so all of them have to be found again."""
    script = """
import asyncio, os, resource, sys
from forebay.fs import copy_tree
DEPTH, NAME = 400, "n" * 40
def build(root):
    os.mkdir(root)
    fd = os.open(root, os.O_RDONLY)
    for i in range(DEPTH):
        for name in (NAME, "a", "z"):
            os.mkdir(name, dir_fd=fd)
        os.close(os.open("a/file", os.O_CREAT | os.O_WRONLY, dir_fd=fd))
        inner = os.open(NAME, os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = inner
    os.close(fd)
def count(root):
    found = 0
    fd = os.open(root, os.O_RDONLY)
    for i in range(DEPTH):
        os.stat("a/file", dir_fd=fd), os.stat("z", dir_fd=fd)
        inner = os.open(NAME, os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = inner
    os.close(fd)
build("source")
resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))
done = asyncio.run(copy_tree("source", "target", jobs=2))
assert (done.files, done.folders, done.failed) == (DEPTH, 3 * DEPTH + 1, 0), done
count("target")
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    # Neither Python's nor pytest's way to remove a folder is made for that.
    subprocess.run(["rm", "-rf", "source", "target"], cwd=tmp_path, check=True)
    assert (done.returncode, done.stderr) == (0, "")


# ---- a target that exists


def test_merged(run, tmp_path, target, atomic):
    source = make_tree(
        tmp_path / "source", {"same": b"new", "sub": {"x": b"new"}, "link": "new", "other": "link"}
    )
    make_tree(target, {"same": b"a longer old one", "sub": {"x": b"old", "y": b"kept"}, "link": "old"})
    (target / "other").write_bytes(b"a file")
    (target / "kept").write_bytes(b"kept")
    done = run(lambda: copy_tree(source, target, atomic=atomic))
    assert tree_of(target) == {
        "same": b"new",
        "sub": {"x": b"new", "y": b"kept"},
        "link": "new",
        "other": "link",
        "kept": b"kept",
    }
    assert (done.files, done.folders, done.links) == (2, 0, 2)


def test_a_file_that_exists_keeps_its_permissions(run, tmp_path, target, atomic):
    source = make_tree(tmp_path / "source", {"file": b"new"})
    make_tree(target, {"file": b"old"})
    (target / "file").chmod(0o640)
    run(lambda: copy_tree(source, target, atomic=atomic))
    assert tree_of(target) == {"file": b"new"}
    assert stat.S_IMODE((target / "file").stat().st_mode) == 0o640


def test_no_link_of_the_target_is_followed(run, tmp_path, target, atomic):
    """A file replaces a link of its name; a folder does not go where a link leads."""
    source = make_tree(tmp_path / "source", {"file": b"new", "large": noise(2_000_000), "sub": {"x": b"new"}})
    outside = make_tree(tmp_path / "outside", {"file": b"outside", "large": b"outside", "sub": {}})
    make_tree(target, {name: str(outside / name) for name in ("file", "large", "sub")})
    with pytest.raises(ExceptionGroup) as caught:
        run(lambda: copy_tree(source, target, atomic=atomic))
    assert tree_of(outside) == {"file": b"outside", "large": b"outside", "sub": {}}
    assert [error.filename for error in caught.value.exceptions] == [str(target / "sub")]
    found = tree_of(target)
    assert (found["file"], found["large"]) == (b"new", noise(2_000_000))


def test_what_cannot_be_replaced(run, tmp_path, target, atomic):
    source = make_tree(tmp_path / "source", {"a": b"file", "b": "link", "c": {"x": b""}, "d": b"", "e": b"e"})
    make_tree(target, {"a": {}, "b": {"in it": b""}, "c": b"a file"})
    os.mkfifo(target / "d")
    with pytest.raises(ExceptionGroup, match=r"4 of the entries of .*source could not be copied") as caught:
        run(lambda: copy_tree(source, target, atomic=atomic))
    errors = errors_of(caught.value)
    assert {name: type(error) for name, error in errors.items()} == {
        "a": IsADirectoryError,
        "b": IsADirectoryError,
        "c": NotADirectoryError,
        "d": FileExistsError,
    }
    assert all(error.filename.startswith(str(target)) for error in errors.values())
    assert (target / "e").read_bytes() == b"e"
    assert (target / "c").read_bytes() == b"a file"


# ---- errors


def test_special_files_are_named_and_the_rest_goes_on(run, source, target):
    os.mkfifo(source / "folder" / "fifo")
    with socket.socket(socket.AF_UNIX) as sock:
        # Its path may be too long for a socket.
        here = os.open(source, os.O_RDONLY)
        sock.bind(f"/proc/self/fd/{here}/socket")
        os.close(here)
        with pytest.raises(ExceptionGroup) as caught:
            run(copy_tree, source, target)
    errors = errors_of(caught.value)
    assert sorted(errors) == ["fifo", "socket"]
    assert "a FIFO is not copied" in str(errors["fifo"])
    assert "a socket is not copied" in str(errors["socket"])
    assert errors["fifo"].filename == str(source / "folder" / "fifo")
    assert tree_of(target) == ENTRIES


def test_on_error_gets_each_error_once_on_the_loops_thread(run, source, target):
    for i in range(5):
        os.mkfifo(source / f"fifo {i}")
    seen = []

    async def main():
        return await copy_tree(
            source, target, on_error=lambda error: seen.append((error.filename, threading.get_ident()))
        )

    done = run(main)
    assert sorted(name for name, _ in seen) == [str(source / f"fifo {i}") for i in range(5)]
    assert {ident for _, ident in seen} == {threading.get_ident()}
    assert done.failed == 5
    assert tree_of(target) == ENTRIES


@pytest.mark.skipif(os.getuid() == 0, reason="root may read everything")
def test_what_cannot_be_read(run, source, target):
    (source / "one").chmod(0)
    (source / "folder").chmod(0)
    with pytest.raises(ExceptionGroup) as caught:
        run(copy_tree, source, target)
    (source / "folder").chmod(0o700)
    assert {type(error) for error in caught.value.exceptions} == {PermissionError}
    assert sorted(errors_of(caught.value)) == ["folder", "one"]
    assert (target / "small").exists()


def test_a_full_disk_names_each_file(tmp_path):
    """Files beyond a limit of the process stand for a full disk."""
    make_tree(tmp_path / "source", {"large": noise(3_000_000), "medium": noise(600_000), "small": b"small"})
    script = """
import asyncio, resource, signal
from forebay.fs import copy_tree
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))
errors = []
done = asyncio.run(copy_tree("source", "target", on_error=errors.append))
print(done.files, done.failed, sorted((error.filename, error.errno) for error in errors))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.stderr == ""
    assert done.stdout == "1 2 [('target/large', 27), ('target/medium', 27)]\n"
    assert tree_of(tmp_path / "target") == {"small": b"small"}


def test_target_inside_source(run, tmp_path, source):
    (tmp_path / "beside").symlink_to(source / "folder")
    for inside in (source / "new", source / "folder" / "deeper", tmp_path / "beside" / "new"):
        with pytest.raises(InvalidArgValueError, match="is inside"):
            run(copy_tree, source, inside)
    for same in (source, f"{source}/.", tmp_path / "beside" / ".."):
        with pytest.raises(InvalidArgValueError, match="are the same folder"):
            run(copy_tree, source, same)
    assert tree_of(source) == ENTRIES


def test_source_inside_target(run, source):
    """The target has what the source has, and the source stays."""
    (source / "folder" / "one").write_bytes(b"another")
    run(copy_tree, source / "folder", source)
    assert (source / "one").read_bytes() == b"another"
    assert (source / "deeper" / "deepest" / "x").read_bytes() == b"x"


@pytest.mark.parametrize(
    ("source_name", "target_name", "error"),
    [
        ("nothing", "target", FileNotFoundError),
        ("file", "target", NotADirectoryError),
        ("source", "file", NotADirectoryError),
        ("source", "nothing/target", FileNotFoundError),
        ("source", "dangling", FileNotFoundError),
    ],
)
def test_wrong_ends(run, tmp_path, source, source_name, target_name, error):
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "dangling").symlink_to("nowhere")
    with pytest.raises(error) as caught:
        run(copy_tree, tmp_path / source_name, tmp_path / target_name)
    assert caught.value.filename is not None
    assert (tmp_path / "file").read_bytes() == b""


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"jobs": 0}, OutOfRangeError),
        ({"jobs": 65}, OutOfRangeError),
        ({"jobs": True}, InvalidArgTypeError),
        ({"jobs": "2"}, InvalidArgTypeError),
        ({"on_error": 1}, InvalidArgTypeError),
        ({"signal": 1}, InvalidArgTypeError),
        ({"source": 1}, InvalidArgTypeError),
        ({"target": "a\0b"}, InvalidArgValueError),
    ],
)
def test_wrong_arguments(run, source, target, wrong, error):
    arguments = {"source": source, "target": target, **wrong}
    with pytest.raises(error, match="path" if "source" in wrong or "target" in wrong else next(iter(wrong))):
        run(lambda: copy_tree(**arguments))
    assert not target.exists()


# ---- stopped


@pytest.fixture
def wide(tmp_path):
    """A tree that takes a while, and its content."""
    entries = {f"{i}": {f"{j}": noise(20_000, i) for j in range(20)} for i in range(60)}
    entries["large"] = noise(30_000_000)
    return make_tree(tmp_path / "source", entries), entries


def assert_whole_files(target, entries):
    """What was copied is whole, and nothing else is there."""
    for name, content in tree_of(target).items() if target.exists() else ():
        if isinstance(content, dict):
            assert all(entries[name][inner] == data for inner, data in content.items())
        else:
            assert content == entries[name]
    for folder in (target, *target.glob("*/")):
        assert not folder.is_dir() or temporary_files(folder) == []


@pytest.mark.parametrize("seconds", [0, 0.01, 0.05])
def test_cancelled(run, wide, target, seconds):
    source, entries = wide

    async def main():
        task = asyncio.create_task(copy_tree(source, target, jobs=2))
        await asyncio.sleep(seconds)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(main)
    assert_whole_files(target, entries)


def test_aborted(run, wide, target):
    source, entries = wide

    async def main():
        controller = AbortController()
        task = asyncio.create_task(copy_tree(source, target, jobs=2, signal=controller.signal))
        while not target.exists():
            await asyncio.sleep(0)
        controller.abort(RuntimeError("enough"))
        with pytest.raises(AbortError) as caught:
            await task
        assert isinstance(caught.value.__cause__, RuntimeError)
        with pytest.raises(AbortError):
            await copy_tree(source, target, signal=controller.signal)

    run(main)
    assert_whole_files(target, entries)
    assert tree_of(target) != entries


# ---- what changes meanwhile


def test_a_file_that_grows_ends(run, tmp_path, target, atomic):
    source = make_tree(tmp_path / "source", {"log": noise(4_000_000)})
    stop = threading.Event()

    def append():
        with open(source / "log", "ab", buffering=0) as log:
            for _ in range(20_000):
                if stop.is_set():
                    return
                log.write(b"more" * 1000)

    thread = threading.Thread(target=append)
    thread.start()
    try:
        run(lambda: copy_tree(source, target, atomic=atomic))
    finally:
        stop.set()
        thread.join()
    copied = (target / "log").read_bytes()
    assert len(copied) >= 4_000_000
    assert (source / "log").read_bytes().startswith(copied)


@pytest.mark.parametrize("size", [10, 1_500_000])
def test_a_link_that_takes_the_place_of_a_file_is_not_followed(run, tmp_path, target, size):
    """Another program swaps files and folders with links to what it must not read."""
    secret = make_tree(tmp_path / "secret", {"file": b"s" * size})
    source = make_tree(tmp_path / "source", {"file": b"f" * size, "folder": {"file": b"f" * size}})
    os.symlink(secret / "file", tmp_path / "link")
    os.symlink(secret, tmp_path / "folder link")
    stop = threading.Event()

    def swap():
        while not stop.is_set():
            for name, link in (("file", "link"), ("folder", "folder link")):
                os.rename(source / name, tmp_path / "aside")
                os.rename(tmp_path / link, source / name)
                os.rename(source / name, tmp_path / link)
                os.rename(tmp_path / "aside", source / name)

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        for i in range(30):
            errors = []
            copied = target.with_name(f"target {i}")
            run(lambda copied=copied, errors=errors: copy_tree(source, copied, on_error=errors.append))
            for path in copied.rglob("file"):
                # A link is copied as a link.
                assert path.is_symlink() or path.read_bytes() == b"f" * size
    finally:
        stop.set()
        thread.join()
