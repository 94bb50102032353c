from forebay import RingBuffer

ring = RingBuffer(4096)
