"""What inbox entries from L1 do (docs/protocol.md, section 4.8). Any entry can be sequenced."""

from zkclob_native import keccak256

from sequencer.core.constants import (
    MAX_AMOUNT,
    MAX_DECIMALS,
    MAX_FEE,
    MAX_HOLDINGS,
    MAX_MARKET_ID,
    MAX_TOKEN_ID,
    ZERO_ADDRESS,
)
from sequencer.core.errors import Code
from sequencer.core.state import State
from sequencer.core.types import (
    Deposit,
    ListMarket,
    ListToken,
    Market,
    MarketStatus,
    ParsedEntry,
    Result,
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
        case ListToken():
            return Result(seq, _list_token(state, entry))
        case ListMarket():
            return Result(seq, _list_market(state, entry))
        case UnknownEntry():
            return Result(seq, Code.UNKNOWN_OPERATION)


def _deposit(state: State, entry: Deposit, seq: int) -> Result:
    refund = Withdrawal(entry.account, entry.token, entry.amount, 0)
    if entry.token not in state.tokens:
        return Result(seq, Code.UNKNOWN_TOKEN, withdrawal=refund)
    total, _ = state.balance(entry.account, entry.token)
    if total + entry.amount > MAX_HOLDINGS:
        return Result(seq, Code.AMOUNT_TOO_LARGE, withdrawal=refund)
    if not entry.amount:
        return Result(seq, Code.ZERO_AMOUNT)
    state.credit(entry.account, entry.token, entry.amount)
    return Result(seq, Code.OK)


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


def _is_power_of_ten(value: int) -> bool:
    return value > 0 and str(value).rstrip("0") == "1"
