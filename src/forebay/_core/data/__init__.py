"""What a chunk is, how text becomes bytes, and how stalled time is measured."""
