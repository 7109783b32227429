"""What the stack raises."""


class StackError(Exception):
    """Something that the user can act on; the message says what and how."""

    status = 1
    """The exit status of a command that it ends."""


class UsageError(StackError):
    """A command line that makes no sense."""

    status = 2
