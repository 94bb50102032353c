"""The documentation site, built once for all workers of a test run."""

import fcntl
import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NEEDED = ("mkdocs", "material", "mkdocstrings_handlers", "griffe")


# On a busy machine. Usually it takes less than a minute.
BUILD_SECONDS = 400


def pytest_collection_modifyitems(items):
    for item in items:
        if "site" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.timeout(BUILD_SECONDS + 20))


@pytest.fixture(scope="session")
def site(tmp_path_factory, request):
    """The folder of the built site. The build is strict: a warning, such as a dead link or anchor, fails it."""
    for name in NEEDED:
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"the documentation needs {name}: pip install -e '.[docs]'")
    if not (ROOT / "docs" / "site" / "mkdocs.yml").exists():
        pytest.skip("only with the documentation")
    shared = tmp_path_factory.getbasetemp()
    if hasattr(request.config, "workerinput"):
        # The folder that all workers of this run have in common.
        shared = shared.parent
    folder = shared / "site"
    with open(shared / "site.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            build(folder)
    return folder


def build(folder):
    unfinished = folder.with_name("site.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    command = ["build", "--strict", "-f", str(ROOT / "docs" / "site" / "mkdocs.yml"), "-d", str(unfinished)]
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", *command], capture_output=True, text=True, timeout=BUILD_SECONDS
    )
    assert done.returncode == 0, done.stderr
    unfinished.rename(folder)
