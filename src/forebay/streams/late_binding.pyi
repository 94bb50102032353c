from forebay.streams.from_iterable import from_iterable
from forebay.streams.joining.chain import join
from forebay.streams.joining.compose import compose
from forebay.streams.joining.duplexify import duplex_from
from forebay.streams.operators import methods as operators

__all__ = ["compose", "duplex_from", "from_iterable", "join", "operators"]
