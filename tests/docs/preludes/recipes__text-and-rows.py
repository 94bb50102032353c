import gzip

import pytest

pytest.importorskip("ijson")
(folder / "names.txt").write_text("ada\ngrace\n")
(folder / "words.txt").write_text("to be or not to be\nthat is to say\n")
(folder / "server.log.gz").write_bytes(gzip.compress(b"INFO start\nERROR disk\nINFO end\n"))
(folder / "prices.csv").write_text("name,price\ntea,2.5\nmilk,1.2\n")
(folder / "wrong.csv").write_text("name,price\ntea,2.5\nmilk,cheap\n")
(folder / "orders.json").write_text('{"orders": [{"total": 3}, {"total": 4}]}')
del gzip
