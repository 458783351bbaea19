"""What inbox entries from L1 do (docs/protocol.md, section 4.8). Any entry can be sequenced."""

from zkclob_native import keccak256

from sequencer.core import agents
from sequencer.core.cancels import remove_all
from sequencer.core.constants import (
    MAX_AMOUNT,
    MAX_DECIMALS,
    MAX_FEE,
    MAX_HOLDINGS,
    MAX_MARKET_ID,
    MAX_TOKEN_ID,
    ZERO_ADDRESS,
)
from sequencer.core.context import Context
from sequencer.core.errors import Code, Rejection
from sequencer.core.ledger import Account
from sequencer.core.state import State
from sequencer.core.types import (
    Deposit,
    ForceApproveAgent,
    ForceCancelAll,
    ForceExit,
    ForceRevokeAgents,
    ListMarket,
    ListToken,
    Market,
    MarketStatus,
    ParsedEntry,
    Result,
    SetMarket,
    Token,
    UnknownEntry,
    Withdrawal,
)


def next_inbox_hash(inbox_hash: bytes, entry: bytes) -> bytes:
    """Hash of the inbox after `entry`; also the digest of `entry`."""
    return keccak256(inbox_hash + entry)


def apply_entry(state: State, entry: ParsedEntry, seq: int) -> Result:
    """Carry out an entry; one that breaks a rule is a no-op with a code."""
    match entry:
        case Deposit():
            return _deposit(state, entry, seq)
        case ForceExit() | ForceCancelAll() | ForceApproveAgent() | ForceRevokeAgents():
            return _forced(state, entry, seq)
        case ListToken():
            return Result(seq, _list_token(state, entry))
        case ListMarket():
            return Result(seq, _list_market(state, entry))
        case SetMarket():
            return Result(seq, _set_market(state, entry))
        case UnknownEntry():
            return Result(seq, Code.UNKNOWN_OPERATION)


def _deposit(state: State, entry: Deposit, seq: int) -> Result:
    refund = Withdrawal(entry.account, entry.token, entry.amount, 0)
    if entry.token not in state.tokens:
        return Result(seq, Code.UNKNOWN_TOKEN, withdrawals=(refund,))
    total, _ = state.balance(entry.account, entry.token)
    if total + entry.amount > MAX_HOLDINGS:
        return Result(seq, Code.AMOUNT_TOO_LARGE, withdrawals=(refund,))
    if not entry.amount:
        return Result(seq, Code.ZERO_AMOUNT)
    state.credit(entry.account, entry.token, entry.amount)
    return Result(seq, Code.OK)


_Forced = ForceExit | ForceCancelAll | ForceApproveAgent | ForceRevokeAgents


def _forced(state: State, entry: _Forced, seq: int) -> Result:
    """What an owner asked for on L1."""
    account = state.accounts.get(entry.account)
    if account is None:
        return Result(seq, Code.NO_ACCOUNT)
    state.touch(entry.account)
    match entry:
        case ForceExit():
            return _exit(state, account, entry, seq)
        case ForceCancelAll():
            removed = remove_all(state, account, 0)
            agents.invalidate_all(account)
            return Result(seq, Code.OK, removed=removed)
        case ForceApproveAgent():
            return _approve(state, account, entry, seq)
        case ForceRevokeAgents():
            agents.revoke_all(account)
            return Result(seq, Code.OK)


def _exit(state: State, account: Account, entry: ForceExit, seq: int) -> Result:
    """Cancel all orders and withdraw every token."""
    removed = remove_all(state, account, 0)
    leaves = tuple(
        Withdrawal(entry.account, token, balance.total, 0)
        for token, balance in sorted(account.balances.items())
        if balance.total
    )
    account.balances.clear()
    return Result(seq, Code.OK, removed=removed, withdrawals=leaves)


def _approve(state: State, account: Account, entry: ForceApproveAgent, seq: int) -> Result:
    try:
        return agents.approve(state, account, entry, Context(seq))
    except Rejection as rejection:
        return Result(seq, rejection.code)


def _list_token(state: State, entry: ListToken) -> Code:
    if not 1 <= entry.token <= MAX_TOKEN_ID or entry.token in state.tokens or entry.decimals > MAX_DECIMALS:
        return Code.INVALID_LISTING
    state.list_token(Token(entry.token, entry.l1_address, entry.decimals))
    return Code.OK


def _list_market(state: State, entry: ListMarket) -> Code:
    if not _can_list(state, entry):
        return Code.INVALID_LISTING
    state.list_market(
        Market(
            id=entry.market,
            base=entry.base,
            quote=entry.quote,
            lot_size=entry.lot_size,
            tick_size=entry.tick_size,
            min_notional=entry.min_notional,
            maker_fee=entry.maker_fee,
            taker_fee=entry.taker_fee,
            price_band=entry.price_band,
            status=MarketStatus.ACTIVE,
            last_price=0,
            fee_account=entry.fee_account,
        )
    )
    return Code.OK


def _can_list(state: State, entry: ListMarket) -> bool:
    return (
        1 <= entry.market <= MAX_MARKET_ID
        and entry.market not in state.markets
        and entry.base in state.tokens
        and entry.quote in state.tokens
        and entry.base != entry.quote
        and entry.lot_size <= MAX_AMOUNT
        and _is_power_of_ten(entry.lot_size)
        and 1 <= entry.tick_size <= MAX_AMOUNT
        and entry.maker_fee <= MAX_FEE
        and entry.taker_fee <= MAX_FEE
        and entry.fee_account != ZERO_ADDRESS
    )


def _set_market(state: State, entry: SetMarket) -> Code:
    market = state.markets.get(entry.market)
    acceptable = (
        entry.status in _STATUSES
        and entry.maker_fee <= MAX_FEE
        and entry.taker_fee <= MAX_FEE
        and entry.fee_account != ZERO_ADDRESS
    )
    if market is None or not acceptable:
        return Code.INVALID_LISTING
    market.status = MarketStatus(entry.status)
    market.min_notional = entry.min_notional
    market.maker_fee = entry.maker_fee
    market.taker_fee = entry.taker_fee
    market.price_band = entry.price_band
    market.fee_account = entry.fee_account
    state.touch_market(market)
    return Code.OK


_STATUSES = frozenset(MarketStatus)


def _is_power_of_ten(value: int) -> bool:
    return value > 0 and str(value).rstrip("0") == "1"
