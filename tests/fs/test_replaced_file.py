"""atomic=True: which file is replaced, and which attributes the new file takes over."""

import asyncio
import contextlib
import errno
import os
import shutil
import socket
import struct
import subprocess
import sys

import pytest

from forebay.errors import InvalidArgTypeError, InvalidArgValueError
from forebay.fs import create_write_stream, remove_leftovers
from support.files import closed, until

needs_linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="as Linux does it")
needs_acl = pytest.mark.skipif(shutil.which("setfacl") is None, reason="needs setfacl")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be somebody else")


@pytest.fixture(autouse=True, params=["without a name", "with a name"])
def temporary(request, monkeypatch):
    if request.param == "with a name":
        monkeypatch.setattr("forebay._system.atomic_replace._NAMELESS", 0)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(run, path, data=b"new", atomic=True):
    """Write the file; return the error, or None."""

    async def main():
        stream = create_write_stream(path, atomic=atomic)
        stream.end(data)
        return await closed(stream)

    return run(main)


def acl(path):
    out = subprocess.run(["getfacl", "-cn", path], capture_output=True, text=True, check=True).stdout
    return out.split()


def setfacl(path, *entries):
    subprocess.run(["setfacl", "-m", ",".join(entries), path], check=True)


# ---- which file


@pytest.mark.parametrize(
    "path",
    [
        *("new/", "file/", "file/.", "folder/.", "folder/..", ".", "..", "", "/", "no/file", "no/../file"),
        *("file/x", "to file/", "to nothing/", "ring", "ring/x", "to folder", "to slash", "n" * 256),
        "x/" * 2100 + "x",
    ],
)
def test_unwritable_file_is_not_replaced(run, folder, path):
    (folder / "file").write_bytes(b"old")
    (folder / "folder").mkdir()
    for name, target in [("file", "file"), ("nothing", "nothing"), ("folder", "folder"), ("slash", "file/")]:
        (folder / f"to {name}").symlink_to(target)
    (folder / "ring").symlink_to("ring")
    before = sorted(os.listdir())
    direct = write(run, path, atomic=False)
    replaced = write(run, path)
    assert (type(replaced), replaced.errno, replaced.filename) == (type(direct), direct.errno, path)
    assert sorted(os.listdir()) == before
    assert (folder / "file").read_bytes() == b"old"


@pytest.mark.parametrize(
    "path",
    [
        "file",
        "./file",
        "folder/../file",
        "to file",
        "to to file",
        "folder/up",
        b"file",
        "to absolute",
        "//file",
    ],
)
def test_existing_file_is_replaced(run, folder, path):
    (folder / "file").write_bytes(b"old")
    (folder / "folder").mkdir()
    (folder / "folder" / "up").symlink_to("../to file")
    (folder / "to file").symlink_to("file")
    (folder / "to to file").symlink_to("to file")
    (folder / "to absolute").symlink_to(folder / "to file")
    assert write(run, f"{folder}{path}" if path == "//file" else path) is None
    assert (folder / "file").read_bytes() == b"new"
    assert sorted(os.listdir()) == ["file", "folder", "to absolute", "to file", "to to file"]
    assert os.listdir("folder") == ["up"]


@pytest.mark.parametrize("path", ["to nothing", "to to nothing"])
def test_link_to_nothing(run, folder, path):
    (folder / "folder").mkdir()
    (folder / "to nothing").symlink_to("folder/new")
    (folder / "to to nothing").symlink_to("to nothing")
    assert write(run, path) is None
    assert (folder / "folder" / "new").read_bytes() == b"new"
    assert os.path.islink(path)


@pytest.mark.parametrize("name", [b"\xff\xfe", b"a\nb", b" ", b"-", b"n" * 255, "\u00fc" * 127, "\udcff"])
def test_unusual_file_names(run, folder, name):
    try:
        open(name, "wb").close()
    except OSError:
        pytest.skip("the file system has no such names")
    assert write(run, name) is None
    assert [os.fsencode(entry) for entry in os.listdir()] == [os.fsencode(name)]


@needs_linux
def test_path_of_maximum_length(run, folder):
    """A temporary name can be made even if the path has the maximum length."""
    deep = "d" * 199
    here = os.open(".", os.O_RDONLY)
    try:
        for _ in range(20):
            os.mkdir(deep)
            os.chdir(deep)
        os.fchdir(here)
        path = "/".join([deep] * 20) + "/" + "f" * 95
        assert len(path) == 4095
        assert write(run, path) is None
        assert os.path.getsize(path) == 3
    finally:
        os.fchdir(here)
        os.close(here)


