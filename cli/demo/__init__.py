"""The demonstration: places orders and shows, read back from the running system, what became of them."""
