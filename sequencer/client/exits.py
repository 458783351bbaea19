"""How an account leaves with nobody's help: what is to be done next, as L1 has it.

    live       claim what batches owe; force the exit of what is left; wait until it is settled; claim that
    overdue    freeze, as soon as the oldest inbox entry has waited for the contract's deadline
    frozen     claim; escape with each token of the settled state; have queued deposits and fees refunded

Every step can be taken by anybody for anybody, but for the forced exit, which only the account itself can ask for.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from eth_typing import ChecksumAddress
from web3 import Web3

from sequencer.client.decimals import from_units
from sequencer.core.account_proof import AccountProof
from sequencer.core.codec import parse_inbox_entry
from sequencer.core.constants import NATIVE_TOKEN
from sequencer.core.types import (
    Deposit,
    ForceApproveAgent,
    ForceCancelAll,
    ForceExit,
    ForceRevokeAgents,
    ParsedEntry,
)
from sequencer.rebuild.errors import RebuildError
from sequencer.rebuild.records import InboxRecord
from sequencer.rebuild.view import ProvenLeaf, View

_FORCED: Final = (ForceExit, ForceCancelAll, ForceApproveAgent, ForceRevokeAgents)


class Stage(StrEnum):
    """Where an account stands."""

    LIVE = "live"
    """Something of it is in the exchange or waits to be claimed."""
    FROZEN = "frozen"
    """The same, and the exchange has stopped for good."""
    OUT = "out"
    """Nothing of it is left."""


@dataclass(frozen=True, slots=True)
class Step:
    """A call of the contract that brings an account nearer to its exit."""

    about: str
    function: str
    arguments: tuple[Any, ...] = ()
    value: int = 0
    """In wei, besides gas."""
    only_by_account: bool = False


@dataclass(frozen=True, slots=True)
class Position:
    """What can be done now, and what is to be waited for after that."""

    stage: Stage
    steps: list[Step]
    waits_for: str | None = None


class ExitDesk:
    """Says what an account has to do next."""

    def __init__(self, view: View, account: bytes) -> None:
        self._view = view
        self._follower = view.follower
        self._account = account
        self._address: ChecksumAddress = Web3.to_checksum_address(account)

    def position(self) -> Position:
        """What is to be done as of the block that the follower is at. Raises RebuildError."""
        claims = [
            self._claim(leaf) for leaf in self._view.unclaimed(self._account) if leaf.leaf.withdrawal.amount
        ]
        frozen = self._read("frozen")
        rest = self._end() if frozen else self._exit()
        steps = rest.steps + claims  # what has to be waited for goes first
        if not steps and rest.waits_for is None:
            return Position(Stage.OUT, [])
        return Position(Stage.FROZEN if frozen else Stage.LIVE, steps, rest.waits_for)

    def _read(self, name: str, *arguments: Any) -> Any:
        block = self._follower.newest
        return self._follower.chain.view(name, *arguments, block=block.number if block else None)

    def _claim(self, found: ProvenLeaf) -> Step:
        leaf, withdrawal = found.leaf, found.leaf.withdrawal
        return Step(
            f"claim {self._amount(withdrawal.token, withdrawal.amount)} of batch {leaf.batch}, leaf {leaf.index}",
            "claim",
            (
                leaf.batch,
                leaf.index,
                self._address,
                withdrawal.token,
                withdrawal.amount,
                withdrawal.max_relay_fee,
                found.proof,
            ),
        )

    # -------------------------------------------------------------------- live

    def _exit(self) -> Position:
        """What is left in an exchange that goes on: nothing, or a forced exit that was or is to be asked for."""
        queued = list(self._queued())
        if not self._holds() and not any(isinstance(entry, Deposit | ForceExit) for _, entry in queued):
            return Position(Stage.OUT, [])
        freezes_at = self._freezes_at()
        newest = self._follower.newest
        if freezes_at is not None and newest is not None and freezes_at <= newest.timestamp:
            return Position(Stage.LIVE, [Step("freeze the exchange: its inbox is not served", "freeze")])
        if queued and isinstance(queued[-1][1], ForceExit):
            return Position(Stage.LIVE, [], self._promise(queued[-1][0], freezes_at))
        fee = self._read("forcedFee")
        about = (
            f"force the exit: all orders end, every token is paid out; fee {self._amount(NATIVE_TOKEN, fee)}"
        )
        return Position(
            Stage.LIVE, [Step(about, "forceExit", (), fee, only_by_account=True)], "the exit to be settled"
        )

    def _holds(self) -> bool:
        account = self._view.account(self._account)
        return account is not None and any(balance.total for balance in account.balances.values())

    def _queued(self) -> Iterator[tuple[InboxRecord, ParsedEntry]]:
        """The account's deposits and forced exits that are not settled."""
        for record in self._unsettled():
            entry = parse_inbox_entry(record.entry)
            if isinstance(entry, Deposit | ForceExit) and entry.account == self._account:
                yield record, entry

    def _unsettled(self) -> list[InboxRecord]:
        return self._follower.records.inbox(self._follower.replayer.state.meta.inbox_cursor)

    def _freezes_at(self) -> int | None:
        """From when on anyone may freeze, if nothing more is settled; None while the inbox is empty."""
        waiting = self._unsettled()
        if not waiting:
            return None
        since = max(parse_inbox_entry(waiting[0].entry).time, self._opened_at())
        return since + self._deadline()

    def _opened_at(self) -> int:
        """Entries made before the exchange was opened wait from then on."""
        opened = [block for block, _, name, _ in self._follower.records.events() if name == "Opened"]
        return self._follower.chain.block(opened[0]).timestamp if opened else 0

    def _deadline(self) -> int:
        _, deadline, *_ = self._read("delays")
        return int(deadline)

    def _promise(self, record: InboxRecord, freezes_at: int | None) -> str:
        """What is certain about an exit that was asked for."""
        now = self._follower.newest.timestamp if self._follower.newest else 0
        left = max((freezes_at or 0) - now, 0)
        return (
            f"the exit (inbox entry {record.index}) to be settled; if nothing is settled, anyone can freeze the "
            f"exchange in {left} s of L1's time, and everybody leaves with the settled state"
        )

    # ------------------------------------------------------------------- frozen

    def _end(self) -> Position:
        return Position(Stage.FROZEN, [*self._escapes(), *self._refunds()])

    def _escapes(self) -> Iterator[Step]:
        """One step for each token, so that a token that fails holds up no other."""
        account = self._view.account(self._account)
        held = {} if account is None else account.balances
        left = [
            (token, balance.total)
            for token, balance in sorted(held.items())
            if balance.total and not self._read("isEscaped", self._account, token)
        ]
        if not left:
            return
        proof = self._view.account_proof(self._account)
        if proof is None:
            raise RebuildError("an account that holds something has no proof")
        for token, total in left:
            about = f"escape with {self._amount(token, total)}"
            yield Step(about, "escape", (self._address, _arguments(proof), [token]))

    def _refunds(self) -> Iterator[Step]:
        for record in self._unsettled():
            entry = parse_inbox_entry(record.entry)
            if not isinstance(entry, (Deposit, *_FORCED)) or entry.account != self._account:
                continue
            token, amount = self._paid(record.index, entry)
            if amount and not self._read("isRefunded", record.index):
                about = f"have {self._amount(token, amount)} of inbox entry {record.index} refunded"
                yield Step(about, "refund", (record.index, record.entry))

    def _paid(self, index: int, entry: ParsedEntry) -> tuple[int, int]:
        """Token and amount that an unsettled entry gives back."""
        if isinstance(entry, Deposit):
            return entry.token, entry.amount
        return NATIVE_TOKEN, self._read("feesThrough", index + 1) - self._read("feesThrough", index)

    def _amount(self, token: int, units: int) -> str:
        """An amount for people."""
        listed = self._follower.replayer.state.tokens.get(token)
        if listed is None:
            return f"{units} base units of token {token}"
        name = "ETH" if token == NATIVE_TOKEN else f"of token {token} (0x{listed.l1_address.hex()})"
        return f"{from_units(units, listed.decimals)} {name}"


def _arguments(proof: AccountProof) -> tuple[Any, ...]:
    """The contract's struct."""
    return (
        proof.account,
        proof.siblings,
        proof.bits,
        proof.books_root,
        proof.clients_root,
        proof.registry_root,
        proof.meta_hash,
    )
