"""The state transition (docs/protocol.md, section 4): a block is opened, then its transactions are applied in turn.

A signed transaction is *valid* and then sequenced, its nonce used, with `OK` or the code of a typed no-op; or
*invalid*, and then `Rejection` is raised and nothing changes. Signatures are checked by the caller.
"""

from sequencer.core.codec.inbox import parse_inbox_entry
from sequencer.core.constants import OWNER_LANES
from sequencer.core.errors import Code, Rejection
from sequencer.core.inbox import apply_entry, next_inbox_hash
from sequencer.core.ledger import Account, Lane, split_nonce
from sequencer.core.orders import cancel, cancel_client, place
from sequencer.core.state import State
from sequencer.core.types import CancelClientOrder, CancelOrder, PlaceOrder, Result, Transaction, Withdraw
from sequencer.core.withdrawals import withdraw

_UNUSED_LANE = Lane()


def open_block(state: State, timestamp: int) -> None:
    """Begin the next block. `ValueError` if its time is before the previous block's."""
    meta = state.meta
    if timestamp < meta.timestamp:
        raise ValueError(f"block time must be at least {meta.timestamp}, not {timestamp}")
    meta.block_number += 1
    meta.timestamp = timestamp


def accept(state: State, tx: Transaction) -> Result:
    """Sequence `tx`. Raises `Rejection`, with nothing changed, if it is invalid or would be a no-op."""
    account = _check_valid(state, tx)
    result = _carry_out(state, account, tx, state.meta.next_seq)
    _use(state, account, tx)
    return result


def apply(state: State, tx: Transaction) -> Result:
    """Sequence `tx`. Raises `Rejection`, with nothing changed, if it is invalid."""
    try:
        return accept(state, tx)
    except Rejection as rejection:
        if rejection.code.invalid:
            raise
        return Result(_use(state, state.accounts[tx.account], tx), rejection.code)


def _carry_out(state: State, account: Account, tx: Transaction, seq: int) -> Result:
    match tx:
        case PlaceOrder():
            return place(state, account, tx, seq)
        case CancelOrder():
            return cancel(state, account, tx, seq)
        case CancelClientOrder():
            return cancel_client(state, account, tx, seq)
        case Withdraw():
            return withdraw(state, account, tx, seq)


def apply_inbox(state: State, entry: bytes) -> Result:
    """Sequence the next entry of the inbox. `ValueError` if the block is older than the entry."""
    parsed = parse_inbox_entry(entry)
    meta = state.meta
    if parsed.time > meta.timestamp:
        raise ValueError(f"block time must be at least the entry's {parsed.time}, not {meta.timestamp}")
    meta.inbox_cursor += 1
    meta.inbox_hash = next_inbox_hash(meta.inbox_hash, entry)
    return apply_entry(state, parsed, state.take_seq())


def _check_valid(state: State, tx: Transaction) -> Account:
    """The account of `tx`; raises `Rejection` if no block can hold `tx`."""
    account = state.accounts.get(tx.account)
    if account is None:
        raise Rejection(
            Code.UNKNOWN_ACCOUNT,
            "the account must have received a deposit first",
            {"account": f"0x{tx.account.hex()}"},
        )
    # Approving agents is not part of version 1, so no account has one.
    if tx.signer != tx.account:
        raise Rejection(
            Code.SIGNER_NOT_AUTHORIZED,
            f"signer must be the account 0x{tx.account.hex()}",
            {"signer": f"0x{tx.signer.hex()}"},
        )
    if state.meta.timestamp > tx.deadline:
        raise Rejection(
            Code.DEADLINE_PASSED,
            f"deadline must be at least {state.meta.timestamp}, the time of the block",
            {"time": str(state.meta.timestamp), "given": str(tx.deadline)},
        )
    lane, sequence = split_nonce(tx.nonce)
    if lane >= OWNER_LANES:
        raise Rejection(
            Code.NONCE_LANE,
            f"the owner's nonce lanes are 0 to {OWNER_LANES - 1}, not {lane}",
            {"maximum": str(OWNER_LANES - 1), "lane": str(lane)},
        )
    account.lanes.get(lane, _UNUSED_LANE).check(lane, sequence)
    return account


def _use(state: State, account: Account, tx: Transaction) -> int:
    """Use up the next sequence number, which it gives, and the nonce of `tx`."""
    number, sequence = split_nonce(tx.nonce)
    lane = account.lanes.get(number)
    if lane is None:
        lane = account.lanes[number] = Lane()
    lane.use(sequence)
    state.touch(tx.account)
    return state.take_seq()
