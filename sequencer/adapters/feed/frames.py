"""WebSocket frames as the server sends them (RFC 6455, section 5): whole messages, not masked, not compressed.

A public message is framed once; every subscriber is sent the same bytes.
"""

from typing import Final

_TEXT: Final = 0x81
_CLOSE: Final = 0x88
_SHORT_MAX: Final = 125
_MEDIUM_MAX: Final = 0xFFFF
_REASON_MAX: Final = 123
"""Bytes of a close frame's reason."""


def text_frame(payload: bytes) -> bytes:
    """A text message; `payload` is UTF-8."""
    size = len(payload)
    if size <= _SHORT_MAX:
        return bytes((_TEXT, size)) + payload
    if size <= _MEDIUM_MAX:
        return b"\x81\x7e" + size.to_bytes(2, "big") + payload
    return b"\x81\x7f" + size.to_bytes(8, "big") + payload


def close_frame(code: int, reason: str) -> bytes:
    """The end of a connection; `reason` is ASCII."""
    payload = code.to_bytes(2, "big") + reason.encode()[:_REASON_MAX]
    return bytes((_CLOSE, len(payload))) + payload
