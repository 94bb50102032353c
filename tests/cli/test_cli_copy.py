"""``forebay copy`` in this process: bytes, options, errors."""

import gzip
import json
import os
import pathlib
import stat

import pytest

from forebay import backend, codecs
from forebay.cli import main
from support.command import digest, loaded_by, noise, temporary_files

MARK = 65536
SIZES = [0, 1, MARK - 1, MARK, MARK + 1, 5 * 1024 * 1024 + 3]


@pytest.fixture
def copy(capfd):
    """``copy(*args)`` runs the command; it returns the status, standard output and standard error."""

    def run(*args):
        status = main(["copy", *map(str, args)])
        out, err = capfd.readouterr()
        return status, out, err

    return run


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "source"
    path.write_bytes(noise(300_000))
    return path


# ---- compression


@pytest.mark.parametrize("extension", ["gz", "zst", "xz", "bz2", "lz4", "br", "zz"])
def test_compressed_by_the_name_and_back(copy, tmp_path, extension):
    try:
        codecs.compress(f".{extension}")
    except ImportError as missing:
        pytest.skip(str(missing))
    data = b"again and again " * 20_000
    (tmp_path / "source").write_bytes(data)
    packed = tmp_path / f"packed.{extension}"
    status, _, err = copy(tmp_path / "source", packed, "--compress", "auto")
    assert (status, err) == (0, "")
    assert packed.stat().st_size < len(data) // 10
    assert copy(packed, tmp_path / "again", "--decompress")[0] == 0
    assert (tmp_path / "again").read_bytes() == data


def test_compressed_to_a_format_with_a_name(copy, tmp_path, source):
    assert copy(source, tmp_path / "packed", "--compress", "gzip")[0] == 0
    assert gzip.decompress((tmp_path / "packed").read_bytes()) == source.read_bytes()
    status, _, err = copy(source, tmp_path / "packed", "--compress", "auto")
    assert (status, "the name does not tell the format" in err) == (2, True)
    status, _, err = copy(source, tmp_path / "target", "--decompress")
    assert (status, "the format of the data is not known" in err) == (1, True)
    assert not (tmp_path / "target").exists()


# ---- the bytes


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--no-atomic",),
        ("--hash", "sha256"),
        ("--high-water-mark", "1000"),
        ("--high-water-mark", "0", "--hash", "md5"),
        ("--high-water-mark", "3MiB", "--hash", "md5"),
        ("--throttle", "1GB/s"),
    ],
    ids=" ".join,
)
def test_copy_has_the_same_bytes(copy, tmp_path, size, options):
    if options[:2] == ("--high-water-mark", "0") and size > MARK:
        size = MARK + 1
    data = noise(size)
    (tmp_path / "source").write_bytes(data)
    status, out, err = copy(tmp_path / "source", tmp_path / "target", *options)
    assert (status, err) == (0, "")
    assert digest((tmp_path / "target").read_bytes()) == digest(data)
    assert out.startswith("copied ")
    assert temporary_files(tmp_path) == []


def test_an_existing_target_is_replaced(copy, tmp_path, source):
    target = tmp_path / "target"
    target.write_bytes(b"old" * 1_000_000)
    for options in ((), ("--no-atomic",)):
        assert copy(source, target, *options)[0] == 0
        assert target.read_bytes() == source.read_bytes()


