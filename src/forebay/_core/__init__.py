"""The state machine of the streams: events, ticks, completions, both sides of a stream, and the pipe link.

Every module here is plain Python. The pure backend runs it unchanged, and Cython compiles it with the types in the
``.pxd`` beside it. Each rule of the stream model is implemented in one place. The numbers in comments (R4, W2, P7, ...) are
those of docs/stream-model.md.
"""
