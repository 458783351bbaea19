"""The exchange's contract on L1, over JSON-RPC.

Calls block; asynchronous callers put them into a thread. Whatever goes wrong is one of two exceptions:

    L1Error
    ├── L1Unavailable   the node did not answer, or not sensibly: try again later
    └── Reverted        the contract refused, and says why
"""

import asyncio
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any, Final, cast

import requests
from eth_abi.exceptions import DecodingError
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_typing import ChecksumAddress
from web3 import HTTPProvider, Web3
from web3.exceptions import (
    BlockNotFound,
    ContractLogicError,
    TransactionNotFound,
    Web3Exception,
    Web3RPCError,
)
from web3.types import BlockData, TxParams, TxReceipt, Wei
from zkclob_native import keccak256

from sequencer.abi import EXCHANGE, VERIFIER, revert_reason
from sequencer.kzg import Sidecar
from sequencer.rebuild.governance import described

GAS_LIMIT_MAX: Final = 16_777_216
"""Gas limit of one transaction since Fusaka (EIP-7825)."""
CLAIMS_AT_ONCE_MAX: Final = 2
"""Calls at a time that ask what was claimed."""


class L1Error(Exception):
    """A call to L1 gave no result."""


class L1Unavailable(L1Error):  # noqa: N818 - a state, named as it is shown
    """The RPC node did not answer, or not sensibly."""


class Reverted(L1Error):  # noqa: N818
    """The contract refused a call; the message is its decoded error."""


class NonceUsed(L1Error):  # noqa: N818
    """A transaction with this nonce is in the chain already."""


class ReplacementUnderpriced(L1Error):  # noqa: N818
    """The node holds a transaction of this nonce whose fee is not exceeded enough."""


