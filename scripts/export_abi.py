"""Writes the contract interfaces that Python reads, from what `forge build` left in `contracts/out`: `make abi`."""

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
BUILT = ROOT / "contracts" / "out"
TARGET = ROOT / "sequencer" / "abi"


def exchange_abi() -> list[dict[str, Any]]:
    """The exchange's interface, with the errors that its verifiers can revert with."""
    abi = built_abi("Exchange")
    for verifier in ("MockVerifier", "SP1Verifier"):
        abi += [item for item in built_abi(verifier) if item["type"] == "error" and item not in abi]
    return abi


def built_abi(contract: str) -> list[dict[str, Any]]:
    """The interface of a built contract; raises FileNotFoundError when `forge build` did not run."""
    built: dict[str, Any] = json.loads((BUILT / f"{contract}.sol" / f"{contract}.json").read_text())
    abi: list[dict[str, Any]] = built["abi"]
    return abi


def rendered(abi: list[dict[str, Any]]) -> str:
    """The text of an interface file: one item a line, so that changes read well."""
    return "[\n" + ",\n".join(json.dumps(item) for item in abi) + "\n]\n"


def main() -> int:
    (TARGET / "exchange.json").write_text(rendered(exchange_abi()))
    (TARGET / "receipt_bond.json").write_text(rendered(built_abi("ReceiptBond")))
    (TARGET / "erc20.json").write_text(rendered(built_abi("IERC20Metadata")))
    (TARGET / "verifier.json").write_text(rendered(built_abi("ISP1Verifier")))
    return 0


if __name__ == "__main__":
    sys.exit(main())
