"""Checks from the outside that the exchange holds what it owes: the contract's storage and events against the API.

For each token, at the settled root and inbox cursor:

    balance of the contract = sum of all accounts' totals + unclaimed outbox leaves + queued deposits

The accounts come from L1, not from the node: in this version only a deposit or a fee makes one. A withdrawal counts
only if its leaf is under the outbox root that the contract stored, and there must be as many as the contract settled.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, TypeVar

from eth_utils.crypto import keccak
from web3 import HTTPProvider, Web3

from sequencer.abi import ERC20, EXCHANGE
from sequencer.adapters.l1 import ExchangeContract, Head
from sequencer.client import ApiError, Client
from sequencer.client.answers import Token, Withdrawal
from sequencer.client.decimals import to_units
from sequencer.core.codec import parse_inbox_entry
from sequencer.core.constants import NATIVE_TOKEN
from sequencer.core.types import Deposit, ListMarket

OUTBOX_LEAF_TAG: Final = b"\x70"

T = TypeVar("T")


class AuditError(Exception):
    """The node and L1 contradict each other."""


@dataclass(frozen=True)
class TokenAudit:
    """What the contract holds of a token, and to whom it is owed; in base units."""

    symbol: str
    contract_balance: int
    account_totals: int
    unclaimed: int
    queued: int

    @property
    def conserved(self) -> bool:
        """Whether the contract holds exactly what is owed."""
        return self.contract_balance == self.account_totals + self.unclaimed + self.queued


@dataclass(frozen=True)
class Audit:
    """L1 and the node at the same point."""

    batches: int
    blocks: int
    l1_root: str
    l2_root: str
    l1_gas: list[int]
    """Of each settlement."""
    claimed: int
    tokens: list[TokenAudit]


class Auditor:
    """Reads one exchange, through its node and through L1."""

    def __init__(self, rpc_url: str, exchange: str, client: Client) -> None:
        self._web3 = Web3(HTTPProvider(rpc_url))
        self._contract = ExchangeContract(rpc_url, exchange)
        self._events = self._web3.eth.contract(address=self._contract.address, abi=EXCHANGE).events
        self._client = client

    def is_settled(self) -> bool:
        """Whether L1 has everything that the node sequenced."""
        return self._is_settled(self._contract.head())

    def audit(self) -> Audit:
        """The whole check. Raises AuditError unless `is_settled` and what L1 and the node say fits."""
        head = self._contract.head()
        settlements = self._events.Settled.get_logs(from_block=0)
        deposits, fee_accounts = self._inbox()
        accounts = {d.account for _, d in deposits} | fee_accounts
        totals = self._totals(accounts)
        withdrawals = self._withdrawals(accounts, settlements)
        unclaimed = self._unclaimed(withdrawals)
        queued = _by_token((d.token, d.amount) for index, d in deposits if index >= head.inbox_cursor)
        if not self._is_settled(head):
            raise AuditError("the node sequenced more than L1 has settled")
        return Audit(
            batches=head.batch_number,
            blocks=head.block_number,
            l1_root=f"0x{head.state_root.hex()}",
            l2_root=self._client.block(head.block_number).state_root,
            l1_gas=[self._gas(log["transactionHash"]) for log in settlements],
            claimed=sum(w.status == "claimed" for w in withdrawals),
            tokens=[
                TokenAudit(t.symbol, self._balance(t), totals[t.id], unclaimed[t.id], queued[t.id])
                for t in self._client.tokens()
            ],
        )

    def _is_settled(self, head: Head) -> bool:
        return head.next_seq == self._client.book(1, 1).seq + 1

    # --------------------------------------------------------------------- L1

    def _inbox(self) -> tuple[list[tuple[int, Deposit]], set[bytes]]:
        """Deposits with their indices, and the accounts that earn fees."""
        logs = self._events.InboxAppended.get_logs(from_block=0)
        entries = [(log["args"]["index"], parse_inbox_entry(log["args"]["entry"])) for log in logs]
        deposits = [(index, entry) for index, entry in entries if isinstance(entry, Deposit)]
        return deposits, {entry.fee_account for _, entry in entries if isinstance(entry, ListMarket)}

    def _balance(self, token: Token) -> int:
        if token.id == NATIVE_TOKEN:
            return self._web3.eth.get_balance(self._contract.address)
        erc20 = self._web3.eth.contract(address=Web3.to_checksum_address(token.address), abi=ERC20)
        return int(erc20.functions.balanceOf(self._contract.address).call())

    def _gas(self, tx_hash: Any) -> int:
        return int(self._web3.eth.get_transaction_receipt(tx_hash)["gasUsed"])

    # ------------------------------------------------------------------- node

    def _totals(self, accounts: set[bytes]) -> Counter[int]:
        balances = [
            b for account in accounts for b in self._of(account, lambda a: self._client.account(a).balances)
        ]
        return _by_token((b.token, self._units(b.token, b.total)) for b in balances)

    def _withdrawals(self, accounts: set[bytes], settlements: list[Any]) -> list[Withdrawal]:
        found = [
            w
            for account in accounts
            for w in self._of(account, lambda a: list(self._client.all_withdrawals(a)))
        ]
        for withdrawal in found:
            self._require_in_outbox(withdrawal)
        expected = sum(log["args"]["batch"]["outboxCount"] for log in settlements)
        if len(found) != expected:
            raise AuditError(f"the node shows {len(found)} withdrawals, L1 settled {expected}")
        return found

    def _of(self, account: bytes, read: Callable[[bytes], list[T]]) -> list[T]:
        """What the node knows of an account; nothing for one that never received anything."""
        try:
            return read(account)
        except ApiError as error:
            if error.code == "UNKNOWN_ACCOUNT":
                return []
            raise

    def _require_in_outbox(self, withdrawal: Withdrawal) -> None:
        """Follows the proof from the leaf to the root that the contract stored (docs/protocol.md, section 6)."""
        claim = withdrawal.claim
        if claim is None:
            raise AuditError(f"withdrawal {withdrawal.seq} is {withdrawal.status}, not settled")
        node = keccak(
            OUTBOX_LEAF_TAG
            + claim.index.to_bytes(4)
            + bytes.fromhex(withdrawal.recipient[2:])
            + withdrawal.token.to_bytes(4)
            + self._units(withdrawal.token, withdrawal.amount).to_bytes(16)
            + self._units(withdrawal.token, withdrawal.max_relay_fee).to_bytes(16)
        )
        for sibling in claim.proof:
            node = keccak(b"".join(sorted((node, bytes.fromhex(sibling[2:])))))
        if node != self._contract.outbox_root(claim.batch):
            raise AuditError(f"withdrawal {withdrawal.seq} is not in the outbox of batch {claim.batch}")

    def _unclaimed(self, withdrawals: list[Withdrawal]) -> Counter[int]:
        """What the contract itself says was not paid."""
        return _by_token(
            (w.token, self._units(w.token, w.amount))
            for w in withdrawals
            if w.claim and not self._contract.is_claimed(w.claim.batch, w.claim.index)
        )

    def _units(self, token: int, amount: Decimal) -> int:
        return to_units(amount, self._client.token(token).decimals)


def _by_token(amounts: Iterable[tuple[int, int]]) -> Counter[int]:
    sums: Counter[int] = Counter()
    for token, amount in amounts:
        sums[token] += amount
    return sums
