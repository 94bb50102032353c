from penstock._flow.handlers import Listener

class Carrier(Listener):
    """A connection, as its messages see it."""
