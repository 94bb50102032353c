"""Functions that tests run in other processes. The module imports nothing but the standard library, for a quick start."""

import os
import signal
import time


def square(number):
    return number * number


def is_odd(number):
    return number % 2 == 1


def up_to(number):
    return range(number)


def inverse_of_distance(number):
    return 1 // (number - 7)


def nothing(number):
    return None


def slower_at_first(number):
    """The first item is done long after those behind it."""
    time.sleep(0.3 if number == 0 else 0)
    return number


def die_at_five(number):
    if number == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


class Unpicklable(Exception):
    def __init__(self, one, two):
        super().__init__(f"{one} {two}")
        self.hook = lambda: None


def raise_unpicklable(number):
    raise Unpicklable("not to be", "pickled")
