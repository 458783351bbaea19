"""Keys and values of the state's maps, and the meta record (docs/protocol.md, section 2).

Decoders raise `ValueError` for bytes that are not a record.
"""

from collections.abc import Iterator
from enum import IntEnum
from struct import Struct
from struct import error as StructError  # noqa: N812
from typing import Any, Final

from sequencer.core.book import parse_order_id
from sequencer.core.ledger import Account, Agent, Balance, Lane
from sequencer.core.types import Address, Market, MarketStatus, Meta, Order, OrderId, TimeInForce, Token

_LANE: Final = Struct(">HQ16s")
_AGENT: Final = Struct(">20sHQ32s")
_OPEN: Final = Struct(">II")
_BALANCE: Final = Struct(">I16s16s")
_ORDER: Final = Struct(">20sQQB16s")
_TOKEN: Final = Struct(">20sB")
_MARKET: Final = Struct(">II16s16s16sIIIBQ20s")
_META: Final = Struct(">IQQQQ32s")
_CLIENT_KEY: Final = Struct(">20s16s")
_REGISTRY_KEY: Final = Struct(">BI")


class RegistryKind(IntEnum):
    """First byte of a key in *registry*."""

    TOKEN = 1
    MARKET = 2


def registry_key(kind: RegistryKind, number: int) -> bytes:
    """Key in *registry* of a token or market."""
    return _REGISTRY_KEY.pack(kind, number)


def parse_registry_key(key: bytes) -> tuple[RegistryKind, int]:
    """What a key in *registry* names."""
    kind, number = _unpack(_REGISTRY_KEY, key)
    return RegistryKind(kind), number


def client_key(account: Address, client_order_id: int) -> bytes:
    """Key in *clients*."""
    return account + client_order_id.to_bytes(16, "big")


def parse_client_key(key: bytes) -> tuple[Address, int]:
    """Account and client order id of a key in *clients*."""
    account, number = _unpack(_CLIENT_KEY, key)
    return account, int.from_bytes(number, "big")


def encode_order(order: Order) -> bytes:
    """Value in *books*; the rest of the order is in its key."""
    return _ORDER.pack(
        order.owner,
        order.remaining,
        order.expiry,
        order.time_in_force,
        order.client_order_id.to_bytes(16, "big"),
    )


def decode_order(key: OrderId, value: bytes) -> Order:
    """The resting order under `key`."""
    owner, remaining, expiry, time_in_force, client_order_id = _unpack(_ORDER, value)
    market, side, price, place = parse_order_id(key)
    return Order(
        id=key,
        market=market,
        side=side,
        price=price,
        place=place,
        owner=owner,
        remaining=remaining,
        expiry=expiry,
        time_in_force=TimeInForce(time_in_force),
        client_order_id=int.from_bytes(client_order_id, "big"),
    )


def encode_token(token: Token) -> bytes:
    """Value in *registry*."""
    return _TOKEN.pack(token.l1_address, token.decimals)


def decode_token(number: int, value: bytes) -> Token:
    """The token `number`."""
    return Token(number, *_unpack(_TOKEN, value))


def encode_market(market: Market) -> bytes:
    """Value in *registry*."""
    return _MARKET.pack(
        market.base,
        market.quote,
        *(amount.to_bytes(16, "big") for amount in (market.lot_size, market.tick_size, market.min_notional)),
        market.maker_fee,
        market.taker_fee,
        market.price_band,
        market.status,
        market.last_price,
        market.fee_account,
    )


def decode_market(number: int, value: bytes) -> Market:
    """The market `number`."""
    base, quote, lot, tick, minimum, maker, taker, band, status, last, fee_account = _unpack(_MARKET, value)
    return Market(
        id=number,
        base=base,
        quote=quote,
        lot_size=int.from_bytes(lot, "big"),
        tick_size=int.from_bytes(tick, "big"),
        min_notional=int.from_bytes(minimum, "big"),
        maker_fee=maker,
        taker_fee=taker,
        price_band=band,
        status=MarketStatus(status),
        last_price=last,
        fee_account=fee_account,
    )


def encode_meta(meta: Meta) -> bytes:
    """The meta record, 68 bytes."""
    return _META.pack(
        meta.version,
        meta.block_number,
        meta.timestamp,
        meta.next_seq,
        meta.inbox_cursor,
        meta.inbox_hash,
    )


def decode_meta(value: bytes) -> Meta:
    """The meta record."""
    return Meta(*_unpack(_META, value))


def encode_account(account: Account) -> bytes:
    """Value in *accounts*; what is zero is left out."""
    lanes = [
        _LANE.pack(number, lane.top, lane.window.to_bytes(16, "big"))
        for number, lane in sorted(account.lanes.items())
        if lane.top
    ]
    agents = [
        _AGENT.pack(address, agent.lane, agent.expiry, agent.markets.to_bytes(32, "big"))
        for address, agent in sorted(account.agents.items())
    ]
    counts = [_OPEN.pack(market, count) for market, count in sorted(account.open_counts.items()) if count]
    balances = [
        _BALANCE.pack(token, balance.total.to_bytes(16, "big"), balance.locked.to_bytes(16, "big"))
        for token, balance in sorted(account.balances.items())
        if balance.total
    ]
    next_lane = account.next_agent_lane.to_bytes(2, "big")
    return b"".join((_list(lanes), next_lane, _list(agents), _list(counts), _list(balances)))


def _list(items: list[bytes]) -> bytes:
    return bytes([len(items)]) + b"".join(items)


def decode_account(value: bytes) -> Account:
    """The account, without its resting orders (they are in *books*)."""
    reader = _Reader(value)
    lanes = {lane: Lane(top, int.from_bytes(window, "big")) for lane, top, window in reader.items(_LANE)}
    next_agent_lane = int.from_bytes(reader.take(2), "big")
    agents = {
        address: Agent(lane, expiry, int.from_bytes(markets, "big"))
        for address, lane, expiry, markets in reader.items(_AGENT)
    }
    open_counts: dict[int, int] = dict(reader.items(_OPEN))
    balances = {
        token: Balance(int.from_bytes(total, "big"), int.from_bytes(locked, "big"))
        for token, total, locked in reader.items(_BALANCE)
    }
    reader.finish()
    return Account(lanes, next_agent_lane, agents, open_counts, balances)


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, length: int) -> bytes:
        taken = self._data[self._at : self._at + length]
        if len(taken) != length:
            raise ValueError(f"record ends at byte {len(self._data)}, {self._at + length} expected")
        self._at += length
        return taken

    def items(self, form: Struct) -> Iterator[tuple[Any, ...]]:
        count = self.take(1)[0]
        return form.iter_unpack(self.take(count * form.size))

    def finish(self) -> None:
        if self._at != len(self._data):
            raise ValueError(f"{len(self._data) - self._at} bytes left over after the record")


def _unpack(form: Struct, value: bytes) -> tuple[Any, ...]:
    try:
        return form.unpack(value)
    except StructError as error:
        raise ValueError(f"record has {len(value)} bytes, {form.size} expected") from error
