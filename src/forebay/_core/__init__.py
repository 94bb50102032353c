"""The state machine of the streams: events, ticks, completions, both sides of a stream, and the pipe link.

Every module here is plain Python that runs as it stands and that Cython compiles by the types in the ``.pxd`` beside
it. A rule of the stream model stands once, in one of these files; the numbers in comments (R4, W2, P7, ...) name the
rules of docs/stream-model.md.
"""
