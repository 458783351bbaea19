"""How values stand in the vector files: bytes as 0x hex, every integer as a decimal string."""

from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from typing import Any

from msgspec import Struct


def to_json(value: Any) -> Any:
    """The JSON form of a value; a record is an object with its class as `type`."""
    if isinstance(value, bytes):
        return f"0x{value.hex()}"
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, dict):
        return {key: to_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    if isinstance(value, Struct):
        return _object(value, value.__struct_fields__)
    if is_dataclass(value):
        return _object(value, (field.name for field in fields(value)))
    return value


def _object(record: Any, names: Iterable[str]) -> dict[str, Any]:
    own = {name: to_json(getattr(record, name)) for name in names}
    return {"type": type(record).__name__} | own
