import pytest

for name in ("httptools", "starlette", "aiohttp"):
    pytest.importorskip(name)
(folder / "big.bin").write_bytes(bytes(range(256)) * 1000)
