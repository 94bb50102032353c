"""The direct paths of sockets: the kernel moves the bytes between two descriptors."""
