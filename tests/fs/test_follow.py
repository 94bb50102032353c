"""fs.follow: the bytes of a file that grows, over truncation and rotation."""

import asyncio
import os

import pytest

from forebay import AbortController, AbortError, consumers, fs, pipeline
from forebay.errors import InvalidArgTypeError, InvalidArgValueError, NoRunningLoopError, OutOfRangeError
from forebay.formats import lines
from forebay.testing import check_readable
from support.streams import closed

FAST = 0.001


class Followed:
    """A followed file: what came of it, and its events."""

    def __init__(self, path, **options):
        self.stream = fs.follow(path, interval=FAST, **options)
        self.data = b""
        self.events = []
        self.stream.on("data", self._came)
        for name in ("truncate", "rotate"):
            self.stream.on(name, lambda name=name: self.events.append((name, self.data)))

    def _came(self, chunk):
        self.data += chunk

    async def until(self, data):
        while self.data != data:
            assert data.startswith(self.data)
            assert not self.stream.destroyed, self.stream.errored
            await asyncio.sleep(FAST)

    async def waiting(self):
        """Wait until the stream has looked at the file once, and found nothing."""
        while self.stream._timer is None:
            await asyncio.sleep(0)

    async def stop(self):
        self.stream.stop()
        await closed(self.stream)


def append(path, data):
    with open(path, "ab") as file:
        file.write(data)


def test_what_is_appended(run, tmp_path):
    path = tmp_path / "log"
    path.write_bytes(b"old\n")

    async def main():
        followed = Followed(path, start="beginning")
        await followed.until(b"old\n")
        append(path, b"one\n")
        append(path, b"two\n")
        await followed.until(b"old\none\ntwo\n")
        append(path, b"last\n")
        await followed.stop()
        assert followed.data == b"old\none\ntwo\nlast\n"
        assert followed.events == []
        assert followed.stream.bytes_read == len(followed.data)
        assert followed.stream.readable_ended

    run(main)


def test_from_the_end(run, tmp_path):
    path = tmp_path / "log"
    path.write_bytes(b"old\n")

    async def main():
        followed = Followed(path)
        await followed.waiting()
        append(path, b"new\n")
        await followed.until(b"new\n")
        await followed.stop()

    run(main)


def test_truncation(run, tmp_path):
    path = tmp_path / "log"
    path.write_bytes(b"a long old content\n")

    async def main():
        followed = Followed(path, start="beginning")
        await followed.until(b"a long old content\n")
        os.truncate(path, 0)
        while not followed.events:
            await asyncio.sleep(FAST)
        append(path, b"new\n")
        await followed.until(b"a long old content\nnew\n")
        await followed.stop()
        assert followed.events == [("truncate", b"a long old content\n")]

    run(main)


@pytest.mark.parametrize("gap", [False, True])
def test_rotation(run, tmp_path, gap):
    path = tmp_path / "log"
    path.write_bytes(b"old\n")

    async def main():
        followed = Followed(path, start="beginning")
        await followed.until(b"old\n")
        with open(path, "ab") as old:
            path.rename(tmp_path / "log.1")
            old.write(b"late\n")
            old.flush()
            if gap:
                await followed.until(b"old\nlate\n")
                old.write(b"later\n")
        path.write_bytes(b"new\n")
        whole = b"old\nlate\n" + (b"later\n" if gap else b"") + b"new\n"
        await followed.until(whole)
        await followed.stop()
        assert followed.events == [("rotate", whole.removesuffix(b"new\n"))]

    run(main)


def test_a_file_that_comes_later(run, tmp_path):
    path = tmp_path / "log"

    async def main():
        followed = Followed(path)
        await followed.waiting()
        path.write_bytes(b"first\n")
        await followed.until(b"first\n")
        path.unlink()
        await asyncio.sleep(FAST)
        path.write_bytes(b"second\n")
        await followed.until(b"first\nsecond\n")
        await followed.stop()

    run(main)


def test_a_large_file_and_a_slow_reader(run, big):
    path, content = big

    async def main():
        stream = fs.follow(path, start="beginning", interval=FAST)
        stream.stop()
        chunks = []
        async for chunk in stream:
            assert stream.readable_length <= 512 * 1024
            chunks.append(bytes(chunk))
        assert b"".join(chunks) == content

    run(main)


def test_lines(run, tmp_path):
    path = tmp_path / "log"
    path.write_bytes(b"one\ntw")

    async def main():
        stream = fs.follow(path, start="beginning", interval=FAST)

        async def first(source):
            found = []
            async for line in source:
                found.append(line)
                if len(found) == 1:
                    append(path, b"o\n")
                else:
                    return found
            return None

        assert await pipeline(stream, lines.split(), first) == [b"one", b"two"]
        assert stream.destroyed

    run(main)


@pytest.mark.parametrize("turns", range(8))
def test_destroy_at_any_turn(run, tmp_path, turns):
    path = tmp_path / "log"
    path.write_bytes(b"old\n")

    async def main():
        task = asyncio.ensure_future(consumers.bytes(fs.follow(path, start="beginning", interval=FAST)))
        for _ in range(turns):
            await asyncio.sleep(0.0005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(main)


def test_a_signal(run, tmp_path):
    async def main():
        controller = AbortController()
        stream = fs.follow(tmp_path / "none", interval=FAST, signal=controller.signal)
        asyncio.get_running_loop().call_later(0.01, controller.abort)
        with pytest.raises(AbortError):
            await consumers.bytes(stream)

    run(main)


def test_what_is_not_a_file(run, tmp_path):
    os.mkfifo(tmp_path / "fifo")

    async def main():
        for path in (tmp_path, tmp_path / "fifo", "/dev/null"):
            with pytest.raises(InvalidArgValueError, match="needs a regular file"):
                await consumers.bytes(fs.follow(path))
        (tmp_path / "file").write_bytes(b"")
        with pytest.raises(NotADirectoryError):
            await consumers.bytes(fs.follow(tmp_path / "file" / "below"))

    run(main)


def test_wrong_arguments(run, tmp_path):
    async def main():
        for options, kind in [
            ({"start": "middle"}, InvalidArgValueError),
            ({"interval": 0}, OutOfRangeError),
            ({"interval": "1"}, InvalidArgTypeError),
        ]:
            with pytest.raises(kind):
                fs.follow(tmp_path, **options)
        with pytest.raises(InvalidArgTypeError):
            fs.follow(3)

    run(main)
    with pytest.raises(NoRunningLoopError):
        fs.follow(tmp_path)


def test_the_rules_of_streams_hold(run, tmp_path):
    (tmp_path / "log").write_bytes(bytes(range(256)) * 2000)
    (tmp_path / "empty").touch()

    def followed(name):
        return fs.follow(tmp_path / name, start="beginning", interval=FAST).stop()

    async def main():
        await check_readable(lambda: followed("log"), expected=bytes(range(256)) * 2000)
        await check_readable(lambda: followed("empty"), expected=b"")
        await check_readable(lambda: followed(""), fails=InvalidArgValueError)

    run(main)
