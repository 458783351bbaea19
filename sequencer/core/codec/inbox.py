"""Entries of the L1 inbox (docs/protocol.md, section 4.8)."""

from struct import Struct
from typing import Final

from sequencer.core.types import (
    Deposit,
    ForceApproveAgent,
    ForceCancelAll,
    ForceExit,
    ForceRevokeAgents,
    InboxKind,
    ListMarket,
    ListToken,
    ParsedEntry,
    SetMarket,
    UnknownEntry,
)

_DEPOSIT: Final = Struct(">BQI20s16s")
_ACCOUNT: Final = Struct(">BQ20s")
_APPROVE_AGENT: Final = Struct(">BQ20s20sQ32s")
_LIST_TOKEN: Final = Struct(">BQI20sB")
_LIST_MARKET: Final = Struct(">BQIII16s16s16sIII20s")
_SET_MARKET: Final = Struct(">BQIB16sIII20s")


def parse_inbox_entry(entry: bytes) -> ParsedEntry:
    """What `entry` says. One of another kind or length, which is a no-op, gives an `UnknownEntry`."""
    match entry[0] if entry else None, len(entry):
        case InboxKind.DEPOSIT, _DEPOSIT.size:
            _, time, token, account, amount = _DEPOSIT.unpack(entry)
            return Deposit(time, token, account, int.from_bytes(amount, "big"))
        case InboxKind.FORCE_EXIT, _ACCOUNT.size:
            return ForceExit(*_ACCOUNT.unpack(entry)[1:])
        case InboxKind.CANCEL_ALL, _ACCOUNT.size:
            return ForceCancelAll(*_ACCOUNT.unpack(entry)[1:])
        case InboxKind.APPROVE_AGENT, _APPROVE_AGENT.size:
            _, time, account, agent, expiry, markets = _APPROVE_AGENT.unpack(entry)
            return ForceApproveAgent(time, account, agent, expiry, int.from_bytes(markets, "big"))
        case InboxKind.REVOKE_AGENTS, _ACCOUNT.size:
            return ForceRevokeAgents(*_ACCOUNT.unpack(entry)[1:])
        case InboxKind.LIST_TOKEN, _LIST_TOKEN.size:
            return ListToken(*_LIST_TOKEN.unpack(entry)[1:])
        case InboxKind.LIST_MARKET, _LIST_MARKET.size:
            return _parse_list_market(entry)
        case InboxKind.SET_MARKET, _SET_MARKET.size:
            _, time, market, status, minimum, maker, taker, band, fees_to = _SET_MARKET.unpack(entry)
            minimum = int.from_bytes(minimum, "big")
            return SetMarket(time, market, status, minimum, maker, taker, band, fees_to)
        case _:
            return UnknownEntry(int.from_bytes(entry[1:9], "big") if len(entry) >= 9 else 0)


def _parse_list_market(entry: bytes) -> ListMarket:
    fields = _LIST_MARKET.unpack(entry)
    _, time, market, base, quote, lot, tick, minimum, maker_fee, taker_fee, price_band, fee_account = fields
    return ListMarket(
        time=time,
        market=market,
        base=base,
        quote=quote,
        lot_size=int.from_bytes(lot, "big"),
        tick_size=int.from_bytes(tick, "big"),
        min_notional=int.from_bytes(minimum, "big"),
        maker_fee=maker_fee,
        taker_fee=taker_fee,
        price_band=price_band,
        fee_account=fee_account,
    )


def encode_inbox_deposit(entry: Deposit) -> bytes:
    """The entry as the contract writes it."""
    amount = entry.amount.to_bytes(16, "big")
    return _DEPOSIT.pack(InboxKind.DEPOSIT, entry.time, entry.token, entry.account, amount)


def encode_inbox_list_token(entry: ListToken) -> bytes:
    """The entry as the contract writes it."""
    return _LIST_TOKEN.pack(InboxKind.LIST_TOKEN, entry.time, entry.token, entry.l1_address, entry.decimals)


def encode_inbox_list_market(entry: ListMarket) -> bytes:
    """The entry as the contract writes it."""
    return _LIST_MARKET.pack(
        InboxKind.LIST_MARKET,
        entry.time,
        entry.market,
        entry.base,
        entry.quote,
        *(amount.to_bytes(16, "big") for amount in (entry.lot_size, entry.tick_size, entry.min_notional)),
        entry.maker_fee,
        entry.taker_fee,
        entry.price_band,
        entry.fee_account,
    )


def encode_inbox_set_market(entry: SetMarket) -> bytes:
    """The entry as the contract writes it."""
    return _SET_MARKET.pack(
        InboxKind.SET_MARKET,
        entry.time,
        entry.market,
        entry.status,
        entry.min_notional.to_bytes(16, "big"),
        entry.maker_fee,
        entry.taker_fee,
        entry.price_band,
        entry.fee_account,
    )


def encode_inbox_forced(
    entry: ForceExit | ForceCancelAll | ForceApproveAgent | ForceRevokeAgents,
) -> bytes:
    """The entry as the contract writes it."""
    match entry:
        case ForceExit():
            return _ACCOUNT.pack(InboxKind.FORCE_EXIT, entry.time, entry.account)
        case ForceCancelAll():
            return _ACCOUNT.pack(InboxKind.CANCEL_ALL, entry.time, entry.account)
        case ForceRevokeAgents():
            return _ACCOUNT.pack(InboxKind.REVOKE_AGENTS, entry.time, entry.account)
        case ForceApproveAgent():
            markets = entry.markets.to_bytes(32, "big")
            return _APPROVE_AGENT.pack(
                InboxKind.APPROVE_AGENT, entry.time, entry.account, entry.agent, entry.expiry, markets
            )
