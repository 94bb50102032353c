"""The public classes of streams, and the functions that combine them."""

from forebay.streams import late_binding
from forebay.streams.from_iterable import from_iterable
from forebay.streams.joining.chain import join
from forebay.streams.joining.compose import compose
from forebay.streams.joining.duplexify import duplex_from
from forebay.streams.operators import methods

late_binding.operators = methods
late_binding.from_iterable = from_iterable
late_binding.compose = compose
late_binding.join = join
late_binding.duplex_from = duplex_from
