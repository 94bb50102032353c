"""The machine: descriptors, worker threads and copies inside the kernel. This package does not know streams."""
