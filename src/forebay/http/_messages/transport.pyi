from forebay._core.listeners import Listener

class Carrier(Listener):
    """A connection, as its messages see it."""
