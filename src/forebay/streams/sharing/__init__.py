"""One source for several readers, and several sources for one."""
