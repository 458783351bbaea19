"""Vectors of sections 2, 4.8, 6 and 8: the state's records and roots, inbox, outbox and public values."""

from random import Random
from typing import Any

import zkclob_native as native

from sequencer.core.book import order_id
from sequencer.core.codec import (
    client_key,
    encode_account,
    encode_inbox_deposit,
    encode_inbox_forced,
    encode_inbox_list_market,
    encode_inbox_list_token,
    encode_inbox_set_market,
    encode_market,
    encode_meta,
    encode_order,
    encode_token,
    parse_inbox_entry,
    registry_key,
)
from sequencer.core.codec.records import RegistryKind
from sequencer.core.constants import MAX_HOLDINGS, MAX_U32, MAX_U64, MAX_U128, ZERO_HASH
from sequencer.core.inbox import next_inbox_hash
from sequencer.core.ledger import Account, Agent, Balance, Lane
from sequencer.core.outbox import OutboxTree, encode_outbox_leaf, outbox_leaf, outbox_root
from sequencer.core.public_values import PublicValues
from sequencer.core.state import ACCOUNTS, BOOKS, CLIENTS, REGISTRY, Write
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
    Meta,
    Order,
    SetMarket,
    Side,
    TimeInForce,
    Token,
    Withdrawal,
)

ALICE, BOB, FEES = (bytes([number]) * 20 for number in (0xA1, 0xB0, 0xFE))


def inbox() -> dict[str, Any]:
    """Entries in a row, what each says, and the inbox hash after it."""
    deposit = encode_inbox_deposit(Deposit(1_700_000_000, 1, ALICE, MAX_U128))
    forced = [encode_inbox_forced(entry) for entry in _forced()]
    settings = encode_inbox_set_market(
        SetMarket(1_700_000_003, 1, MarketStatus.CANCEL_ONLY, 10**6, 0, 10_000, 0, BOB)
    )
    entries = [
        encode_inbox_list_token(ListToken(1_700_000_000, 1, bytes(20), 18)),
        encode_inbox_list_token(ListToken(MAX_U64, MAX_U32, b"\xff" * 20, 255)),
        encode_inbox_list_market(
            ListMarket(1_700_000_001, 1, 1, 2, 10**14, 100, 10**7, 100, 350, 50_000, FEES)
        ),
        deposit,
        *forced,
        settings,
        encode_inbox_set_market(
            SetMarket(MAX_U64, MAX_U32, 255, MAX_U128, MAX_U32, MAX_U32, MAX_U32, b"\xff" * 20)
        ),
        *(changed for entry in (deposit, settings, *forced[:4]) for changed in (entry[:-1], entry + b"\0")),
        b"\x00" + deposit[1:],
        b"\x09" + deposit[1:],
        b"\x01\x02\x03",
        b"",
    ]
    chain, inbox_hash = [], ZERO_HASH
    for entry in entries:
        inbox_hash = next_inbox_hash(inbox_hash, entry)
        chain.append({"entry": entry, "parsed": parse_inbox_entry(entry), "inbox_hash": inbox_hash})
    return {"entries": chain}


def _forced() -> list[ForceExit | ForceCancelAll | ForceApproveAgent | ForceRevokeAgents]:
    return [
        ForceExit(1_700_000_002, ALICE),
        ForceCancelAll(1_700_000_002, BOB),
        ForceApproveAgent(1_700_000_002, ALICE, BOB, 1_800_000_000, 1 << 1 | 1 << 7),
        ForceRevokeAgents(1_700_000_002, ALICE),
        ForceApproveAgent(MAX_U64, b"\xff" * 20, b"\xff" * 20, MAX_U64, (1 << 256) - 1),
    ]


def outbox() -> dict[str, Any]:
    """Trees of one to seventeen leaves, with a proof of each leaf."""
    return {"empty_root": outbox_root([]), "trees": [_outbox_tree(count) for count in (1, 2, 3, 5, 8, 17)]}


def _outbox_tree(count: int) -> dict[str, Any]:
    random = Random(count)
    withdrawals = [
        Withdrawal(
            random.randbytes(20), random.getrandbits(32), random.getrandbits(128), random.getrandbits(64)
        )
        for _ in range(count)
    ]
    leaves = [outbox_leaf(withdrawal, index) for index, withdrawal in enumerate(withdrawals)]
    return {
        "leaves": [
            {
                "index": index,
                "withdrawal": withdrawal,
                "encoded": encode_outbox_leaf(withdrawal, index),
                "leaf": leaves[index],
                "proof": OutboxTree(leaves).proof(index),
            }
            for index, withdrawal in enumerate(withdrawals)
        ],
        "root": outbox_root(leaves),
    }


def public_values() -> dict[str, Any]:
    """Structs and their encoding."""
    random = Random(8)
    hashes = iter(lambda: random.randbytes(32), b"")
    small = PublicValues(*_words(hashes, lambda bits: random.getrandbits(8)))
    largest = PublicValues(*_words(hashes, lambda bits: (1 << bits) - 1))
    return {"cases": [{"values": values, "encoded": values.encode()} for values in (small, largest)]}


def _words(hashes: Any, number: Any) -> tuple[Any, ...]:
    """Fields in the order of the struct."""
    roots = (next(hashes), next(hashes), next(hashes))
    heads = (number(64), next(hashes), number(8), next(hashes), next(hashes))
    return (*roots, *heads, *(number(64) for _ in range(5)), next(hashes))


