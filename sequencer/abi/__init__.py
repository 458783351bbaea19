"""Interfaces of the contracts on L1, as the compiler wrote them (`make abi`)."""

import json
from pathlib import Path
from typing import Any, Final

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from eth_typing import ABI
from eth_utils.abi import function_abi_to_4byte_selector
from web3.exceptions import ContractLogicError


def _load(name: str) -> ABI:
    abi: ABI = json.loads((Path(__file__).parent / f"{name}.json").read_text())
    return abi


EXCHANGE: Final = _load("exchange")
ERC20: Final = _load("erc20")
VERIFIER: Final = _load("verifier")
RECEIPT_BOND: Final = _load("receipt_bond")

_ERRORS: Final[dict[bytes, Any]] = {
    function_abi_to_4byte_selector(item): item
    for item in (*EXCHANGE, *RECEIPT_BOND)
    if item["type"] == "error"
}


def revert_reason(error: ContractLogicError) -> str:
    """The custom error in a revert as `Name(argument=value, ...)`, or the node's own words."""
    data = error.data if isinstance(error.data, str) else ""
    return decode_error(bytes.fromhex(data.removeprefix("0x"))) or str(error)


def decode_error(revert_data: bytes) -> str | None:
    """A custom error of the exchange or the bond as `Name(argument=value, ...)`; None when it is none of them."""
    item = _ERRORS.get(revert_data[:4])
    if item is None:
        return None
    try:
        values = decode([argument["type"] for argument in item["inputs"]], revert_data[4:])
    except DecodingError:
        return None
    shown = [
        f"{argument['name']}={_shown(value)}" for argument, value in zip(item["inputs"], values, strict=True)
    ]
    return f"{item['name']}({', '.join(shown)})"


def _shown(value: object) -> str:
    return f"0x{value.hex()}" if isinstance(value, bytes) else str(value)
