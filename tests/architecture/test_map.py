"""docs/architecture.md shows every module of the package."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "architecture.md"


@pytest.mark.skipif(not PAGE.exists(), reason="only with the documentation")
def test_the_map_shows_every_module():
    text = PAGE.read_text(encoding="utf-8")
    shown = set(re.findall(r"\w+", text[text.index("src/forebay/\n") : text.index("ext/forebay/")]))
    modules = {path.stem for path in (ROOT / "src" / "forebay").rglob("*.py")} - {"__init__"}
    assert modules - shown == set()
