"""The examples of the guide, in order, as a reader would type them."""

import ast
import asyncio
import inspect
import re
import types
from pathlib import Path

import pytest

GUIDE = Path(__file__).parents[2] / "docs" / "guide.md"
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)

# Some of the lines that come out, in their order.
PRINTED = [
    "[{'n': 0}, {'n': 1}, {'n': 2}]",
    "[b'one', b'two'] [] [3, 2, 1]",
    "16",
    "b'two'",
    "grüße",
    "[b'ONE', b'TWO', b'THREE']",
    "[b'A', b'B', b'A'] 285",
    "[0, 6, 12, 18, 24, 30, 36]",
    "ABORT_ERR",
    "[499500, 499500]",
    "[96, 97, 98, 99] 96",
]


@pytest.mark.skipif(not GUIDE.exists(), reason="only with the documentation")
def test_every_example_runs(capsys):
    blocks = BLOCK.findall(GUIDE.read_text(encoding="utf-8"))
    reports = []

    async def main():
        asyncio.get_running_loop().set_exception_handler(lambda _, context: reports.append(context))
        namespace = {}
        for number, block in enumerate(blocks, 1):
            code = compile(block, f"{GUIDE}:{number}", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            result = types.FunctionType(code, namespace)()
            if inspect.iscoroutine(result):
                await asyncio.wait_for(result, 20)

    asyncio.run(main())
    assert reports == []
    printed = capsys.readouterr().out.splitlines()
    for line in PRINTED:
        assert line in printed
        printed = printed[printed.index(line) + 1 :]
