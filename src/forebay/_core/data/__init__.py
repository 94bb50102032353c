"""Chunks, text encodings, and the measurement of stalls."""
