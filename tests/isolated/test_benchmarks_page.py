"""The front page of the benchmarks: list, run, compare, count, plot, table."""

import copy
import importlib.util
import json
import shutil

import pytest

from support.benchmarks import BENCHMARKS, assert_done, run_benchmarks

pytestmark = pytest.mark.skipif(not BENCHMARKS.is_dir(), reason="benchmarks/ is not here")
needs_valgrind = pytest.mark.skipif(shutil.which("valgrind") is None, reason="needs valgrind")
# Valgrind takes minutes on a busy machine.
LONG_SECONDS = 300

FAST = ["--quick", "--only", "CSV in"]


def page(*arguments, **more):
    return run_benchmarks("", *arguments, **more)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A saved run of a part of versus_formats, which runs in one process."""
    path = tmp_path_factory.mktemp("benchmarks") / "run.json"
    done = page("run", "formats", *FAST, "--rounds", "2", "--save", str(path))
    assert_done(done)
    assert "CSV in, row by row" in done.stdout
    return path


@pytest.fixture
def changed(saved, tmp_path):
    """A function that saves a changed copy of the run and returns its path."""

    def change(apply):
        content = json.loads(saved.read_text())
        apply(content)
        path = tmp_path / "changed.json"
        path.write_text(json.dumps(content))
        return str(path)

    return change


def scale(content, factor):
    """Make forebay that many times as slow."""
    for row in content["measurements"][0]["rows"]:
        which = "sample" if row["side"] == "forebay" else "ratio"
        part = row[which]
        times = factor if which == "sample" else 1 / factor
        row[which] = {name: multiplied(value, times) for name, value in part.items()}


def multiplied(value, times):
    return [each * times for each in value] if isinstance(value, list) else value * times


@pytest.mark.parametrize("arguments", [[], ["list"]])
def test_list_names_every_comparison_and_every_missing_peer(arguments):
    done = page(*arguments, PATH="/nonexistent")
    assert_done(done)
    for path in BENCHMARKS.glob("versus_*.py"):
        assert f"\n{path.stem}  (" in done.stdout
    assert "\ninstructions  (" in done.stdout
    assert "\noperations  (" in done.stdout
    assert "missing, needed: Node (https://nodejs.org)" in done.stdout
    assert "missing, left out: wrk (apt install wrk)" in done.stdout


def test_a_run_names_machine_versions_and_options(saved):
    content = json.loads(saved.read_text())
    assert {"python", "backend", "forebay", "processor", "date"} <= set(content["machine"])
    (measurement,) = content["measurements"]
    assert measurement["comparison"] == "versus_formats"
    assert measurement["versions"]["csv"]
    assert measurement["options"]["rows"] == 2000
    assert all(len(row["sample"]["rounds"]) == 2 for row in measurement["rows"])


def test_what_cannot_run_is_skipped_with_a_reason(tmp_path):
    path = tmp_path / "run.json"
    done = page("run", "node", "formats", *FAST, "--save", str(path), PATH="/nonexistent")
    assert_done(done)
    assert "versus_node skipped: " in done.stderr
    assert [each["comparison"] for each in json.loads(path.read_text())["measurements"]] == ["versus_formats"]


@pytest.mark.skipif(importlib.util.find_spec("asyncpg") is None, reason="needs asyncpg")
def test_one_that_fails_does_not_lose_the_others(tmp_path):
    path = tmp_path / "run.json"
    patterns = ["--quick", "--only", "asyncpg query", "--only", "CSV in, row"]
    nobody = "postgresql://nobody@127.0.0.1:1/none"
    done = page(
        "run", "databases", "formats", *patterns, "--save", str(path), FOREBAY_BENCHMARK_POSTGRES=nobody
    )
    assert_done(done)
    assert "versus_databases failed: " in done.stderr
    assert [each["comparison"] for each in json.loads(path.read_text())["measurements"]] == ["versus_formats"]


def test_nothing_ran(tmp_path):
    path = tmp_path / "run.json"
    done = page("run", "node", "--quick", "--save", str(path), PATH="/nonexistent")
    assert done.returncode == 1
    assert "versus_node skipped: it needs Node" in done.stderr
    assert "nothing ran" in done.stderr
    assert not path.exists()


def test_an_unknown_comparison():
    done = page("run", "no-such-comparison")
    assert done.returncode == 2
    assert "'no-such-comparison'" in done.stderr
    assert "versus_formats" in done.stderr


def test_a_run_compared_with_itself(saved):
    done = page("compare", str(saved), str(saved))
    assert_done(done)
    assert "slower beyond the tolerance: 0" in done.stdout
    assert "warning" not in done.stderr


def test_slower(saved, changed):
    path = changed(lambda content: scale(content, 10))
    done = page("compare", str(saved), path)
    assert done.returncode == 1, done.stderr
    assert "SLOWER" in done.stdout
    assert "slower: versus_formats CSV in, forebay / csv (ratio of us/row)" in done.stderr
    done = page("compare", str(saved), path, "--tolerance", "2000")
    assert_done(done)
    done = page("compare", path, str(saved))
    assert_done(done)
    assert "better" in done.stdout


def test_a_change_within_the_spread_is_noise(saved, changed):
    """Slower by more than the tolerance, and yet within the range of the rounds."""

    def widen(content):
        scale(content, 3)
        for row in content["measurements"][0]["rows"]:
            for part in filter(None, (row["sample"], row["ratio"])):
                part["rounds"] += [part["rounds"][0] / 100, part["rounds"][0] * 100]

    done = page("compare", str(saved), changed(widen))
    assert_done(done)
    assert "outside the spread of both runs: 0" in done.stdout


def test_another_machine_and_other_versions_are_told(saved, changed):
    def move(content):
        content["machine"] |= {"python": "3.99.0", "backend": "other", "processor": "a slide rule"}
        content["measurements"][0]["versions"]["csv"] = "0.1"
        content["measurements"][0]["options"]["rows"] = 7

    done = page("compare", str(saved), changed(move))
    assert_done(done)
    for told in ("3.99.0", "other", "a slide rule", "csv was", "--rows was 2000 and is 7"):
        assert told in done.stderr


def test_compare_runs_the_same_cases_again(saved, tmp_path):
    again = tmp_path / "again.json"
    done = page("compare", str(saved), "--tolerance", "100000", "--save", str(again))
    assert_done(done)
    old, new = (json.loads(path.read_text())["measurements"][0] for path in (saved, again))
    assert [row["case"] for row in old["rows"]] == [row["case"] for row in new["rows"]]
    assert old["options"] == new["options"]


def test_table(saved):
    done = page("table", str(saved), "--markdown", "--only", "row by row")
    assert_done(done)
    assert "| CSV in, row by row | " in done.stdout
    assert "| CSV in | " not in done.stdout
    content = json.loads(saved.read_text())
    assert f"csv {content['measurements'][0]['versions']['csv']}" in done.stdout
    assert content["machine"]["date"][:10] in done.stdout
    assert "CSV in, row by row" in page("table", str(saved)).stdout


@pytest.mark.skipif(importlib.util.find_spec("matplotlib") is None, reason="needs matplotlib")
def test_plot(saved, tmp_path):
    drawn = tmp_path / "run.svg"
    done = page("plot", str(saved), str(drawn))
    assert done.returncode == 0, done.stderr
    text = drawn.read_text()
    assert "versus_formats" in text
    assert "CSV in: forebay / csv" in text
    assert json.loads(saved.read_text())["machine"]["date"][:10] in text


FOREIGN = {
    "empty": ("", "is not JSON"),
    "cut off": ('{"format": "forebay-bench', "is not JSON"),
    "another program's": ('{"rows": []}', "it has no 'format'"),
    "a list": ("[1, 2]", "it has no 'format'"),
    "of another version": ('{"format": "forebay-benchmarks 99"}', "forebay-benchmarks 99"),
    "damaged": ('{"format": "forebay-benchmarks 1", "machine": {}}', "'measurements' is missing"),
    "not of objects": ('{"format": "forebay-benchmarks 1", "machine": {}, "measurements": [3]}', "damaged"),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_file_that_is_not_a_saved_run(kind, saved, tmp_path):
    text, told = FOREIGN[kind]
    path = tmp_path / "other.json"
    path.write_text(text)
    done = page("compare", str(saved), str(path))
    assert done.returncode == 2
    assert str(path) in done.stderr
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_values_that_are_no_numbers(changed):
    def spoil(content):
        content["measurements"][0]["rows"][0]["sample"]["rounds"] = ["much"]

    done = page("table", changed(spoil))
    assert done.returncode == 2
    assert "damaged" in done.stderr


def test_a_file_that_is_not_there(tmp_path):
    done = page("table", str(tmp_path / "none.json"))
    assert done.returncode == 2
    assert "cannot be read" in done.stderr


def test_nothing_in_common(saved, changed):
    def rename(content):
        other = copy.deepcopy(content["measurements"][0])
        other["comparison"] = "versus_nothing"
        content["measurements"] = [other]

    done = page("compare", str(saved), changed(rename))
    assert done.returncode == 2
    assert "no case in common" in done.stderr


def test_count_without_valgrind():
    done = page("count", "pipe", "--quick", PATH="/nonexistent")
    assert done.returncode == 1
    assert "valgrind" in done.stderr


def test_count_of_an_unknown_path():
    done = page("count", "no-such-path")
    assert done.returncode == 2
    assert "'no-such-path'" in done.stderr
    assert "readline" in done.stderr


@needs_valgrind
@pytest.mark.timeout(LONG_SECONDS + 100)
def test_count(tmp_path):
    stored, against = tmp_path / "counts.json", tmp_path / "fewer.json"
    done = page("count", "pipe", "--quick", "--save", str(stored), timeout=LONG_SECONDS)
    assert_done(done)
    content = json.loads(stored.read_text())
    (row,) = content["measurements"][0]["rows"]
    assert (row["case"], row["side"], row["unit"]) == ("pipe", "forebay", "instructions")
    row["sample"]["rounds"] = [each * 0.9 for each in row["sample"]["rounds"]]
    against.write_text(json.dumps(content))
    done = page("compare", str(against), str(stored))
    assert done.returncode == 1, done.stdout
    assert "slower: instructions pipe" in done.stderr


# ---- the table of instructions

PATH = "hooks: for_each"


@pytest.fixture(scope="module")
def counts(tmp_path_factory):
    """Saved counts of one path and of the interpreter."""
    path = tmp_path_factory.mktemp("counts") / "counts.json"
    assert_done(
        page("count", "the interpreter alone", PATH, "--quick", "--save", str(path), timeout=LONG_SECONDS)
    )
    return path


@pytest.fixture
def table(counts, tmp_path):
    """A function that saves a table in which a path, or the machine, is another one."""

    def make(case=PATH, factor=1.0, **machine):
        content = json.loads(counts.read_text())
        content["machine"] |= machine
        for row in content["measurements"][0]["rows"]:
            if row["case"] == case:
                row["sample"] = {name: multiplied(value, factor) for name, value in row["sample"].items()}
        path = tmp_path / "table.json"
        path.write_text(json.dumps(content))
        return str(path)

    return make


def check(table):
    return page("count", PATH, "--quick", "--check", table, "--tolerance", "20", timeout=LONG_SECONDS)


@needs_valgrind
@pytest.mark.timeout(LONG_SECONDS + 100)
def test_counts_that_the_table_has(table):
    done = check(table())
    assert_done(done)
    assert "slower beyond the tolerance: 0" in done.stdout
    assert "not checked" not in done.stdout


@needs_valgrind
@pytest.mark.timeout(LONG_SECONDS + 100)
def test_a_path_that_takes_more_instructions_than_in_the_table(table):
    done = check(table(factor=0.5))
    assert done.returncode == 1
    assert f"more instructions: {PATH}: " in done.stdout
    assert "save the table again" in done.stdout


@needs_valgrind
@pytest.mark.timeout(LONG_SECONDS + 100)
def test_another_build_of_the_interpreter_is_not_compared(table):
    done = check(table("the interpreter alone", 1.1))
    assert_done(done)
    assert "instructions not checked: the table is for another build of the interpreter" in done.stdout


@needs_valgrind
@pytest.mark.timeout(LONG_SECONDS + 100)
def test_another_interpreter_is_not_compared(table):
    done = check(table(python="3.99.0"))
    assert_done(done)
    assert "pipe" not in done.stdout
    assert "instructions not checked: the table is for another interpreter (python: 3.99.0 and" in done.stdout


def test_the_table_that_is_kept_without_valgrind():
    done = page("count", "--check", PATH="/nonexistent")
    assert_done(done)
    assert "instructions not checked: valgrind is missing (apt install valgrind)" in done.stdout
