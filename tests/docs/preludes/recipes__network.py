import pytest

pytest.importorskip("httptools")
(folder / "big.bin").write_bytes(bytes(range(256)) * 1000)
