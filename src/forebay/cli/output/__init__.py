"""The output of a command."""
