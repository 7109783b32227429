"""What the stack raises."""


class StackError(Exception):
    """Something that the user can act on; the message says what and how."""

    status = 1
    """The exit status of a command that it ends."""


class UsageError(StackError):
    """A command line that makes no sense."""

    status = 2


def reason(error: Exception) -> str:
    """Return what an error says, or its name when it says nothing, as a timeout may."""
    return str(error) or type(error).__name__
