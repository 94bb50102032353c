import pytest

pytest.importorskip("python_multipart")
(folder / "names.txt").write_text("ada\ngrace\n")
