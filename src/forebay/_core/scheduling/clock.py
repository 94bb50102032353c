"""The clock of the counters: seconds that never go back. Compiled code reads it without a call through Python."""

from time import monotonic as monotonic