@pytest.mark.parametrize("size", SIZES)
def test_gzip_and_back(copy, tmp_path, size):
    data = noise(size // 2) + b"again and again " * (size // 32)
    (tmp_path / "source").write_bytes(data)
    assert copy(tmp_path / "source", tmp_path / "packed", "--gzip")[0] == 0
    assert gzip.decompress((tmp_path / "packed").read_bytes()) == data
    assert copy(tmp_path / "packed", tmp_path / "target", "--gunzip")[0] == 0
    assert (tmp_path / "target").read_bytes() == data


def test_gunzip_of_several_members(copy, tmp_path):
    parts = [noise(200_000), b"", b"text"]
    (tmp_path / "packed").write_bytes(b"".join(map(gzip.compress, parts)))
    assert copy(tmp_path / "packed", tmp_path / "target", "--gunzip")[0] == 0
    assert (tmp_path / "target").read_bytes() == b"".join(parts)


@pytest.mark.parametrize("name", ["sha256", "md5", "blake2b", "sha3_256"])
def test_hash_is_that_of_the_written_bytes(copy, tmp_path, source, name):
    status, out, _ = copy(source, tmp_path / "target", "--hash", name)
    assert status == 0
    assert out.splitlines()[-1] == f"{name} {digest(source.read_bytes(), name)}"
    _, out, _ = copy(source, tmp_path / "packed", "--hash", name, "--gzip")
    assert out.splitlines()[-1] == f"{name} {digest((tmp_path / 'packed').read_bytes(), name)}"


def test_copy_from_proc(copy, tmp_path):
    if not os.path.exists("/proc/cpuinfo"):
        pytest.skip("there is no /proc")
    with open("/proc/version", "rb") as file:
        expected = file.read()
    assert copy("/proc/version", tmp_path / "target")[0] == 0
    assert (tmp_path / "target").read_bytes() == expected


def test_devices(copy, tmp_path, source):
    assert copy(source, os.devnull)[0] == 0
    assert copy(os.devnull, tmp_path / "empty")[0] == 0
    assert (tmp_path / "empty").read_bytes() == b""
    assert copy(os.devnull, os.devnull)[0] == 0


def test_permissions(copy, tmp_path, source):
    source.chmod(0o600)
    assert copy(source, tmp_path / "private")[0] == 0
    assert stat.S_IMODE((tmp_path / "private").stat().st_mode) == 0o600
    (tmp_path / "existing").touch()
    (tmp_path / "existing").chmod(0o640)
    assert copy(source, tmp_path / "existing")[0] == 0
    assert stat.S_IMODE((tmp_path / "existing").stat().st_mode) == 0o640


def test_target_link_stays_a_link(copy, tmp_path, source):
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("real")
    assert copy(source, tmp_path / "link")[0] == 0
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == source.read_bytes()


def test_file_names_that_are_not_utf8(copy, tmp_path, source):
    target = os.path.join(os.fsencode(tmp_path), b"n\xffme")
    assert main(["copy", str(source), os.fsdecode(target)]) == 0
    with open(target, "rb") as file:
        assert file.read() == source.read_bytes()


# ---- the summary


def test_summary(copy, tmp_path, source):
    _, out, _ = copy(source, tmp_path / "target", "--throttle", "1GB/s", "--high-water-mark", "10000")
    first, second = out.splitlines()
    assert first.startswith("copied 293 KiB in ")
    assert first.endswith("/s")
    assert second.startswith("source paused ")
    assert " times, " in second
    assert "; highest fill " in second
    assert " KiB of 9.77 KiB (" in second
    assert "; peak memory " in second


def test_summary_shows_both_sizes_after_gzip(copy, tmp_path):
    (tmp_path / "source").write_bytes(bytes(100_000))
    _, out, _ = copy(tmp_path / "source", tmp_path / "target", "--gzip")
    size = (tmp_path / "target").stat().st_size
    assert out.startswith(f"copied {size} B from 97.7 KiB in ")


def test_quiet(copy, tmp_path, source):
    assert copy(source, tmp_path / "target", "--quiet", "--json") == (0, "", "")


def test_json(copy, tmp_path, source):
    status, out, err = copy(source, tmp_path / "target", "--json", "--gzip", "--hash", "sha256")
    assert (status, err) == (0, "")
    assert out.count("\n") == 1
    data = json.loads(out)
    target = (tmp_path / "target").read_bytes()
    assert data["source"] == str(source)
    assert data["target"] == str(tmp_path / "target")
    assert data["bytes"] == len(target)
    assert data["bytes_read"] == 300_000
    assert data["seconds"] > 0
    assert data["bytes_per_second"] > 0
    assert data["pauses"] >= 0
    assert data["paused_seconds"] >= 0
    assert data["highest_fill"] > 0
    assert data["highest_fill_bytes"] > 0
    assert data["high_water_mark"] in (65536, 1048576)
    assert 5_000_000 < data["peak_memory_bytes"] < 2_000_000_000
    assert data["hash"] == {"name": "sha256", "hexdigest": digest(target)}
    assert data["atomic"] is True
    assert data["backend"] == backend
    assert [stage["name"] for stage in data["stages"]] == ["read", "gzip", "sha256", "write"]
    assert data["stages"][0]["writable"] is None
    assert data["stages"][-1]["readable"] is None
    fields = {"chunks", "bytes", "peak", "high_water_mark", "stalls", "stalled_seconds"}
    assert set(data["stages"][1]["writable"]) == set(data["stages"][1]["readable"]) == fields
    assert set(data) == {
        "source",
        "target",
        "bytes",
        "bytes_read",
        "rows",
        "seconds",
        "bytes_per_second",
        "rows_per_second",
        "pauses",
        "paused_seconds",
        "highest_fill",
        "highest_fill_bytes",
        "highest_fill_rows",
        "high_water_mark",
        "peak_memory_bytes",
        "hash",
        "atomic",
        "backend",
        "stages",
    }


def test_json_without_hash_and_atomic(copy, tmp_path, source):
    _, out, _ = copy(source, tmp_path / "target", "--json", "--no-atomic")
    data = json.loads(out)
    assert data["hash"] is None
    assert data["atomic"] is False
    assert [stage["name"] for stage in data["stages"]] == ["read", "write"]


def test_a_throttle_makes_the_source_wait(copy, tmp_path, source):
    _, out, _ = copy(
        source, tmp_path / "target", "--throttle", "2MB/s", "--high-water-mark", "10kB", "--json"
    )
    data = json.loads(out)
    assert data["bytes"] == 300_000
    assert data["pauses"] >= 10
    assert data["paused_seconds"] > 0
    for stage in data["stages"]:
        for side in (stage["writable"], stage["readable"]):
            assert side is None or side["peak"] <= 2 * 10_000


def test_plain_copy_uses_the_kernel(copy, tmp_path):
    (tmp_path / "source").write_bytes(noise(3_000_000))
    _, out, _ = copy(tmp_path / "source", tmp_path / "target", "--json", "--progress")
    read, write = json.loads(out)["stages"]
    # Nothing has been in any buffer, and all of it was counted.
    assert read["readable"]["peak"] == write["writable"]["peak"] == 0
    assert read["readable"]["bytes"] == write["writable"]["bytes"] == 3_000_000


# ---- what is refused, and what fails


def test_missing_source(copy, tmp_path):
    missing = tmp_path / "missing"
    assert copy(missing, tmp_path / "target") == (1, "", f"forebay: {missing}: No such file or directory\n")
    assert os.listdir(tmp_path) == []


def test_directories(copy, tmp_path, source):
    status, _, err = copy(source, tmp_path)
    assert (status, err) == (1, f"forebay: {tmp_path}: Is a directory; name the file to write\n")
    status, _, err = copy(tmp_path, tmp_path / "target")
    assert (status, err) == (
        1,
        f"forebay: {tmp_path}: Is a directory; -r copies it with all that is in it\n",
    )
    status, _, err = copy(source, tmp_path / "no" / "target")
    assert (status, err) == (1, f"forebay: {tmp_path / 'no' / 'target'}: No such file or directory\n")
    status, _, err = copy(source, source / "target")
    assert (status, err) == (1, f"forebay: {source / 'target'}: Not a directory\n")


def test_the_same_file(copy, tmp_path, source):
    data = source.read_bytes()
    os.link(source, tmp_path / "hard")
    (tmp_path / "soft").symlink_to(source)
    for name in ("source", "hard", "soft"):
        status, _, err = copy(source, tmp_path / name)
        assert (status, err) == (1, f"forebay: {source} and {tmp_path / name} are the same file\n")
    assert source.read_bytes() == data


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
@pytest.mark.parametrize("options", [(), ("--no-atomic",), ("--gzip",), ("--throttle", "1GB/s")], ids=str)
def test_a_full_disk(copy, source, options):
    status, out, err = copy(source, "/dev/full", *options)
    assert (status, out, err) == (1, "", "forebay: /dev/full: No space left on device\n")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read and write everything")
def test_no_permission(copy, tmp_path, source):
    source.chmod(0)
    status, _, err = copy(source, tmp_path / "target")
    assert (status, err) == (1, f"forebay: {source}: Permission denied\n")
    source.chmod(0o600)
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "target").write_bytes(b"old")
    folder.chmod(0o500)
    try:
        status, _, err = copy(source, folder / "new")
        assert (status, err) == (1, f"forebay: {folder / 'new'}: Permission denied\n")
        status, _, err = copy(source, folder / "target")
        assert status == 1
        assert "Permission denied; " in err
        assert "--no-atomic" in err
        assert copy(source, folder / "target", "--no-atomic")[0] == 0
    finally:
        folder.chmod(0o700)


