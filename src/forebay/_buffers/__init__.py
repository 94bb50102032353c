"""`RingBuffer` and `ChunkQueue`, compiled and in pure Python."""
