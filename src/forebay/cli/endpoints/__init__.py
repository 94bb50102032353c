"""The ends that a command reads from and writes to."""
