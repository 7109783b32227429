"""Identifiers that sort by the time they were made."""

import os
import time

AT_ONCE = 256
_ENTROPY: list[int] = []
os.register_at_fork(after_in_child=_ENTROPY.clear)


def uuid7(milliseconds: int | None = None) -> str:
    """Return a new UUID version 7 (RFC 9562, section 5.7) in its canonical, sortable form.

    Args:
        milliseconds: Unix time to stamp it with, in ms; now by default.
    """
    stamp = time.time_ns() // 1_000_000 if milliseconds is None else milliseconds
    value = (stamp << 80) | _random_80_bits()
    value = value & ~(0xF << 76) | (0x7 << 76)
    value = value & ~(0x3 << 62) | (0x2 << 62)
    return _canonical(value)


def first_uuid7(milliseconds: int) -> str:
    """Return the lowest UUID version 7 of a millisecond: a bound for comparing by age."""
    return _canonical((milliseconds << 80) | (0x7 << 76) | (0x2 << 62))


def _random_80_bits() -> int:
    # The system's, as an id is also what an order is found by; many at once, as each call lets other threads
    # have the interpreter.
    while True:
        try:
            return _ENTROPY.pop()
        except IndexError:
            some = os.urandom(10 * AT_ONCE)
            _ENTROPY.extend(int.from_bytes(some[at : at + 10], "big") for at in range(0, len(some), 10))


def _canonical(value: int) -> str:
    # What str(uuid.UUID(int=value)) is, at a fifth of its cost.
    digits = f"{value:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
