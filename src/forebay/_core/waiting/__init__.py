"""Waiting for the end of a stream, for an event, and for its release."""