def state() -> dict[str, Any]:
    """Records with their bytes, and state roots while keys are written and removed."""
    return {"records": _records(), "steps": _steps()}


def _records() -> list[dict[str, Any]]:
    market = Market(
        3, 1, 2, 10**14, 100, MAX_U128, 1, 10_000, MAX_U32, MarketStatus.CANCEL_ONLY, MAX_U64, FEES
    )
    token = Token(255, BOB, 30)
    meta = Meta(1, 2, 3, 4, 5, b"\x06" * 32)
    bid, ask = _order(Side.BID, 7, 64, 0), _order(Side.ASK, MAX_U64, MAX_U64, MAX_U128)
    return [
        {"key": registry_key(RegistryKind.MARKET, 3), "fields": market, "value": encode_market(market)},
        {"key": registry_key(RegistryKind.TOKEN, 255), "fields": token, "value": encode_token(token)},
        {"key": b"", "fields": meta, "value": encode_meta(meta)},
        *({"key": order.id, "fields": order, "value": encode_order(order)} for order in (bid, ask)),
        *(
            {"key": ALICE, "fields": _fields(account), "value": encode_account(account)}
            for account in _accounts()
        ),
    ]


def _order(side: Side, price: int, place: int, client_order_id: int) -> Order:
    key = order_id(3, side, price, place)
    return Order(key, 3, side, price, place, ALICE, 9, MAX_U64, TimeInForce.POST_ONLY, client_order_id)


def _accounts() -> list[Account]:
    return [
        Account(),
        Account(
            lanes={0: Lane(1, 1), 7: Lane(MAX_U64, MAX_U128), 256: Lane(4, 5)},
            next_agent_lane=257,
            agents={ALICE: Agent(256, MAX_U64, 1), BOB: Agent(300, 0, MAX_U128 << 128)},
            open_counts={1: 2, 255: 1000},
            balances={1: Balance(MAX_HOLDINGS, MAX_HOLDINGS), 2: Balance(1, 0)},
        ),
    ]


def _fields(account: Account) -> dict[str, Any]:
    """The lists of the protocol, in its order."""
    return {
        "type": "Account",
        "lanes": [{"lane": number} | _slots(lane) for number, lane in account.lanes.items()],
        "next_agent_lane": account.next_agent_lane,
        "agents": [{"agent": address} | _slots(agent) for address, agent in account.agents.items()],
        "orders": [{"market": market, "open": count} for market, count in account.open_counts.items()],
        "balances": [{"token": token} | _slots(balance) for token, balance in account.balances.items()],
    }


def _slots(record: Lane | Agent | Balance) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__slots__}


def _steps() -> list[dict[str, Any]]:
    """Writes one after the other from genesis, each with the meta record and the state root after it."""
    tree = native.StateTree()
    steps: list[dict[str, Any]] = [{"writes": [], "meta": tree.meta, "root": tree.root}]
    for number, writes in enumerate(_all_writes(), start=1):
        meta = encode_meta(Meta(1, number, number, number, number, bytes([number]) * 32))
        steps.append(
            {"writes": [list(write) for write in writes], "meta": meta, "root": tree.apply(writes, meta)}
        )
    return steps


def _all_writes() -> list[list[Write]]:
    """For each map: one key, neighbours in the last and the first bit, many, then removals down to none."""
    return [step for number in (ACCOUNTS, BOOKS, CLIENTS, REGISTRY) for step in _map_writes(number)]


def _map_writes(number: int) -> list[list[Write]]:
    random = Random(number)
    length = {ACCOUNTS: 20, BOOKS: 24, CLIENTS: 36, REGISTRY: 5}[number]
    zero = bytes([1] if number == REGISTRY else [0]).ljust(length, b"\0")
    neighbours = [zero, _flipped(zero, length * 8 - 1), _flipped(zero, 7 if number != REGISTRY else 39 - 8)]
    many = sorted({_random_key(random, number, length) for _ in range(40)} - set(neighbours))
    keys = [*neighbours, *many]
    insert: list[Write] = [(number, key, _value(random, number)) for key in keys]
    change: list[Write] = [(number, key, _value(random, number)) for key in many[::5]]
    removals: list[Write] = [(number, key, None) for key in keys]
    return [
        *([write] for write in insert[:3]),
        insert[3:],
        change,
        removals[1:20],
        removals[20:],
        removals[:1],
    ]


def _flipped(key: bytes, bit: int) -> bytes:
    return bytes(byte ^ (0x80 >> bit % 8 if index == bit // 8 else 0) for index, byte in enumerate(key))


def _random_key(random: Random, number: int, length: int) -> bytes:
    if number == REGISTRY:
        return registry_key(RegistryKind.TOKEN, random.randrange(256))
    if number == CLIENTS:
        return client_key(random.choice((ALICE, BOB)), random.getrandbits(128))
    if number == BOOKS:
        return order_id(
            random.choice((1, 2)), random.choice(tuple(Side)), random.randrange(1, 50), random.getrandbits(30)
        )
    return random.randbytes(length)


def _value(random: Random, number: int) -> bytes:
    if number == ACCOUNTS:
        return encode_account(Account(balances={1: Balance(random.getrandbits(100) + 1, 0)}))
    if number == BOOKS:
        order = _order(Side.BID, 1, 0, random.getrandbits(128))
        order.remaining = random.getrandbits(64) + 1 >> 1 or 1
        return encode_order(order)
    if number == CLIENTS:
        return random.randbytes(24)
    return encode_token(Token(0, random.randbytes(20), random.randrange(31)))
