"""Compression of requests."""

import gzip
from typing import Literal, TypeAlias

Compression: TypeAlias = Literal["none", "gzip"]


def parse_compression(text: str) -> Compression:
    """Return the compression of this name, whatever its case.

    Raises:
        ValueError: It is neither `none` nor `gzip`.
    """
    match text.lower():
        case "none":
            return "none"
        case "gzip":
            return "gzip"
    raise ValueError(f"expected none or gzip, not {text!r}")


def compress(body: bytes, compression: Compression) -> bytes:
    """Return a request's body, compressed."""
    if compression == "none":
        return body
    # The fastest level: batches repeat themselves enough for it, and CPU is what exporting competes for.
    return gzip.compress(body, compresslevel=1, mtime=0)