@pytest.mark.parametrize("atomic", [True, False])
def test_damaged_gzip(copy, tmp_path, atomic):
    packed = bytearray(gzip.compress(noise(1_000_000)))
    options = ("--gunzip", "--atomic" if atomic else "--no-atomic")
    target = tmp_path / "target"
    damages = {
        "truncated": (bytes(packed[:-1]), "ends too early"),
        "damaged": (bytes(packed[:-5]) + b"?" + bytes(packed[-4:]), "data check does not match"),
        "plain": (b"this is no gzip", "not in gzip format"),
        "empty": (b"", "there is no compressed data"),
    }
    for name, (content, words) in damages.items():
        (tmp_path / name).write_bytes(content)
        target.write_bytes(b"old")
        status, out, err = copy(tmp_path / name, target, *options)
        assert (status, out) == (1, "")
        assert err.startswith(f"forebay: {tmp_path / name}: ")
        assert words in err
        assert err.count("\n") == 1
        if atomic:
            assert target.read_bytes() == b"old"
        assert temporary_files(tmp_path) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "required"),
        (["copy"], "required"),
        (["copy", "a"], "required"),
        (["copy", "a", "b", "c"], "unrecognized"),
        (["fly", "a", "b"], "invalid choice"),
        (["copy", "a", "b", "--gzip", "--gunzip"], "not allowed with"),
        (["copy", "a", "b", "--gzip", "--compress", "xz"], "not allowed with"),
        (["copy", "a", "b", "--compress", "zip"], "there is no format 'zip'"),
        (["copy", "a", "b", "--throttle", "0"], "is not a rate"),
        (["copy", "a", "b", "--throttle", "fast"], "is not a size such as"),
        (["copy", "a", "b", "--high-water-mark", "-1"], "is not a size such as"),
        (["copy", "a", "b", "--high-water-mark", "much"], "is not a size such as"),
        (["copy", "a", "b", "--hash", "nohash"], "there is no hash 'nohash'"),
        (["demo", "--size", "1GB"], "200 MB"),
    ],
)
def test_usage_errors(capfd, arguments, words):
    assert main(arguments) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert words in err