@dataclass(frozen=True, slots=True)
class BlockHeader:
    """What the watcher needs of a block."""

    number: int
    hash: bytes
    parent_hash: bytes
    timestamp: int
    logs_bloom: bytes

    def may_log(self, address: bytes) -> bool:
        """False when the bloom filter (yellow paper, 4.3.1) rules out logs of `address` (20 bytes)."""
        digest = keccak256(address)
        bits = (int.from_bytes(digest[i : i + 2]) % 2048 for i in (0, 2, 4))
        return all(self.logs_bloom[255 - bit // 8] >> bit % 8 & 1 for bit in bits)


@dataclass(frozen=True, slots=True)
class InboxEvent:
    """One `InboxAppended` event: entry `index`, and the inbox's hash up to and with it."""

    index: int
    chain_hash: bytes
    entry: bytes


@dataclass(frozen=True, slots=True)
class Head:
    """The contract's last settled state."""

    state_root: bytes
    batch_number: int
    inbox_cursor: int
    block_number: int
    timestamp: int
    next_seq: int


@dataclass(frozen=True, slots=True)
class ContractFacts:
    """What the contract says of itself now."""

    frozen: bool
    halted_until: int
    """Nothing settles before this time, in Unix seconds."""
    verifier: str
    program_vkey: bytes
    inbox_cursor: int
    """Entries settled."""
    inbox_length: int
    oldest_time: int | None
    """When the first entry that is not settled was appended; None if there is none."""


GOVERNANCE_EVENTS: Final = (
    "Scheduled",
    "Cancelled",
    "Executed",
    "PosterProposed",
    "GuardianChanged",
    "VerifierChanged",
    "ForcedFeeChanged",
    "Halted",
    "Resumed",
    "Frozen",
    "OwnershipTransferStarted",
    "OwnershipTransferred",
)


@dataclass(frozen=True, slots=True)
class BatchClaim:
    """The argument `batch` of `settle`, in the order of the contract's struct."""

    new_state_root: bytes
    inbox_cursor: int
    outbox_root: bytes
    outbox_count: int
    block_number: int
    timestamp: int
    end_seq: int
    digests_hash: bytes


@dataclass(frozen=True, slots=True)
class LeafClaim:
    """An outbox leaf with its proof, for `claimMany`."""

    batch: int
    index: int
    recipient: bytes
    token: int
    amount: int
    max_relay_fee: int
    proof: tuple[bytes, ...]

    def values(self) -> tuple[object, ...]:
        """The contract's struct `Claim`."""
        recipient = Web3.to_checksum_address(self.recipient)
        leaf = (self.index, recipient, self.token, self.amount, self.max_relay_fee)
        return self.batch, leaf, self.proof


@dataclass(frozen=True, slots=True)
class Fees:
    """EIP-1559 fees of a transaction, in wei per gas; with blobs, also the most per unit of blob gas (EIP-4844)."""

    max_fee: int
    priority_fee: int
    max_blob_fee: int = 0

    def raised(self, market: "Fees") -> "Fees":
        """So far above these that nodes replace, each by an eighth (12.5 %), with blobs by all of it; more where the
        market asks more.
        """
        eighths = 16 if self.max_blob_fee else 9
        return Fees(
            max(market.max_fee, self.max_fee * eighths // 8 + 1),
            max(market.priority_fee, self.priority_fee * eighths // 8 + 1),
            max(market.max_blob_fee, 2 * self.max_blob_fee),
        )

    def cover(self, market: "Fees") -> bool:
        """Whether the market asks for no more."""
        return (
            self.max_fee >= market.max_fee
            and self.priority_fee >= market.priority_fee
            and self.max_blob_fee >= market.max_blob_fee
        )


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a transaction that is in the chain."""

    tx_hash: bytes
    succeeded: bool
    gas_used: int
    block_number: int
    block_hash: bytes


class ExchangeContract:
    """The exchange's contract, as one RPC node shows it."""

    def __init__(self, rpc_url: str, address: str, timeout_s: float = 10.0) -> None:
        provider = HTTPProvider(
            rpc_url, request_kwargs={"timeout": timeout_s}, exception_retry_configuration=None
        )
        self._web3 = Web3(provider)
        self.address: ChecksumAddress = Web3.to_checksum_address(address)
        self._contract = self._web3.eth.contract(address=self.address, abi=EXCHANGE)

    # ------------------------------------------------------------------ reads

    def chain_id(self) -> int:
        """Raises L1Unavailable, as every method here."""
        with _translated():
            return self._web3.eth.chain_id

    def latest_block(self) -> BlockHeader:
        """Header of the newest block."""
        with _translated():
            return _header(self._web3.eth.get_block("latest"))

    def block_at(self, number: int) -> BlockHeader | None:
        """Header of the block that is at `number` now, or None."""
        with _translated():
            try:
                return _header(self._web3.eth.get_block(number))
            except BlockNotFound:
                return None

    def inbox_events(self, block_hash: bytes) -> list[InboxEvent]:
        """The inbox entries that exactly this block appended, in order.

        Raises L1Unavailable also when the node no longer knows the block.
        """
        with _translated():
            logs = self._contract.events.InboxAppended.get_logs(block_hash=cast(Any, block_hash))
            events = [
                InboxEvent(x["args"]["index"], x["args"]["chainHash"], x["args"]["entry"]) for x in logs
            ]
            return sorted(events, key=lambda event: event.index)

    def inbox_length(self, block_number: int | None = None) -> int:
        """Entries in the inbox, at the end of a block (None: the newest)."""
        return int(self._view("inboxLength", block_number=block_number))

    def inbox_hash(self, count: int) -> bytes:
        """Hash of the inbox's first `count` entries; zero for more than there are."""
        return bytes(self._view("inboxHash", count))

    def head(self) -> Head:
        """The last settled state."""
        return Head(*self._view("head"))

    def domain_separator(self) -> bytes:
        """EIP-712 domain that signatures and proofs are bound to."""
        return bytes(self._view("domainSeparator"))

    def program_vkey(self) -> bytes:
        """Verifying key of the guest program."""
        return bytes(self._view("programVKey"))

    def poster(self) -> str:
        """The one address that may settle."""
        return str(self._view("poster"))

    def verifier(self) -> str:
        """The contract that checks proofs."""
        return str(self._view("verifier"))

    def verify_proof(self, vkey: bytes, public_values: bytes, proof: bytes) -> None:
        """Shows a proof to the exchange's verifier, as `settle` does. Raises Reverted when it refuses."""
        address = Web3.to_checksum_address(self.verifier())
        with _translated():
            # To call an address without code is no error: it would accept everything.
            if not self._web3.eth.get_code(address):
                raise L1Unavailable(
                    f"the RPC node has no code of the verifier {address}: is it of this chain?"
                )
            verifier = self._web3.eth.contract(address=address, abi=VERIFIER)
            verifier.functions.verifyProof(vkey, public_values, proof).call()

    def facts(self) -> ContractFacts:
        """What the contract says of itself now."""
        cursor, length = self.head().inbox_cursor, self.inbox_length()
        return ContractFacts(
            frozen=bool(self._view("frozen")),
            halted_until=int(self._view("haltedUntil")),
            verifier=self.verifier(),
            program_vkey=self.program_vkey(),
            inbox_cursor=cursor,
            inbox_length=length,
            oldest_time=int(self._view("inboxTime", cursor)) if cursor < length else None,
        )

    def delays(self) -> tuple[int, ...]:
        """The contract's delays in seconds, in its order."""
        return tuple(self._view("delays"))

    def governance_events(self, first_block: int, last_block: int) -> list[str]:
        """What governance and the guardian did in these blocks, one line for each event."""
        with _translated():
            named = [self._contract.events[name]() for name in GOVERNANCE_EVENTS]
            events = {str(event.topic): event for event in named}
            logs = self._web3.eth.get_logs(
                {
                    "address": self.address,
                    "fromBlock": first_block,
                    "toBlock": last_block,
                    "topics": [[event.topic for event in named]],
                }
            )
            found = [events[x["topics"][0].to_0x_hex()].process_log(x) for x in logs]
            return [described(x["event"], dict(x["args"])) for x in found]

    def outbox_root(self, batch_number: int) -> bytes:
        """Merkle root of a batch's withdrawals; zero for none."""
        return bytes(self._view("outboxRoot", batch_number))

    def is_claimed(self, batch_number: int, index: int) -> bool:
        """Whether an outbox leaf was paid."""
        return bool(self._view("isClaimed", batch_number, index))

    def _view(self, name: str, *args: object, block_number: int | None = None) -> Any:
        with _translated():
            function = self._contract.get_function_by_name(name)
            return function(*args).call(block_identifier="latest" if block_number is None else block_number)

    # ----------------------------------------------------------- transactions

    def settle_call(self, claim: BatchClaim, data: bytes, proof: bytes) -> bytes:
        """The calldata of `settle`."""
        values = tuple(getattr(claim, field.name) for field in fields(claim))
        return bytes.fromhex(self._contract.encode_abi("settle", [values, data, proof])[2:])

    def settle_blobs_call(self, claim: BatchClaim, sidecar: Sidecar, proof: bytes) -> bytes:
        """The calldata of `settleBlobs`."""
        values = tuple(getattr(claim, field.name) for field in fields(claim))
        openings = [(opened.y, opened.commitment, opened.proof) for opened in sidecar.blobs]
        arguments = [values, (sidecar.content_hash, openings), proof]
        return bytes.fromhex(self._contract.encode_abi("settleBlobs", arguments)[2:])

    def claim_many_call(self, claims: Sequence[LeafClaim], fee_recipient: str) -> bytes:
        """The calldata of `claimMany`; the zero address takes no fee."""
        values = [claim.values() for claim in claims]
        return bytes.fromhex(self._contract.encode_abi("claimMany", [values, fee_recipient])[2:])

    def claims_paid(self, sender: str, call: bytes, gas: int) -> int:
        """What a call of `claimMany` would answer now: how many claims it pays."""
        transaction: TxParams = {
            "from": Web3.to_checksum_address(sender),
            "to": self.address,
            "data": call,
            "gas": gas,
        }
        with _translated():
            return int.from_bytes(self._web3.eth.call(transaction))

    def estimate_gas(
        self, sender: str, call: bytes, versioned_hashes: Sequence[bytes] = (), max_blob_fee: int = 0
    ) -> int:
        """Gas limit for a call, a quarter to spare, by a transaction that has these blobs; raises Reverted when the
        contract would refuse it.
        """
        transaction: TxParams = {"from": Web3.to_checksum_address(sender), "to": self.address, "data": call}
        if versioned_hashes:
            transaction |= {"blobVersionedHashes": versioned_hashes, "maxFeePerBlobGas": Wei(max_blob_fee)}
        with _translated():
            # In the next block, whose time is now: batches are not accepted before their own time.
            gas = self._web3.eth.estimate_gas(transaction, block_identifier="pending")
        return min(gas * 5 // 4, GAS_LIMIT_MAX)

    def fees(self, *, blobs: bool = False) -> Fees:
        """Fees that outbid the base fee's next doubling: twice the newest base fee and the suggested tip."""
        with _translated():
            base_fee = self._web3.eth.get_block("latest").get("baseFeePerGas", 0)
            priority_fee = max(self._web3.eth.max_priority_fee, 1)
            blob_fee = max(2 * self._web3.eth.blob_base_fee, 1) if blobs else 0
            return Fees(2 * base_fee + priority_fee, priority_fee, blob_fee)

    def next_nonce(self, account: str) -> int:
        """Number of the account's transactions that are in the chain."""
        with _translated():
            return self._web3.eth.get_transaction_count(Web3.to_checksum_address(account), "latest")

    def send(self, raw: bytes) -> None:
        """Hands a signed transaction to the node; one that it has already is fine.

        Raises NonceUsed, ReplacementUnderpriced.
        """
        with _translated():
            try:
                self._web3.eth.send_raw_transaction(raw)
            except Web3RPCError as error:
                _raise_send_error(str(error).lower(), error)

    def receipt(self, tx_hash: bytes) -> Receipt | None:
        """What became of a transaction; None while it is not in the chain."""
        with _translated():
            try:
                found: TxReceipt = self._web3.eth.get_transaction_receipt(cast(Any, tx_hash))
            except TransactionNotFound:
                return None
        return Receipt(
            bytes(found["transactionHash"]),
            found["status"] == 1,
            found["gasUsed"],
            found["blockNumber"],
            bytes(found["blockHash"]),
        )


class Signer:
    """A key that sends transactions to one contract on one chain."""

    def __init__(self, key: bytes, chain_id: int, contract: str) -> None:
        self._account: LocalAccount = Account.from_key(key)
        self._chain_id = chain_id
        self._contract = Web3.to_checksum_address(contract)

    @property
    def address(self) -> str:
        """Checksummed address of the key."""
        return str(self._account.address)

    def sign(
        self, nonce: int, call: bytes, gas: int, fees: Fees, sidecar: Sidecar | None = None
    ) -> tuple[bytes, bytes]:
        """A signed transaction: its hash and its raw bytes, of EIP-1559, or with blobs, of EIP-4844."""
        fields: dict[str, Any] = {
            "type": 2,
            "chainId": self._chain_id,
            "nonce": nonce,
            "to": self._contract,
            "value": 0,
            "data": call,
            "gas": gas,
            "maxFeePerGas": fees.max_fee,
            "maxPriorityFeePerGas": fees.priority_fee,
        }
        if sidecar is None:
            signed = self._account.sign_transaction(fields)
            return bytes(signed.hash), bytes(signed.raw_transaction)
        fields |= {
            "type": 3,
            "maxFeePerBlobGas": fees.max_blob_fee,
            "blobVersionedHashes": sidecar.versioned_hashes,
        }
        signed = self._account.sign_transaction(fields)
        return bytes(signed.hash), sidecar.attached_to(bytes(signed.raw_transaction))


def _header(block: BlockData) -> BlockHeader:
    return BlockHeader(
        block["number"],
        bytes(block["hash"]),
        bytes(block["parentHash"]),
        block["timestamp"],
        bytes(block["logsBloom"]),
    )


def _raise_send_error(message: str, error: Web3RPCError) -> None:
    """Nodes agree on the words only; anything else is passed on."""
    if "already known" in message or "already imported" in message:
        return
    if "nonce too low" in message:
        raise NonceUsed(message) from error
    if "underpriced" in message:
        raise ReplacementUnderpriced(message) from error
    raise error


@contextmanager
def _translated() -> Iterator[None]:
    """Turns what web3 and its transport raise into this module's exceptions."""
    try:
        yield
    except ContractLogicError as error:
        raise Reverted(revert_reason(error)) from error
    except (Web3Exception, requests.RequestException, DecodingError, OSError, ValueError, KeyError) as error:
        raise L1Unavailable(f"{type(error).__name__}: {error}"[:300]) from error


class L1Claims:
    """The port `Claims` over an RPC node."""

    def __init__(self, contract: ExchangeContract) -> None:
        self._contract = contract
        self._claimed: set[tuple[int, int]] = set()
        # Of its own: a page of withdrawals asks a hundred times, which batches and deposits must not wait for.
        self._threads = ThreadPoolExecutor(CLAIMS_AT_ONCE_MAX, thread_name_prefix="claims")

    async def is_claimed(self, batch: int, index: int) -> bool | None:
        """Whether an outbox leaf was paid; None when L1 does not answer."""
        if (batch, index) in self._claimed:
            return True
        try:
            claimed = await asyncio.get_running_loop().run_in_executor(
                self._threads, self._contract.is_claimed, batch, index
            )
        except L1Error:
            return None
        if claimed:
            self._claimed.add((batch, index))
        return claimed
