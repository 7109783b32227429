"""How each server is run: pure functions from names, ports and folders to a `Spec`."""
