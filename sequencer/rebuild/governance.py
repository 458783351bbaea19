"""What events of the contract say, for people."""

from typing import Any, Final

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from eth_utils.abi import collapse_if_tuple, function_abi_to_4byte_selector

from sequencer.abi import EXCHANGE

_FUNCTIONS: Final[dict[bytes, Any]] = {
    function_abi_to_4byte_selector(item): item for item in EXCHANGE if item["type"] == "function"
}


def described(name: str, arguments: dict[str, Any]) -> str:
    """An event with its arguments; an action of governance is shown as the call that it is."""
    shown = ", ".join(f"{key} {_value(key, value)}" for key, value in arguments.items())
    return f"{name}: {shown}" if shown else name


def _value(key: str, value: Any) -> str:
    if key == "action":
        call = bytes.fromhex(value.removeprefix("0x")) if isinstance(value, str) else value
        return describe_call(call)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{field} {_value(field, item)}" for field, item in value.items()) + "}"
    return f"0x{value.hex()}" if isinstance(value, bytes) else str(value)


def describe_call(call: bytes) -> str:
    """A call of the contract as `name(arguments)`, else its bytes."""
    item = _FUNCTIONS.get(call[:4])
    if item is None:
        return f"0x{call.hex()}"
    try:
        values = decode([collapse_if_tuple(argument) for argument in item["inputs"]], call[4:])
    except (DecodingError, OverflowError):
        return f"0x{call.hex()}"
    names = [argument["name"] for argument in item["inputs"]]
    shown = [f"{name} {_value('', value)}" for name, value in zip(names, values, strict=True)]
    return f"{item['name']}({', '.join(shown)})"
