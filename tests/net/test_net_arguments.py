"""Impossible arguments raise an error that names the argument."""

import asyncio

import pytest

from forebay import InvalidArgTypeError, InvalidArgValueError, OutOfRangeError, net
from support.sockets import HOST

NAMES = ["a" * 64 + ".example", "a..b", "\ud800x", ".", "\xe9" * 64]


@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf")])
@pytest.mark.parametrize("name", ["timeout", "attempt_delay"])
def test_connect_times_out_of_range_raise(run, name, value):
    async def main():
        if (name, value) != ("attempt_delay", 0):
            with pytest.raises(OutOfRangeError, match=f"{name} must be .* and finite, got"):
                net.connect(1, HOST, **{name: value})

    run(main)


@pytest.mark.parametrize("value", ["1", True, b"1"])
@pytest.mark.parametrize("name", ["timeout", "attempt_delay"])
def test_connect_times_of_a_wrong_type_raise(run, name, value):
    async def main():
        with pytest.raises(InvalidArgTypeError, match=f"{name} must be a number of seconds, got"):
            net.connect(1, HOST, **{name: value})

    run(main)


def test_wrong_handshake_time_raises(run):
    async def main():
        with pytest.raises(OutOfRangeError, match="handshake_timeout must be above 0"):
            net.create_server(handshake_timeout=0)

    run(main)


@pytest.mark.parametrize("host", NAMES, ids=ascii)
def test_impossible_host_names_raise(run, host):
    async def main():
        with pytest.raises(InvalidArgValueError, match="cannot be the name of a host"):
            await net.connect(host, 1)
        server = net.create_server()
        with pytest.raises(InvalidArgValueError, match="cannot be the name of a host"):
            await server.listen(0, host)
        await server.aclose()

    run(main)


@pytest.mark.parametrize("kind", [str, str.encode])
def test_long_unix_path_raises(run, tmp_path, kind):
    async def main():
        path = kind(str(tmp_path / ("a" * 200)))
        with pytest.raises(OSError, match=r"path too long: .*aaa"):
            await net.connect(path)
        server = net.create_server()
        with pytest.raises(OSError, match=r"path too long: .*aaa"):
            await server.listen(path)
        await server.aclose()

    run(main)


@pytest.mark.parametrize("kind", [str, str.encode])
def test_unix_path_with_a_null_byte_raises(run, tmp_path, kind):
    async def main():
        path = kind(str(tmp_path / "a\0b"))
        with pytest.raises(InvalidArgValueError, match="must not hold a null byte"):
            net.connect(path)
        server = net.create_server()
        with pytest.raises(InvalidArgValueError, match="must not hold a null byte"):
            await server.listen(path)
        await server.aclose()
        assert list(tmp_path.iterdir()) == []
        await asyncio.sleep(0)

    run(main)
