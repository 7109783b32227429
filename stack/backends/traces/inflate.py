"""Decompressing a request's body without trusting what it becomes."""

import zlib

# zlib's way of asking for a gzip header and trailer (RFC 1952).
_GZIP = 16 + zlib.MAX_WBITS


class CorruptError(ValueError):
    """The bytes are not one complete gzip stream."""


class ExpandsTooFarError(ValueError):
    """The content is larger than the limit; it was not decompressed any further."""


def gunzip(body: bytes, limit: int) -> bytes:
    """Decompress a gzip stream of one member, which is what exporters send.

    Args:
        body: The compressed bytes.
        limit: The largest content accepted, in bytes; more is never held.

    Raises:
        CorruptError: it is no gzip, or damaged, cut off, or followed by something.
        ExpandsTooFarError: the content is larger than ``limit``.
    """
    stream = zlib.decompressobj(_GZIP)
    try:
        content = stream.decompress(body, limit + 1)
    except zlib.error as error:
        raise CorruptError(f"not gzip: {error}") from None
    if len(content) > limit:
        raise ExpandsTooFarError(f"the content is larger than {limit} bytes")
    if not stream.eof or stream.unused_data:
        raise CorruptError("not one complete gzip member")
    return content
