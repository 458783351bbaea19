"""The interface files that Python reads are those of the contracts, and refusals can be read."""

import subprocess

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from scripts.export_abi import ROOT, TARGET, built_abi, exchange_abi, rendered
from sequencer.abi import decode_error


@pytest.mark.slow
def test_interface_files_are_what_the_compiler_writes() -> None:
    forge = ROOT / "contracts" / "node_modules" / ".bin" / "forge"
    subprocess.run([forge, "build", "contracts/src"], cwd=ROOT, check=True, capture_output=True)
    stale = "run `make abi`"
    assert (TARGET / "exchange.json").read_text() == rendered(exchange_abi()), stale
    assert (TARGET / "receipt_bond.json").read_text() == rendered(built_abi("ReceiptBond")), stale
    assert (TARGET / "erc20.json").read_text() == rendered(built_abi("IERC20Metadata")), stale
    assert (TARGET / "verifier.json").read_text() == rendered(built_abi("ISP1Verifier")), stale


def test_custom_errors_are_named_with_their_arguments() -> None:
    data = keccak(b"TimestampAhead(uint64,uint256)")[:4] + encode(["uint64", "uint256"], [9, 8])
    assert decode_error(data) == "TimestampAhead(timestamp=9, current=8)"
    assert decode_error(keccak(b"InvalidMockProof()")[:4]) == "InvalidMockProof()"


@pytest.mark.parametrize(
    "data", [b"", b"\x01\x02\x03", b"\xff" * 40, keccak(b"TimestampAhead(uint64,uint256)")[:5]]
)
def test_what_is_no_custom_error_is_left_alone(data: bytes) -> None:
    assert decode_error(data) is None
