"""Decompressing what may be a bomb."""

import tracemalloc
import zlib

import pytest

from stack.backends.traces.inflate import ExpandsTooFarError, gunzip


def test_a_bomb_is_not_held_in_memory() -> None:
    """Of 64 MiB of zeros in 64 KiB no more is decompressed than the limit allows."""
    packer = zlib.compressobj(9, wbits=16 + zlib.MAX_WBITS)
    bomb = b"".join(packer.compress(bytes(2**20)) for _ in range(64)) + packer.flush()
    tracemalloc.start()
    try:
        with pytest.raises(ExpandsTooFarError):
            gunzip(bomb, 2**20)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(bomb) < 100_000
    assert peak < 8 * 2**20


def test_the_limit_itself_is_allowed() -> None:
    """Exactly as much as the limit is not too much."""
    content = b"x" * 1_000
    packed = zlib.compress(content, wbits=16 + zlib.MAX_WBITS)
    assert gunzip(packed, 1_000) == content
    with pytest.raises(ExpandsTooFarError):
        gunzip(packed, 999)
