"""The command line: what needs several parts of the project."""
