"""The machine: descriptors, worker threads and copies inside the kernel. Nothing here knows a stream."""
