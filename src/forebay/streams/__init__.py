"""The public classes of streams, and what is made of them."""
