"""Money in, a settlement, money out: once, to its recipient, and only by the poster's word with a proof."""

import hashlib
from dataclasses import astuple, dataclass
from typing import Any

import ape
import zkclob_native
from ape.api import AccountAPI
from ape.contracts import ContractInstance
from ape.managers.chain import ChainManager
from eth_abi.abi import encode

ETHER = 10**18
NATIVE_TOKEN = 1
PUBLIC_VALUES = (
    ["bytes32"] * 3 + ["uint64", "bytes32", "uint8", "bytes32", "bytes32"] + ["uint64"] * 5 + ["bytes32"]
)
DATA = b"\x01 what was traded"


@dataclass(frozen=True)
class Batch:
    """The caller's part of a settlement, in the contract's order."""

    new_state_root: bytes
    inbox_cursor: int
    outbox_root: bytes
    outbox_count: int
    block_number: int
    timestamp: int
    end_seq: int
    digests_hash: bytes


def outbox_leaf(recipient: str, amount: int) -> bytes:
    """Hash of the only leaf of an outbox."""
    packed = b"\x70" + bytes(4) + bytes.fromhex(recipient[2:]) + NATIVE_TOKEN.to_bytes(4)
    return zkclob_native.keccak256(packed + amount.to_bytes(16) + bytes(16))


def batch_paying(recipient: str, amount: int, timestamp: int) -> Batch:
    """A first batch that consumes the listing of the native coin and a deposit, and owes one withdrawal."""
    root = zkclob_native.merkle_root([outbox_leaf(recipient, amount)])
    return Batch(b"\x11" * 32, 2, root, 1, 1, timestamp, 4, b"\x22" * 32)


def mock_proof(exchange: ContractInstance, batch: Batch, data: bytes) -> bytes:
    """What the mock verifier accepts for the public values that the contract builds."""
    public_values = encode(
        PUBLIC_VALUES,
        [
            exchange.domainSeparator(),
            exchange.head().stateRoot,
            batch.new_state_root,
            batch.inbox_cursor,
            exchange.inboxHash(batch.inbox_cursor),
            0,
            zkclob_native.keccak256(data),
            batch.outbox_root,
            batch.outbox_count,
            batch.block_number,
            batch.timestamp,
            exchange.head().nextSeq,
            batch.end_seq,
            batch.digests_hash,
        ],
    )
    return b"MOCK" + hashlib.sha256(public_values).digest() + bytes(exchange.programVKey())


def test_a_deposit_extends_the_inbox(exchange: ContractInstance, trader: AccountAPI) -> None:
    before = exchange.inboxHash(exchange.inboxLength())
    receipt = exchange.depositETH(trader.address, sender=trader, value=ETHER)
    appended = receipt.events.filter(exchange.InboxAppended)[0]
    assert appended.index == 1
    assert bytes(appended.chainHash) == zkclob_native.keccak256(bytes(before) + bytes(appended.entry))
    assert bytes(appended.entry)[-16:] == ETHER.to_bytes(16)


def test_a_settled_withdrawal_is_paid_once(
    exchange: ContractInstance, chain: ChainManager, poster: AccountAPI, trader: AccountAPI
) -> None:
    exchange.depositETH(trader.address, sender=trader, value=ETHER)
    batch = batch_paying(trader.address, ETHER // 2, chain.pending_timestamp)
    exchange.settle(astuple(batch), DATA, mock_proof(exchange, batch, DATA), sender=poster)
    assert bytes(exchange.head().stateRoot) == batch.new_state_root

    claim: tuple[Any, ...] = (1, 0, trader.address, NATIVE_TOKEN, ETHER // 2, 0, [])
    before = trader.balance
    exchange.claim(*claim, sender=poster)
    assert trader.balance - before == ETHER // 2
    with ape.reverts(exchange.AlreadyClaimed):
        exchange.claim(*claim, sender=poster)


def test_only_the_poster_settles(exchange: ContractInstance, chain: ChainManager, trader: AccountAPI) -> None:
    exchange.depositETH(trader.address, sender=trader, value=ETHER)
    batch = batch_paying(trader.address, ETHER, chain.pending_timestamp)
    with ape.reverts(exchange.NotPoster):
        exchange.settle(astuple(batch), DATA, mock_proof(exchange, batch, DATA), sender=trader)


def test_a_proof_of_other_data_is_refused(
    exchange: ContractInstance,
    verifier: ContractInstance,
    chain: ChainManager,
    poster: AccountAPI,
    trader: AccountAPI,
) -> None:
    exchange.depositETH(trader.address, sender=trader, value=ETHER)
    batch = batch_paying(trader.address, ETHER, chain.pending_timestamp)
    with ape.reverts(verifier.InvalidMockProof):
        exchange.settle(astuple(batch), DATA + b"!", mock_proof(exchange, batch, DATA), sender=poster)
