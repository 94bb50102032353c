from penstock._flow.events import Listener

class Carrier(Listener):
    """A connection, as its messages see it."""
