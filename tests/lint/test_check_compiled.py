"""The check of the compiled sources: they are clean, and each rule finds its violations."""

import ast

import check_compiled
import pytest


def test_the_sources_are_clean():
    assert list(check_compiled.check()) == []


WRONG = {
    "min": "def f(self):\n    return min(g(), self._size)\n",
    "difference": "def f(self):\n    return self._size - g()\n",
    "comparison": "def f(self):\n    return self._size < len(x)\n",
    "count": "def f(self):\n    self._size -= len(x)\n",
    "value of an error": "def counted(self):\n    return a - b\n",
    "field": "def f(self):\n    self._other.go()\n",
    "with": "def f(self):\n    with g():\n        pass\n",
    "async with": "async def f(self):\n    async with g():\n        pass\n",
}
RIGHT = {
    "min": "def f(self):\n    n = g()\n    return min(n, self._size)\n",
    "kinds": "def f(self):\n    return self._size < (1 if isinstance(x, int) else 2)\n",
    "held": "def f(self):\n    other = self._other\n    other.go()\n",
    "counted": "def counted(self):\n    return a\n",
}


def complaints(body):
    declared = check_compiled.Declared(
        classes={"C": check_compiled.Class(None, {"_size": "Py_ssize_t", "_other": "C"}, {"go"})},
        excepted={"module": {"counted"}},
    )
    checker = check_compiled.Checker(declared, "module")
    indented = "".join(f"    {line}\n" for line in body.splitlines())
    checker.visit(ast.parse(f"class C:\n{indented}"))
    return checker.found


@pytest.mark.parametrize("body", WRONG.values(), ids=WRONG)
def test_wrong_lines_are_found(body):
    assert len(complaints(body)) == 1


@pytest.mark.parametrize("body", RIGHT.values(), ids=RIGHT)
def test_right_lines_pass(body):
    assert complaints(body) == []


def test_native_sources_are_checked(tmp_path):
    path = tmp_path / "native.pyx"
    path.write_text(
        "cdef int wrong(self) except -1:\n    return -1\n\n"
        "cdef int right(self) except -2:\n    return -1\n\n"
        "cdef int f(self):\n    return min(size_of(n), self._total) + min(n, self._total)\n\n"
        "cdef int g(self):\n    with nogil:\n        work()\n    with held(self):\n        work()\n"
    )
    assert sorted(line for line, _, _ in check_compiled.check_native(path)) == [2, 8, 13]


@pytest.mark.parametrize("index", ["-1", ":-1"])
def test_a_negative_index_is_wrong_without_wraparound(tmp_path, index):
    path = tmp_path / "native.pyx"
    path.write_text(f"# cython: wraparound=False\ncdef object f(self):\n    return x[{index}]\n")
    assert [line for line, _, _ in check_compiled.check_native(path)] == [3]
    path.write_text(f"cdef object f(self):\n    return x[{index}]\n")
    assert list(check_compiled.check_native(path)) == []
