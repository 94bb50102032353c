"""Ways for bytes between descriptors, inside the kernel."""
