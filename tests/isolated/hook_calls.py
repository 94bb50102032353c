"""Both sides of each case of the benchmark ``hooks`` call the same functions as often."""

import sys
from collections import Counter

from benchmarks import hook_cases

import forebay

N = 20


def name_of(code):
    """The name of a function without that of the side that defines it."""
    return code.co_qualname.removeprefix("bare_")


def calls_of(moves):
    """How often each function of the module is called in one run."""
    calls = Counter()

    def profile(frame, event, argument):
        if event == "call" and frame.f_code.co_filename == hook_cases.__file__:
            calls[name_of(frame.f_code)] += 1

    async def main():
        sys.setprofile(profile)
        try:
            await moves(N)
        finally:
            sys.setprofile(None)

    forebay.run(main)
    # A coroutine is called again whenever it goes on.
    del calls[name_of(moves.__code__)]
    return calls


for case in hook_cases.CASES.values():
    ours, bare = calls_of(case.ours), calls_of(case.bare)
    # A chain passes on the end of a read hook as well, through each stage.
    common = {name: count for name, count in ours.items() if name in bare and count >= N}
    assert all(abs(count - bare[name]) <= 3 for name, count in common.items()), (case.name, ours, bare)
    # Creating a stream calls nothing of the user's, and PassThrough has no hook.
    assert common or case.name == "creation", (case.name, ours, bare)
print(len(hook_cases.CASES), "cases")
