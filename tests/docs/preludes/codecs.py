import pytest

from forebay.codecs import zstd

try:
    zstd()
except ImportError as missing:
    pytest.skip(str(missing))
(folder / "big.bin").write_bytes(bytes(200_000))
