"""Variable-length integers of the L1 data (docs/protocol.md, section 1)."""

from sequencer.core.constants import MAX_U64

_SIGN = 1 << 63


def varint(value: int) -> bytes:
    """Unsigned LEB128 of `value` in its shortest form."""
    if value < 0x80:
        return value.to_bytes(1, "big")
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def zigzag(value: int, previous: int) -> bytes:
    """The difference of two 64-bit numbers, modulo 2^64, small in either direction."""
    difference = (value - previous) & MAX_U64
    if difference & _SIGN:
        return varint(((MAX_U64 ^ difference) << 1) | 1)
    return varint(difference << 1)
