"""Types of command-line arguments."""

_LAST_PORT = 65_535


def port(text: str) -> int:
    """Return a TCP port; 0 stands for any free one.

    Raises:
        ValueError: the text is none.
    """
    number = int(text)
    if not 0 <= number <= _LAST_PORT:
        raise ValueError("a port is a number from 0 to 65535")
    return number


def positive(text: str) -> int:
    """Return a number of at least 1.

    Raises:
        ValueError: the text is none.
    """
    number = int(text)
    if number < 1:
        raise ValueError("at least 1")
    return number
