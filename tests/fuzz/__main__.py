"""Run a target: ``cd tests && python -m fuzz run TARGET --seconds N``; ``python -m fuzz list`` names the targets.

With atheris (the extra ``fuzz``) the inputs are guided by what they reach in Python code: ``FOREBAY_BACKEND=python`` guides them
through all of the sources. Without atheris they are random mutations of the seeds.
"""

import argparse
import importlib.util
import sys
import time
import traceback
from pathlib import Path

from fuzz import oracles
from fuzz.corpus_files import seeds_of
from fuzz.mutations import inputs
from fuzz.targets import NAMES, load


def run_mutations(name, target, seconds, seed):
    """Run mutations of the seeds. Return 1 after a finding, whose input is kept in the current folder."""
    end = time.monotonic() + seconds
    count = 0
    for data in inputs(seeds_of(name), seed):
        try:
            target.one(data)
        except Exception:
            traceback.print_exc()
            path = Path(f"finding-{name}-{count}")
            path.write_bytes(data)
            print(f"{name}: a finding after {count:,} inputs, kept as {path}", flush=True)
            return 1
        count += 1
        if time.monotonic() > end:
            break
    print(f"{name}: {count:,} inputs, no finding", flush=True)
    return 0


def run_atheris(name, target, seconds, rest):
    import atheris

    # The folder in which atheris keeps what it finds on its way.
    folder = Path("fuzz-inputs") / name
    folder.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(seeds_of(name)):
        (folder / f"seed-{number}").write_bytes(data)
    options = [
        sys.argv[0],
        f"-max_total_time={seconds}",
        "-max_len=65536",
        "-print_final_stats=1",
        *rest,
        str(folder),
    ]
    atheris.Setup(options, target.one)
    atheris.Fuzz()


def main():
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="name the targets")
    running = commands.add_parser("run", help="run a target, or all of them one after the other")
    running.add_argument("target", choices=[*NAMES, "all"])
    running.add_argument("--seconds", type=int, default=60, help="for each target")
    running.add_argument("--seed", type=int, default=1, help="of the mutations")
    running.add_argument("--mutations", action="store_true", help="do not use atheris")
    again = commands.add_parser("again", help="run a target with the inputs in files")
    again.add_argument("target", choices=NAMES)
    again.add_argument("files", nargs="+", type=Path)
    args, rest = parser.parse_known_args()
    if args.command == "list":
        print("\n".join(NAMES))
        return 0
    if args.command == "again":
        for path in args.files:
            load(args.target).one(path.read_bytes())
        return 0
    if args.target != "all" and not args.mutations and importlib.util.find_spec("atheris"):
        import atheris

        with atheris.instrument_imports(include=["forebay"]):
            target = load(args.target)
        return run_atheris(args.target, target, args.seconds, rest)
    names = NAMES if args.target == "all" else [args.target]
    found = [run_mutations(name, load(name), args.seconds, args.seed) for name in names]
    oracles.close()
    return max(found)


if __name__ == "__main__":
    sys.exit(main())
