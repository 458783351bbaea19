"""Transactions with blobs on the real Anvil, which checks what nodes of Osaka check of them."""

from dataclasses import replace
from typing import Any

import pytest
from eth_account import Account
from web3 import Web3

from sequencer.adapters.l1 import ExchangeContract, L1Error, Reverted, Signer
from sequencer.core.carriers import challenge
from sequencer.core.codec.blobs import BLOB_DATA, BLOB_LENGTH, MAX_BLOBS_DATA
from sequencer.kzg import Sidecar, sidecar

pytestmark = pytest.mark.e2e

POINT_EVALUATION = "0x000000000000000000000000000000000000000A"
"""The precompile that the contract calls; a call with a wrong proof fails."""
FIRST_BLOB_IS = "600d600c600039600d6000f3" + "5f355f4914600b575f5ffd5b00"
"""Makes a contract that reverts unless its argument is the versioned hash of the first blob."""
KEY = b"\x05" * 32


@pytest.fixture
def signer(chain: Web3) -> Signer:
    """A rich account."""
    address = Account.from_key(KEY).address
    chain.provider.make_request("anvil_setBalance", [address, hex(10**21)])  # type: ignore[arg-type]
    return Signer(KEY, chain.eth.chain_id, POINT_EVALUATION)


def l1_of(chain: Web3, address: str = POINT_EVALUATION) -> ExchangeContract:
    return ExchangeContract(chain.provider.endpoint_uri, address)  # type: ignore[attr-defined]


def opening_of(made: Sidecar, number: int) -> bytes:
    """The argument of the precompile for one blob."""
    opened = made.blobs[number]
    z = challenge(made.content_hash, opened.versioned_hash)
    words = opened.versioned_hash + z.to_bytes(32, "big") + opened.y.to_bytes(32, "big")
    return words + opened.commitment + opened.proof


@pytest.mark.parametrize("length", [1, BLOB_DATA, MAX_BLOBS_DATA])
def test_a_transaction_with_blobs_gets_into_the_chain(chain: Web3, signer: Signer, length: int) -> None:
    l1, made = l1_of(chain), sidecar(b"\xaa" * length)
    call, fees = opening_of(made, len(made.blobs) - 1), l1.fees(blobs=True)
    gas = l1.estimate_gas(signer.address, call, made.versioned_hashes, fees.max_blob_fee)
    tx_hash, raw = signer.sign(l1.next_nonce(signer.address), call, gas, fees, made)
    l1.send(raw)
    receipt: Any = chain.eth.wait_for_transaction_receipt(tx_hash)  # type: ignore[arg-type]
    assert receipt["status"] == 1
    assert receipt["blobGasUsed"] == len(made.blobs) * BLOB_LENGTH
    shown: Any = chain.eth.get_transaction(tx_hash)  # type: ignore[arg-type]
    assert [bytes(item) for item in shown["blobVersionedHashes"]] == made.versioned_hashes


def test_a_false_value_is_refused(chain: Web3, signer: Signer) -> None:
    made = sidecar(b"data")
    false = replace(made, blobs=(replace(made.blobs[0], y=made.blobs[0].y + 1),))
    with pytest.raises(L1Error):
        l1_of(chain).estimate_gas(signer.address, opening_of(false, 0), made.versioned_hashes, 10)


def test_an_estimate_sees_the_blobs(chain: Web3, signer: Signer) -> None:
    deployed = chain.eth.send_transaction({"from": chain.eth.accounts[0], "data": f"0x{FIRST_BLOB_IS}"})  # type: ignore[typeddict-item]
    l1 = l1_of(chain, str(chain.eth.wait_for_transaction_receipt(deployed)["contractAddress"]))
    (versioned_hash,) = sidecar(b"data").versioned_hashes
    assert l1.estimate_gas(signer.address, versioned_hash, [versioned_hash], 10)
    for others in ([], [b"\x01" + bytes(31)]):
        with pytest.raises(Reverted):
            l1.estimate_gas(signer.address, versioned_hash, others, 10)


@pytest.mark.parametrize("spoiled", ["blob", "cell proof"])
def test_blobs_and_proofs_that_do_not_fit_the_transaction_are_refused(
    chain: Web3, signer: Signer, spoiled: str
) -> None:
    l1, made = l1_of(chain), sidecar(b"data")
    if spoiled == "blob":
        wrong = replace(made, blobs=(replace(made.blobs[0], blob=bytes(BLOB_LENGTH)),))
    else:
        wrong = replace(made, cell_proofs=(made.cell_proofs[1], *made.cell_proofs[1:]))
    nonce = l1.next_nonce(signer.address)
    _, raw = signer.sign(nonce, opening_of(made, 0), 200_000, l1.fees(blobs=True), wrong)
    with pytest.raises(L1Error, match="KZG"):
        l1.send(raw)
    assert l1.next_nonce(signer.address) == nonce


def test_raised_fees_replace_a_transaction_with_blobs(chain: Web3, signer: Signer) -> None:
    l1, made = l1_of(chain), sidecar(b"data")
    nonce, fees = l1.next_nonce(signer.address), l1.fees(blobs=True)
    chain.provider.make_request("evm_setAutomine", [False])  # type: ignore[arg-type]
    try:
        hashes = []
        for offered in (fees, fees.raised(fees)):
            tx_hash, raw = signer.sign(nonce, opening_of(made, 0), 200_000, offered, made)
            l1.send(raw)
            hashes.append(tx_hash)
        chain.provider.make_request("evm_mine", [])  # type: ignore[arg-type]
        receipt = chain.eth.wait_for_transaction_receipt(hashes[1])  # type: ignore[arg-type]
        assert receipt["status"] == 1
        assert l1.receipt(hashes[0]) is None
    finally:
        chain.provider.make_request("evm_setAutomine", [True])  # type: ignore[arg-type]