def test_folder_is_renamed_meanwhile(run, folder):
    """The file stays in its folder; a new folder with the old name is not touched."""
    (folder / "one").mkdir()
    (folder / "one" / "file").write_bytes(b"old")

    async def main():
        stream = create_write_stream("one/file", atomic=True)
        stream.write(b"ne")
        await until(stream, "ready")
        os.rename("one", "two")
        os.mkdir("one")
        stream.end(b"w")
        return await closed(stream)

    assert run(main) is None
    assert os.listdir("one") == []
    assert (folder / "two" / "file").read_bytes() == b"new"
    assert os.listdir("two") == ["file"]


def test_working_directory_changes_meanwhile(run, folder):
    (folder / "other").mkdir()

    async def main():
        stream = create_write_stream("file", atomic=True)
        stream.write(b"ne")
        await until(stream, "ready")
        os.chdir("other")
        stream.end(b"w")
        return await closed(stream)

    assert run(main) is None
    assert (folder / "file").read_bytes() == b"new"


@pytest.mark.parametrize("became", ["link", "file", "nothing", "folder"])
def test_target_changes_meanwhile(run, folder, became):
    """The new file replaces the present target, and is never written through a link that was created later."""
    (folder / "file").write_bytes(b"old")
    (folder / "precious").write_bytes(b"precious")

    async def main():
        stream = create_write_stream("file", atomic=True)
        stream.write(b"ne")
        await until(stream, "ready")
        os.unlink("file")
        if became == "link":
            os.symlink("precious", "file")
        elif became == "file":
            (folder / "file").write_bytes(b"another")
        elif became == "folder":
            os.mkdir("file")
        stream.end(b"w")
        return await closed(stream)

    error = run(main)
    assert (folder / "precious").read_bytes() == b"precious"
    assert sorted(os.listdir()) == ["file", "precious"]
    if became == "folder":
        assert isinstance(error, OSError)
    else:
        assert error is None
        assert not os.path.islink("file")
        assert (folder / "file").read_bytes() == b"new"


def test_new_file_appears_meanwhile(run, folder):
    async def main():
        stream = create_write_stream("file", atomic=True)
        stream.write(b"ne")
        await until(stream, "ready")
        (folder / "file").write_bytes(b"another")
        stream.end(b"w")
        return await closed(stream)

    assert run(main) is None
    assert (folder / "file").read_bytes() == b"new"
    assert os.listdir() == ["file"]


@needs_linux
@pytest.mark.parametrize("path", ["/dev/fd/{}", "/proc/self/fd/{}", "link"])
def test_open_file_by_the_name_of_its_descriptor(run, folder, path):
    """The open file is replaced, even if its path now leads elsewhere."""
    with open("file", "w+b") as file:
        os.symlink(f"/dev/fd/{file.fileno()}", "link")
        os.unlink("file")
        assert write(run, path.format(file.fileno())) is None
        assert file.read() == b"new"
    assert os.listdir() == ["link"]


