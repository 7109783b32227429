"""Go's truth values, which Jaeger's parameters take."""

_TRUE = ("1", "t", "T", "TRUE", "true", "True")
_FALSE = ("0", "f", "F", "FALSE", "false", "False")


def parse_bool(text: str) -> bool:
    """Return a truth value (https://pkg.go.dev/strconv#ParseBool).

    Raises:
        ValueError: the text is none.
    """
    if text not in _TRUE + _FALSE:
        raise ValueError(f"{text!r} is neither true nor false")
    return text in _TRUE
