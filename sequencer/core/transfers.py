"""Moving balances: out to L1 and to other accounts (docs/protocol.md, section 4.5)."""

from sequencer.core.constants import ZERO_ADDRESS
from sequencer.core.context import Context
from sequencer.core.errors import Code, Rejection
from sequencer.core.ledger import Account
from sequencer.core.state import State
from sequencer.core.types import Result, Transfer, Withdraw, Withdrawal


def withdraw(state: State, account: Account, tx: Withdraw, context: Context) -> Result:
    """Take the amount out of the account; raises `Rejection`, with nothing changed, for a no-op."""
    _check_amount(state, tx)
    if tx.recipient == ZERO_ADDRESS:
        raise Rejection(Code.ZERO_RECIPIENT, "recipient must not be the zero address")
    if tx.max_relay_fee > tx.amount:
        raise Rejection(
            Code.RELAY_FEE_TOO_HIGH,
            f"highest relay fee must be at most the amount {tx.amount}",
            {"maximum": str(tx.amount), "given": str(tx.max_relay_fee)},
        )
    account.require_available(tx.token, tx.amount)
    account.balances[tx.token].total -= tx.amount
    leaf = Withdrawal(tx.recipient, tx.token, tx.amount, tx.max_relay_fee)
    return Result(context.seq, Code.OK, withdrawals=(leaf,))


def transfer(state: State, account: Account, tx: Transfer, context: Context) -> Result:
    """Move the amount to another account; raises `Rejection`, with nothing changed, for a no-op."""
    _check_amount(state, tx)
    if tx.to == ZERO_ADDRESS:
        raise Rejection(Code.ZERO_RECIPIENT, "recipient must not be the zero address")
    if tx.to == tx.account:
        raise Rejection(Code.SELF_TRANSFER, "recipient must not be the account itself")
    account.require_available(tx.token, tx.amount)
    account.balances[tx.token].total -= tx.amount
    state.credit(tx.to, tx.token, tx.amount)
    return Result(context.seq, Code.OK)


def _check_amount(state: State, tx: Withdraw | Transfer) -> None:
    if tx.token not in state.tokens:
        raise Rejection(Code.UNKNOWN_TOKEN, f"token {tx.token} is not listed", {"token": str(tx.token)})
    if not tx.amount:
        raise Rejection(Code.ZERO_AMOUNT, "amount must be at least 1")
