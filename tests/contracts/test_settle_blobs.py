"""A batch whose data is in blobs, settled on the real Anvil by a transaction that has them."""

import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_account import Account
from web3 import Web3
from web3.contract import Contract

from sequencer.adapters.l1 import ExchangeContract, Reverted, Signer
from sequencer.core.codec.blobs import BLOB_DATA, MAX_BLOBS_DATA
from sequencer.kzg import Sidecar, carried, sidecar

DAY = 86_400
DELAYS = (DAY, 7 * DAY, 7 * DAY, 15 * DAY, DAY, DAY)
KEY = b"\x06" * 32
VKEY = bytes(31) + b"\x07"
PUBLIC_VALUES = (
    ["bytes32"] * 3 + ["uint64", "bytes32", "uint8", "bytes32", "bytes32"] + ["uint64"] * 5 + ["bytes32"]
)

Deploy = Callable[..., Any]

pytestmark = pytest.mark.e2e


@pytest.fixture
def exchange(chain: Web3, deploy: Deploy) -> Contract:
    """Open, with the account of `KEY` as its poster."""
    account, poster = chain.eth.accounts[0], Account.from_key(KEY).address
    chain.provider.make_request("anvil_setBalance", [poster, hex(10**21)])  # type: ignore[arg-type]
    verifier = deploy("MockVerifier").address
    deployed: Contract = deploy("Exchange", (account, poster, account, verifier, VKEY, 1, 0, DELAYS))
    chain.eth.wait_for_transaction_receipt(deployed.functions.open().transact())
    return deployed


@pytest.fixture
def signer(chain: Web3, exchange: Contract) -> Signer:
    return Signer(KEY, chain.eth.chain_id, exchange.address)


def l1_of(chain: Web3, exchange: Contract) -> ExchangeContract:
    return ExchangeContract(chain.provider.endpoint_uri, exchange.address)  # type: ignore[attr-defined]


def settle_call(chain: Web3, exchange: Contract, data: bytes, made: Sidecar) -> bytes:
    """Settles `data` by the openings of `made`, with what the mock verifier takes for a proof."""
    state_root, _, _, block_number, _, next_seq = exchange.functions.head().call()
    timestamp = chain.eth.get_block("latest").get("timestamp", 0)
    batch = (b"\x11" * 32, 1, bytes(32), 0, block_number + 1, timestamp, next_seq + 1, b"\x22" * 32)
    domain, inbox_hash = exchange.functions.domainSeparator().call(), exchange.functions.inboxHash(1).call()
    words = [domain, state_root, batch[0], 1, inbox_hash, 1, carried(data).data_hash, *batch[2:6]]
    values = encode(PUBLIC_VALUES, [*words, next_seq, *batch[6:]])
    openings = [(blob.y, blob.commitment, blob.proof) for blob in made.blobs]
    proof = b"MOCK" + hashlib.sha256(values).digest() + VKEY
    call = exchange.encode_abi("settleBlobs", args=[batch, (made.content_hash, openings), proof])
    return bytes.fromhex(call[2:])


@pytest.mark.parametrize("length", [1, BLOB_DATA, MAX_BLOBS_DATA])
def test_data_in_blobs_is_settled(chain: Web3, exchange: Contract, signer: Signer, length: int) -> None:
    l1, data = l1_of(chain, exchange), b"\xaa" * length
    made = sidecar(data)
    call, fees = settle_call(chain, exchange, data, made), l1.fees(blobs=True)
    gas = l1.estimate_gas(signer.address, call, made.versioned_hashes, fees.max_blob_fee)
    tx_hash, raw = signer.sign(l1.next_nonce(signer.address), call, gas, fees, made)
    l1.send(raw)
    receipt: Any = chain.eth.wait_for_transaction_receipt(tx_hash)  # type: ignore[arg-type]
    assert receipt["status"] == 1
    assert exchange.functions.head().call()[1] == 1
    # without a proof; each blob's opening costs 50,000 in the precompile
    assert receipt["gasUsed"] < 130_000 + 70_000 * len(made.blobs)


def test_the_transaction_must_have_these_blobs_and_no_other(
    chain: Web3, exchange: Contract, signer: Signer
) -> None:
    l1, data = l1_of(chain, exchange), b"data"
    made, other = sidecar(data), sidecar(b"other")
    call = settle_call(chain, exchange, data, made)
    right = made.versioned_hashes
    assert l1.estimate_gas(signer.address, call, right, 10)
    for hashes, error in (
        ([], "MissingBlob"),
        (other.versioned_hashes, "InvalidBlobOpening"),
        (right + other.versioned_hashes, "UnexpectedBlob"),
        (right + right, "UnexpectedBlob"),
    ):
        with pytest.raises(Reverted, match=error):
            l1.estimate_gas(signer.address, call, hashes, 10)


def test_blobs_of_other_data_are_refused(chain: Web3, exchange: Contract, signer: Signer) -> None:
    l1, other = l1_of(chain, exchange), sidecar(b"other")
    call = settle_call(chain, exchange, b"data", other)
    with pytest.raises(Reverted, match="InvalidMockProof"):
        l1.estimate_gas(signer.address, call, other.versioned_hashes, 10)
