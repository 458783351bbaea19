"""Vectors of section 9.6: accounts and their paths to a state root that the native tries made."""

from random import Random
from typing import Any

import zkclob_native as native

from sequencer.core.account_proof import AccountTrie, hash_meta
from sequencer.core.codec import encode_account, encode_meta
from sequencer.core.constants import MAX_HOLDINGS, MAX_U64, MAX_U128, ZERO_HASH
from sequencer.core.ledger import Account, Agent, Balance, Lane
from sequencer.core.types import Meta

COUNT = 24
META = encode_meta(Meta(1, 7, 1_700_000_000, 99, 12, b"\x0c" * 32))


def accounts() -> dict[str, Any]:
    """A state that holds nothing but accounts, and the proof of each of them."""
    random = Random(7)
    held = dict(sorted((_address(random, number), _account(random, number)) for number in range(COUNT)))
    items = [(address, encode_account(account)) for address, account in held.items()]
    tree = native.StateTree()
    tree.apply([(native.ACCOUNTS, address, value) for address, value in items], META)
    trie = AccountTrie(items)
    return {
        "state_root": tree.root,
        "books_root": ZERO_HASH,
        "clients_root": ZERO_HASH,
        "registry_root": ZERO_HASH,
        "meta_hash": hash_meta(META),
        "accounts": [_proven(trie, address, value, held[address]) for address, value in items],
    }


def _proven(trie: AccountTrie, address: bytes, value: bytes, account: Account) -> dict[str, Any]:
    siblings, bits = trie.path(address)
    totals = [{"token": token, "total": balance.total} for token, balance in account.balances.items()]
    return {"address": address, "value": value, "siblings": siblings, "bits": bits, "balances": totals}


def _address(random: Random, number: int) -> bytes:
    """Some addresses differ from each other in their last bits only."""
    return b"\xee" * 19 + bytes([number]) if number % 3 == 0 else random.randbytes(20)


def _account(random: Random, number: int) -> Account:
    """With lists of many lengths; the first has the longest value that there can be, the second nothing."""
    lanes, agents, markets, tokens = (
        (16, 8, 255, 255) if number == 0 else (number % 4, number % 3, number % 5, number)
    )
    return Account(
        lanes={lane: Lane(MAX_U64 >> 16, MAX_U128) for lane in range(lanes if number != 1 else 0)},
        agents={random.randbytes(20): Agent(256 + agent, MAX_U64, 1) for agent in range(agents)},
        open_counts=dict.fromkeys(range(1, 1 + markets), 1 + number),
        balances={token: Balance(random.randrange(1, MAX_HOLDINGS >> 8), 0) for token in range(1, 1 + tokens)}
        if number != 1
        else {},
    )
