import pytest

pytest.importorskip("websockets")
(folder / "service.log").write_bytes(b"12:00:00 started\n12:00:01 ERROR no route\n12:00:02 stopped\n")
