"""What the stack raises."""


class StackError(Exception):
    """Something that the user can act on; the message says what and how."""
