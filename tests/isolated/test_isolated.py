"""Programs that need a process of their own: imports, the choice of the backend, the end of a program."""

import importlib.util
import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import forebay

HERE = Path(__file__).parent


def backend_has(module):
    """Whether the module belongs to the backend in use: what is compiled only is no part of the other one."""
    return forebay.backend == "c" or importlib.util.find_spec(module).origin.endswith(".py")


# Compiled modules are imported by name as well; __main__ runs the command.
MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(forebay.__path__, "forebay.")
    if not module.name.endswith("__main__") and backend_has(module.name)
)


def python(*arguments, backend=forebay.backend, **environment):
    """Run the interpreter on its own, warnings being errors, with the package that the tests use."""
    start = f"import sys; sys.path.insert(0, {str(Path(forebay.__file__).parents[1])!r}); "
    if arguments[0].endswith(".py"):
        start += f"sys.argv[:] = {list(arguments)!r}; import runpy; "
        start += f"runpy.run_path({arguments[0]!r}, run_name='__main__')"
    else:
        start += arguments[0]
    env = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "FOREBAY"))}
    if backend is not None:
        env["FOREBAY_BACKEND"] = backend
    return subprocess.run(
        [sys.executable, "-I", "-W", "error", "-c", start],
        env=env | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def run_program(name, *arguments):
    return python(str(HERE / name), *arguments)


def assert_clean(done, stdout=""):
    assert done.stderr == ""
    assert done.returncode == 0
    assert done.stdout == stdout


@pytest.mark.parametrize("room", sorted({module.split(".")[1] for module in MODULES}))
def test_each_module_can_be_imported_first(room):
    assert_clean(run_program("alone.py", *(module for module in MODULES if module.split(".")[1] == room)))


@pytest.mark.parametrize("program", ["live_streams.py", "unused_streams.py"])
def test_stderr_stays_empty(program):
    assert_clean(run_program(program))


def test_an_interrupt_stops_a_pipeline():
    assert_clean(run_program("interrupted.py"), "interrupted\n")


def test_memory_does_not_grow_with_the_data():
    assert_clean(run_program("memory.py"))


# ---- the backend


@pytest.mark.parametrize("wanted", ["python", forebay.backend])
def test_backend_from_the_environment(wanted):
    done = python("import forebay; print(forebay.backend)", backend=wanted)
    assert_clean(done, f"{wanted}\n")


def test_the_python_backend_takes_no_compiled_module():
    program = (
        "import forebay, pkgutil, importlib\n"
        "for name in list(sys.modules):\n"
        "    file = getattr(sys.modules[name], '__file__', None) or ''\n"
        "    assert not (name.startswith('forebay') and not file.endswith('.py')), name\n"
    )
    assert_clean(python(program, backend="python"))


def test_compiled_backend_is_the_default():
    done = python("import forebay; print(forebay.backend)", backend=None)
    compiled = python("import forebay", backend="c").returncode == 0
    assert_clean(done, "c\n" if compiled else "python\n")


@pytest.mark.parametrize("wish", ["bogus", "C", "cython", "python "])
def test_unknown_backend_raises_import_error(wish):
    done = python("import forebay", backend=wish)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last == f"ImportError: FOREBAY_BACKEND is {wish!r}; it must be 'c', 'python' or unset"


def test_this_run_uses_the_requested_backend():
    wanted = os.environ.get("FOREBAY_BACKEND", "")
    assert wanted in ("", forebay.backend)


def test_importing_starts_nothing():
    program = (
        "import threading, asyncio; before = set(threading.enumerate()); import forebay\n"
        "assert set(threading.enumerate()) == before\n"
        "assert 'uvloop' not in sys.modules\n"
    )
    assert_clean(python(program))


@pytest.mark.parametrize(
    ("pretend", "message"),
    [
        (
            "sys.platform = 'win32'",
            "forebay does not support Windows; it runs on Linux and macOS, and in WSL",
        ),
        ("sys.implementation.name = 'pypy'", "forebay does not support pypy; it needs CPython"),
    ],
)
def test_other_platforms_are_refused_in_one_line(pretend, message):
    done = python(f"{pretend}; import forebay")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == f"ImportError: {message}"


# ---- what an import loads


def loaded(program):
    """The modules that are loaded after a program."""
    done = python(f"{program}\nprint(*sorted(sys.modules))")
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_the_package_alone_loads_neither_streams_nor_asyncio():
    names = loaded("import forebay; forebay.backend; forebay.__version__")
    assert "asyncio" not in names
    assert not {name for name in names if name.startswith(("forebay._core.state", "forebay.streams"))}


def test_a_public_name_loads_all_of_them_once():
    program = (
        "import forebay\n"
        "first = forebay.Readable\n"
        "assert {'Writable', 'errors'} <= set(vars(forebay))\n"
        "assert forebay.Readable is first\n"
        "from forebay import *\n"
        "assert Readable is first\n"
        "assert set(forebay.__all__) <= set(globals())\n"
    )
    assert "forebay.fs" in loaded(program)
    assert "forebay.fs" not in loaded("import forebay; forebay.Readable; forebay.errors.StreamError")


def test_every_way_to_a_public_name_on_a_fresh_package():
    for way in (
        "import forebay; assert forebay.errors.StreamError",
        "import forebay; assert 'Readable' in dir(forebay) and 'create_read_stream' in dir(forebay)",
        "import forebay; assert forebay.fs.ReadStream",
        "from forebay import create_write_stream, Transform",
        "from forebay import errors, streams, net, http",
    ):
        loaded(way)


def test_a_name_that_does_not_exist():
    done = python("import forebay; forebay.Raedable")
    assert done.stderr.splitlines()[-1].startswith(
        "AttributeError: module 'forebay' has no attribute 'Raedable'"
    )
    assert "asyncio" not in loaded("import forebay; assert not hasattr(forebay, '__wrapped__')")
