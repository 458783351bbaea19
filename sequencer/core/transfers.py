"""Withdrawals to L1 (docs/protocol.md, section 4.5)."""

from sequencer.core.constants import ZERO_ADDRESS
from sequencer.core.errors import Code, Rejection
from sequencer.core.ledger import Account
from sequencer.core.state import State
from sequencer.core.types import Result, Withdraw, Withdrawal


def _check_withdraw(state: State, account: Account, tx: Withdraw) -> None:
    """Raise `Rejection` if the withdrawal would be a no-op."""
    if tx.token not in state.tokens:
        raise Rejection(Code.UNKNOWN_TOKEN, f"token {tx.token} is not listed", {"token": str(tx.token)})
    if not tx.amount:
        raise Rejection(Code.ZERO_AMOUNT, "amount must be at least 1")
    if tx.recipient == ZERO_ADDRESS:
        raise Rejection(Code.ZERO_RECIPIENT, "recipient must not be the zero address")
    if tx.max_relay_fee > tx.amount:
        raise Rejection(
            Code.RELAY_FEE_TOO_HIGH,
            f"highest relay fee must be at most the amount {tx.amount}",
            {"maximum": str(tx.amount), "given": str(tx.max_relay_fee)},
        )
    account.require_available(tx.token, tx.amount)


def withdraw(state: State, account: Account, tx: Withdraw, seq: int) -> Result:
    """Take the amount out of the account; raises `Rejection`, with nothing changed, for a no-op."""
    _check_withdraw(state, account, tx)
    account.balances[tx.token].total -= tx.amount
    leaf = Withdrawal(tx.recipient, tx.token, tx.amount, tx.max_relay_fee)
    return Result(seq, Code.OK, withdrawal=leaf)
