"""Operating-system services: descriptors, worker threads and copies inside the kernel. No streams."""
