"""Reading a stream by iteration."""