def test_socket_and_fifo(run, folder):
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind("socket")
        assert write(run, "socket").errno == errno.ENXIO
    os.mkfifo("fifo")
    reader = os.open("fifo", os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert write(run, "fifo") is None
        assert os.read(reader, 10) == b"new"
    finally:
        os.close(reader)
    assert sorted(os.listdir()) == ["fifo", "socket"]


@needs_root
@needs_linux
@pytest.mark.parametrize("mode", [0o1777, 0o333])
def test_folders_of_other_users(run, folder, mode):
    """A folder that cannot be listed accepts files; a link of another user in a sticky folder is not followed."""
    folder.chmod(0o755)
    shared = folder / "shared"
    shared.mkdir()
    shared.chmod(mode)
    (folder / "precious").write_bytes(b"precious")
    os.chmod("precious", 0o666)
    os.symlink("../precious", "shared/link")
    os.lchown("shared/link", 4321, 4321)
    os.seteuid(1234)
    try:
        assert write(run, "shared/file") is None
        direct, replaced = write(run, "shared/link", atomic=False), None
        if direct is not None:
            replaced = write(run, "shared/link")
            assert type(replaced) is type(direct)
    finally:
        os.seteuid(0)
    assert (shared / "file").read_bytes() == b"new"
    assert (folder / "precious").read_bytes() == (b"new" if direct is None else b"precious")


@needs_root
@pytest.mark.parametrize("what", ["file", "folder"])
def test_protected_file_or_folder_raises(run, folder, what):
    (folder / "in").mkdir()
    (folder / "in" / "file").write_bytes(b"old")
    os.chmod("in/file", 0o444 if what == "file" else 0o666)
    os.chmod("in", 0o777 if what == "file" else 0o755)
    os.seteuid(1234)
    try:
        error = write(run, "in/file")
    finally:
        os.seteuid(0)
    assert type(error) is PermissionError
    assert error.filename == "in/file"
    assert os.listdir("in") == ["file"]
    assert (folder / "in" / "file").read_bytes() == b"old"


# ---- what it has


def test_other_hard_links_keep_the_old_content(run, folder):
    (folder / "file").write_bytes(b"old")
    os.link("file", "other")
    assert write(run, "file") is None
    assert (folder / "file").read_bytes() == b"new"
    assert (folder / "other").read_bytes() == b"old"


@needs_acl
def test_access_list_stays(run, folder):
    (folder / "file").write_bytes(b"old")
    os.chmod("file", 0o600)
    setfacl("file", "u:4321:rw", "g:4321:r")
    before = acl("file")
    assert write(run, "file") is None
    assert acl("file") == before
    assert (folder / "file").read_bytes() == b"new"


@needs_acl
@pytest.mark.parametrize("listed", [False, True])
def test_access_list_of_the_folder_is_for_new_files_only(run, folder, listed):
    (folder / "file").write_bytes(b"old")
    os.chmod("file", 0o640)
    if listed:
        setfacl("file", "u:4321:r")
    setfacl(".", "d:u:1111:rwx", "d:g::rwx")
    before = acl("file")
    assert write(run, "file") is None
    assert acl("file") == before
    assert write(run, "fresh") is None
    assert write(run, "direct", atomic=False) is None
    assert acl("fresh") == acl("direct")
    assert "user:1111:rwx" in " ".join(acl("fresh"))


@needs_linux
def test_attributes_stay(run, folder):
    (folder / "file").write_bytes(b"old")
    try:
        os.setxattr("file", "user.origin", b"somewhere")
        os.setxattr("file", "user.empty", b"")
    except OSError:
        pytest.skip("the file system has no attributes")
    os.chmod("file", 0o444)
    assert write(run, "file") is None
    assert sorted(os.listxattr("file")) == ["user.empty", "user.origin"]
    assert os.getxattr("file", "user.origin") == b"somewhere"


@needs_root
@needs_linux
def test_capability_stays_if_permitted(run, folder):
    (folder / "file").write_bytes(b"old")
    # Version 2, effective; CAP_NET_BIND_SERVICE is permitted.
    value = struct.pack("<IIIII", 0x02000001, 1 << 10, 0, 0, 0)
    try:
        os.setxattr("file", "security.capability", value)
    except OSError:
        pytest.skip("capabilities cannot be given")
    assert write(run, "file") is None
    assert os.getxattr("file", "security.capability") == value


@needs_root
@pytest.mark.parametrize("mode", [0o4755, 0o2755, 0o6711, 0o1644])
def test_bits_beyond_the_permissions_stay(run, folder, mode):
    (folder / "file").write_bytes(b"old")
    os.chown("file", 1234, 1234)
    os.chmod("file", mode)
    assert write(run, "file") is None
    status = os.stat("file")
    assert (status.st_mode & 0o7777, status.st_uid, status.st_gid) == (mode, 1234, 1234)


@needs_root
@pytest.mark.parametrize(
    ("mode", "groups", "expected"),
    [
        # Another's set-id bits and another group's rights are not ours to have.
        (0o4777, [], (0o777, 1234, 1234)),
        (0o2676, [], (0o666, 1234, 1234)),
        (0o672, [], (0o622, 1234, 1234)),
        # With the group's leave it stays the group's.
        (0o666, [4321], (0o666, 1234, 4321)),
        (0o676, [4321], (0o676, 1234, 4321)),
    ],
)
def test_file_of_another_user(run, folder, mode, groups, expected):
    os.chmod(".", 0o777)
    (folder / "file").write_bytes(b"old")
    os.chown("file", 5678, 4321)
    os.chmod("file", mode)
    before = os.getgroups()
    os.setgroups(groups)
    os.setegid(1234)
    os.seteuid(1234)
    try:
        assert write(run, "file") is None
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(before)
    status = os.stat("file")
    assert (status.st_mode & 0o7777, status.st_uid, status.st_gid) == expected


@needs_root
@needs_acl
def test_file_of_another_user_with_access_list(run, folder):
    os.chmod(".", 0o777)
    (folder / "file").write_bytes(b"old")
    os.chown("file", 5678, 4321)
    os.chmod("file", 0o660)
    setfacl("file", "u:1234:rw")
    before = os.getgroups()
    os.setgroups([])
    os.setegid(1234)
    os.seteuid(1234)
    try:
        assert write(run, "file") is None
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(before)
    assert acl("file") == ["user::rw-", "user:1234:rw-", "group::---", "mask::rw-", "other::---"]


# ---- errors


@pytest.mark.skipif(shutil.which("mount") is None or os.geteuid() != 0, reason="needs a full disk")
@pytest.mark.parametrize("size", [100_000, 2_000_000])
def test_full_disk(run, folder, size):
    (folder / "disk").mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", "disk"], check=False).returncode:
        pytest.skip("nothing can be mounted")
    try:
        (folder / "disk" / "file").write_bytes(b"o" * 500_000)
        error = write(run, "disk/file", b"n" * size)
        assert os.listdir("disk") == ["file"]
        content = (folder / "disk" / "file").read_bytes()
        if size == 100_000:
            assert error is None
            assert content == b"n" * size
        else:
            assert (error.errno, error.filename) == (errno.ENOSPC, "disk/file")
            assert content == b"o" * 500_000
    finally:
        subprocess.run(["umount", "disk"], check=True)


@pytest.mark.parametrize(
    "calls", [["replace", "unlink"], ["fsync", "unlink", "close"], ["close"], ["fsync", "close"]]
)
def test_every_cleanup_runs_and_the_first_error_is_raised(run, folder, monkeypatch, temporary, calls):
    """After any failure the descriptors are closed (the fixture checks this), and the first error is raised."""
    (folder / "file").write_bytes(b"old")
    failed = []

    def broken(name):
        real = getattr(os, name)

        def fail(*args, **options):
            if name == "close":
                real(*args)
            failed.append(name)
            raise OSError(errno.EIO, f"{name} is broken")

        return fail

    async def main():
        stream = create_write_stream("file", atomic=True)
        errors = []
        stream.on("error", errors.append)
        stream.write(b"new")
        await until(stream, "ready")
        with monkeypatch.context() as patch:
            for name in calls:
                patch.setattr(os, name, broken(name))
            stream.end()
            await until(stream, "close")
        return errors

    [error] = run(main)
    assert str(error).startswith(f"[Errno 5] {calls[0]} is broken")
    for name in set(calls) & {"close"}:
        assert failed.count(name) == 2
    with contextlib.suppress(FileNotFoundError):
        for name in remove_leftovers("."):
            assert name.startswith(".file.")


def test_destroyed_at_any_call(run, folder, monkeypatch):
    """destroy() from each system call of the replacement in turn: whole old or whole new, as `published` says."""
    calls = [
        "open",
        "fstat",
        "fchmod",
        "pwritev",
        "writev",
        "fsync",
        "link",
        "replace",
        "close",
        "stat",
        "access",
    ]
    calls = [name for name in calls if hasattr(os, name)]

    async def main(name):
        (folder / "file").write_bytes(b"old")
        loop = asyncio.get_running_loop()
        real = getattr(os, name)

        def under(*args, **options):
            monkeypatch.setattr(os, name, real)
            asyncio.run_coroutine_threadsafe(destroy(), loop).result(10)
            return real(*args, **options)

        async def destroy():
            stream.destroy()

        stream = create_write_stream("file", atomic=True)
        monkeypatch.setattr(os, name, under)
        stream.end(b"new")
        await until(stream, "close")
        monkeypatch.setattr(os, name, real)
        assert (folder / "file").read_bytes() == (b"new" if stream.published else b"old")
        assert os.listdir() == ["file"]

    for name in calls:
        if name in ("open", "fstat", "stat", "close"):
            # The loop's own thread uses these as well.
            continue
        run(main, name)


# ---- leftovers


def test_only_abandoned_temporary_files_are_removed(folder):
    left = [".file.0123456789abcdef.tmp", ".\u00fc.0123456789abcdef.tmp", ".a\nb.0123456789abcdef.tmp"]
    others = [
        "file",
        ".file.tmp",
        ".file.0123456789ABCDEF.tmp",
        "file.0123456789abcdef.tmp",
        "..0123456789abcdef.tmp",
    ]
    for name in left + others:
        (folder / name).write_bytes(b"x")
    os.symlink("file", ".link.0123456789abcdef.tmp")
    os.mkdir(".folder.0123456789abcdef.tmp")
    os.mkfifo(".fifo.0123456789abcdef.tmp")
    kept = sorted(set(os.listdir()) - set(left))
    assert sorted(remove_leftovers()) == sorted(left)
    assert sorted(os.listdir()) == kept
    assert remove_leftovers(os.fsencode(folder)) == []


def test_remove_leftovers_with_a_wrong_path_raises(folder):
    with pytest.raises(FileNotFoundError):
        remove_leftovers("no")
    with pytest.raises(InvalidArgTypeError, match="path must be"):
        remove_leftovers(3)
    with pytest.raises(InvalidArgValueError, match="null byte"):
        remove_leftovers("a\0b")
