"""`map`, `filter` and the other operators of a Readable."""
