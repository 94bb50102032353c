"""What a command reads from and writes to."""