@pytest.mark.parametrize("arguments", [["--help"], ["copy", "--help"], ["demo", "-h"]])
def test_help(capfd, arguments):
    assert main(arguments) == 0
    assert capfd.readouterr().out.startswith("usage: forebay")


def test_version(capfd):
    assert main(["--version"]) == 0
    kind = {"c": "compiled", "python": "pure-Python"}[backend]
    assert capfd.readouterr().out == f"forebay 0.1.0 ({kind} backend)\n"


@pytest.mark.skipif(not hasattr(os, "SEEK_DATA"), reason="the system does not tell where holes are")
@pytest.mark.parametrize("options", [(), ("--hash", "sha256"), ("--no-atomic",)], ids=str)
def test_holes_stay(copy, tmp_path, options):
    source, target = tmp_path / "source", tmp_path / "target"
    with open(source, "wb") as file:
        file.truncate(30_000_000)
        file.seek(20_000_000)
        file.write(b"x" * 1000)
    if source.stat().st_blocks * 512 > 1_000_000:
        pytest.skip("the file system has no holes")
    status, out, err = copy(source, target, *options)
    assert (status, err) == (0, "")
    assert target.read_bytes() == source.read_bytes()
    assert target.stat().st_blocks * 512 < 1_000_000
    assert "--hash" not in options or digest(source.read_bytes()) in out


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("", "''"),
        ("a\nb", "a\\nb"),
        ("\x1b[31m", "\\x1b[31m"),
        ("a\u2028b", "a\\u2028b"),
        ("\u00fc \u2713", "\u00fc \u2713"),
    ],
)
@pytest.mark.parametrize("options", [(), ("--json", "--progress", "--hash", "md5")], ids=str)
def test_message_is_one_line_for_any_file_name(copy, tmp_path, monkeypatch, name, shown, options):
    monkeypatch.chdir(tmp_path)
    assert copy(name, "target", *options) == (1, "", f"forebay: {shown}: No such file or directory\n")
    assert os.listdir() == []


@pytest.mark.skipif(not os.path.exists("/proc/self/comm"), reason="needs /proc")
@pytest.mark.parametrize("options", [(), ("--hash", "md5"), ("--no-atomic",)], ids=str)
def test_files_of_the_kernel_are_written_directly(copy, tmp_path, options):
    """No temporary file can be created beside them, and they cannot be replaced."""
    comm = pathlib.Path("/proc/self/comm")
    name = (tmp_path / "name", tmp_path / "old")
    name[0].write_text("somename")
    name[1].write_bytes(comm.read_bytes())
    try:
        status, out, err = copy(name[0], comm, "--json", *options)
        assert (status, err) == (0, "")
        assert comm.read_text() == "somename\n"
        assert '"atomic": false' in out
    finally:
        assert copy(name[1], comm, "--quiet")[0] == 0


def test_a_plain_copy_needs_no_event_loop(tmp_path, source):
    """The options that need streams, and targets that are not plain files, go by them."""
    names = ("asyncio", "forebay.fs", "forebay.streams")
    assert loaded_by("copy", "--quiet", source, tmp_path / "target", of=names) == []
    assert loaded_by("copy", "--quiet", "--no-atomic", source, tmp_path / "target", of=names) == []
    assert (tmp_path / "target").read_bytes() == source.read_bytes()
    for arguments in (["--hash", "md5", "--json"], ["--high-water-mark", "1MiB", "--quiet"]):
        assert "asyncio" in loaded_by("copy", *arguments, source, tmp_path / "target", of=names)
    assert "asyncio" in loaded_by("copy", "--quiet", source, os.devnull, of=names)
