"""The largest settlement fits one transaction, on Anvil with the hardfork pinned and no limit lifted."""

import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from eth_abi.abi import encode
from web3 import Web3
from web3.contract import Contract
from web3.exceptions import Web3RPCError
from web3.types import TxParams, TxReceipt, Wei

from sequencer.adapters.l1 import GAS_LIMIT_MAX
from sequencer.node import MAX_BATCH_DATA

TRANSACTION_BYTES_MAX = 131_072
DAY = 86_400
DELAYS = (DAY, 7 * DAY, 7 * DAY, 15 * DAY, DAY, DAY)
VKEY = bytes(31) + b"\x07"
PUBLIC_VALUES = (
    ["bytes32"] * 3 + ["uint64", "bytes32", "uint8", "bytes32", "bytes32"] + ["uint64"] * 5 + ["bytes32"]
)

Deploy = Callable[..., Any]

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def exchange(chain: Web3, deploy: Deploy) -> Contract:
    account = chain.eth.accounts[0]
    # not by scripts.deploy: importing ape loosens eth-abi's decoding for every other test
    roles = (account, account, account)
    configuration = (*roles, deploy("MockVerifier").address, VKEY, 1, 0, DELAYS)
    deployed: Contract = deploy("Exchange", configuration)
    chain.eth.wait_for_transaction_receipt(deployed.functions.open().transact())
    return deployed


def settle(chain: Web3, exchange: Contract, data: bytes) -> TxReceipt:
    """Settles a batch with this data, as the mock verifier wants it."""
    state_root, _, _, block_number, _, next_seq = exchange.functions.head().call()
    cursor = exchange.functions.inboxLength().call()
    timestamp = chain.eth.get_block("latest").get("timestamp", 0)
    batch = (b"\x11" * 32, cursor, bytes(32), 0, block_number + 1, timestamp, next_seq + 1, b"\x22" * 32)
    new_root, cursor, outbox_root, outbox_count, block_number, timestamp, end_seq, digests_hash = batch
    values = encode(
        PUBLIC_VALUES,
        [
            exchange.functions.domainSeparator().call(),
            state_root,
            new_root,
            cursor,
            exchange.functions.inboxHash(cursor).call(),
            0,
            Web3.keccak(data),
            outbox_root,
            outbox_count,
            block_number,
            timestamp,
            next_seq,
            end_seq,
            digests_hash,
        ],
    )
    proof = b"MOCK" + hashlib.sha256(values).digest() + VKEY
    sent = exchange.functions.settle(batch, data, proof).transact()
    return chain.eth.wait_for_transaction_receipt(sent)


def test_the_largest_batch_fits_a_transaction(chain: Web3, exchange: Contract) -> None:
    # no zero byte: the dearest calldata there is
    receipt = settle(chain, exchange, b"\xff" * MAX_BATCH_DATA)
    assert receipt["status"] == 1
    assert receipt["gasUsed"] < GAS_LIMIT_MAX // 3
    raw = chain.eth.get_raw_transaction(receipt["transactionHash"])
    assert len(raw) < TRANSACTION_BYTES_MAX


def test_a_deposit_is_cheap(chain: Web3, exchange: Contract) -> None:
    account = chain.eth.accounts[0]
    sent = exchange.functions.depositETH(account).transact(TxParams(value=Wei(10**18)))
    assert chain.eth.wait_for_transaction_receipt(sent)["gasUsed"] < 90_000


@pytest.mark.parametrize("name", ["MockVerifier", "SP1Verifier"])
def test_verifiers_can_be_deployed(chain: Web3, deploy: Deploy, name: str) -> None:
    verifier = deploy(name)
    assert 0 < len(chain.eth.get_code(verifier.address)) < 24_576


def test_the_chain_enforces_its_gas_limit(chain: Web3, exchange: Contract) -> None:
    call = exchange.functions.depositETH(chain.eth.accounts[0])
    with pytest.raises(Web3RPCError, match="tx_gas_limit_cap"):
        call.transact(TxParams(value=Wei(1), gas=GAS_LIMIT_MAX + 1))
