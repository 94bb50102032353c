"""The front page of the benchmarks: ``python -m benchmarks [list | run | compare | count | plot | table]``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.comparing import compare
from benchmarks.comparison import Comparison, every_comparison, positive
from benchmarks.count_check import TABLE, check
from benchmarks.instructions import REFERENCE
from benchmarks.machine import caption, machine
from benchmarks.pictures import load_pyplot, plot
from benchmarks.report import progress
from benchmarks.results import NotSaved, Run, load
from benchmarks.running import NoSuchComparison, named, run_again, run_each
from benchmarks.tables import run_text

PROGRAM = "python -m benchmarks"

# The exit status for wrong arguments and files; 1 says that nothing ran or that something is slower.
WRONG_USE = 2

HINTS = f"""\
{PROGRAM} run NAME... --save FILE      measure; --quick for a look, --only PATTERN for some cases
{PROGRAM} compare OLD [NEW]            two saved runs, or a saved one and now
{PROGRAM} count --save FILE            instructions, where times are noisy
{PROGRAM} plot FILE OUT.svg            a picture; table FILE --markdown for the tables
{PROGRAM}.NAME --help           the options of one comparison; benchmarks/README.md explains the rest"""


def page_of(comparison: Comparison) -> str:
    """What a comparison measures, and beside whom."""
    there = ", ".join(str(peer) for peer in comparison.peers if peer.is_there)
    lines = [
        f"{comparison.name}  ({comparison.takes}, {len(comparison.cases())} cases)",
        f"    {comparison.about}",
    ]
    if there:
        lines.append(f"    beside: {there}")
    for peer in comparison.peers:
        if not peer.is_there:
            needed = "needed" if peer in comparison.needs else "left out"
            lines.append(f"    missing, {needed}: {peer.name} ({peer.get})")
    return "\n".join(lines)


def show_list(options: argparse.Namespace) -> int:
    pages = [page_of(comparison) for comparison in every_comparison().values()]
    print("\n\n".join([caption(machine(), {}), *pages, HINTS]))
    return 0


def arguments_from(options: argparse.Namespace) -> list[str]:
    """The common options, for the parser of each comparison."""
    arguments = ["--quick"] if options.quick else []
    if options.rounds:
        arguments += ["--rounds", str(options.rounds)]
    for pattern in options.only or []:
        arguments += ["--only", pattern]
    return arguments


def report_on(run: Run, said: Sequence[str], save: str | None) -> int:
    """Save the run and say what did not run; 1 if nothing did."""
    for line in said:
        print(line, file=sys.stderr)
    if not run.measurements:
        print("nothing ran", file=sys.stderr)
        return 1
    if save:
        run.save(save)
        progress(f"saved: {save}")
    return 0


def run(options: argparse.Namespace) -> int:
    arguments = arguments_from(options)
    chosen = [(comparison, comparison.parse(arguments)) for comparison in named(options.names)]
    return report_on(*run_each(chosen), options.save)


def judge(old: Run, new: Run, tolerance: float | None) -> int:
    """Print how two runs compare; 1 if something is slower beyond the tolerance."""
    found = compare(old, new)
    for warning in found.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    if not found.changes:
        raise NotSaved("the two runs have no case in common")
    print(found.text(tolerance))
    slower = found.slower(tolerance)
    for change in slower:
        print(f"slower: {change.comparison} {change.case}, {change.what} ({change.unit})", file=sys.stderr)
    return 1 if slower else 0


def compare_runs(options: argparse.Namespace) -> int:
    old = load(options.old)
    if options.new:
        new = load(options.new)
    else:
        new, said = run_again(old)
        if report_on(new, said, options.save):
            return 1
    return judge(old.only(options.only or []), new.only(options.only or []), options.tolerance)


def count(options: argparse.Namespace) -> int:
    comparison = every_comparison()["instructions"]
    if unknown := [name for name in options.names if name not in comparison.cases()]:
        raise NoSuchComparison(f"there is no path {unknown[0]!r}; there are {', '.join(comparison.cases())}")
    chosen = comparison.parse(["--quick"] if options.quick else [])
    chosen.exactly = options.names or None
    if options.check:
        chosen.tolerance = options.tolerance
        if options.names:
            chosen.exactly = [REFERENCE, *options.names]
        return check(Path(options.check), chosen)
    old = load(options.against) if options.against else None
    new, said = run_each([(comparison, chosen)])
    if report_on(new, said, options.save):
        return 1
    return judge(old, new, options.tolerance) if old else 0


def draw(options: argparse.Namespace) -> int:
    load_pyplot()
    plot(chosen_from(options), options.out)
    return 0


def print_tables(options: argparse.Namespace) -> int:
    print(run_text(chosen_from(options), in_markdown=options.markdown))
    return 0


def chosen_from(options: argparse.Namespace) -> Run:
    """The saved run, as far as ``--only`` says."""
    found = load(options.file).only(options.only or [])
    if not found.measurements:
        raise NotSaved(f"{options.file} has no row for {' or '.join(options.only or ['any case'])}")
    return found


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog=PROGRAM, description="forebay beside its peers: run, save, compare, draw."
    )
    top.set_defaults(action=show_list)
    commands = top.add_subparsers(metavar="COMMAND")

    def command(name: str, action: object, about: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=about, description=about)
        made.set_defaults(action=action)
        return made

    command("list", show_list, "every comparison, its peers, and how long it takes")
    add_run(command("run", run, "run comparisons"))
    add_compare(command("compare", compare_runs, "compare two saved runs, or a saved run and a new one"))
    add_count(command("count", count, "count the instructions of the hot paths"))
    plotting = command("plot", draw, "draw a saved run")
    tables = command("table", print_tables, "print the tables of a saved run")
    for each in (plotting, tables):
        each.add_argument("file", metavar="FILE", help="a saved run")
        add_only(each, "rows whose comparison and case contain PATTERN")
    plotting.add_argument("out", metavar="OUT", help="a .svg or .png")
    tables.add_argument("--markdown", action="store_true", help="as tables of Markdown")
    return top


def add_only(to: argparse.ArgumentParser, about: str) -> None:
    to.add_argument("--only", metavar="PATTERN", action="append", help=f"{about}; may be repeated")


def add_run(to: argparse.ArgumentParser) -> None:
    to.add_argument("names", nargs="+", metavar="NAME", help="a comparison, or all")
    to.add_argument("--quick", action="store_true", help="one short round of each case, to see that it works")
    to.add_argument("--rounds", type=positive, help="runs of each side")
    add_only(to, "cases whose name contains PATTERN")
    to.add_argument("--save", metavar="FILE", help="store all results in one file")


def add_tolerance(to: argparse.ArgumentParser, default: str) -> None:
    to.add_argument(
        "--tolerance", type=float, metavar="PERCENT", help=f"how much worse is not slower ({default})"
    )


def add_compare(to: argparse.ArgumentParser) -> None:
    to.add_argument("old", metavar="OLD", help="a saved run")
    to.add_argument("new", metavar="NEW", nargs="?", help="another; without it the same cases run again")
    add_only(to, "rows whose comparison and case contain PATTERN")
    to.add_argument("--save", metavar="FILE", help="store the new run")
    add_tolerance(to, "25; 1 for counts")


def add_count(to: argparse.ArgumentParser) -> None:
    to.add_argument("names", nargs="*", metavar="NAME", help="a hot path (default: all)")
    to.add_argument("--quick", action="store_true", help="short runs, to see that it works")
    to.add_argument("--save", metavar="FILE", help="store the counts")
    to.add_argument("--against", metavar="FILE", help="compare with stored counts")
    to.add_argument(
        "--check",
        metavar="FILE",
        nargs="?",
        const=str(TABLE),
        help=f"compare with {TABLE.name} of this folder; pass with another interpreter, and without valgrind",
    )
    add_tolerance(to, "1; 5 with --check")


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    try:
        status: int = options.action(options)
    except (NotSaved, NoSuchComparison) as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        return WRONG_USE
    return status


if __name__ == "__main__":
    sys.exit(main())
