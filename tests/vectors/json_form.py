"""How values stand in the vector files: bytes as 0x hex, every integer as a decimal string."""

from dataclasses import fields, is_dataclass
from typing import Any


def to_json(value: Any) -> Any:
    """The JSON form of a value; a dataclass is an object with its class as `type`."""
    if isinstance(value, bytes):
        return f"0x{value.hex()}"
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, dict):
        return {key: to_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    if is_dataclass(value):
        own = {field.name: to_json(getattr(value, field.name)) for field in fields(value)}
        return {"type": type(value).__name__} | own
    return value
