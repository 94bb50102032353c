"""The states of a stream: its life cycle, both of its sides, and the pipe between two streams."""
