"""What users need of the rebuilt exchange. Nothing is shown before it was checked against a settled root."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock

from zkclob_native import ACCOUNTS, StateTree

from sequencer.core.account_proof import AccountProof, AccountTrie, hash_meta
from sequencer.core.ledger import Account
from sequencer.core.outbox import OutboxTree, outbox_leaf, outbox_root
from sequencer.core.types import Order
from sequencer.rebuild.errors import RebuildError
from sequencer.rebuild.follower import Follower
from sequencer.rebuild.records import Leaf, Records
from sequencer.rebuild.replay import GENESIS_ROOT


@dataclass(frozen=True, slots=True)
class ProvenLeaf:
    """An outbox leaf with its path to the batch's outbox root."""

    leaf: Leaf
    proof: list[bytes]


class View:
    """Reads what a follower rebuilt; takes its lock."""

    def __init__(self, follower: Follower) -> None:
        self.follower = follower
        self._trie: AccountTrie | None = None
        self._making_trie = Lock()

    @property
    def settled_root(self) -> bytes:
        """The state root after the last batch that was replayed, as it was settled."""
        batch = self.follower.records.batch(self.follower.replayer.batch)
        return batch.new_state_root if batch else GENESIS_ROOT

    def account(self, address: bytes) -> Account | None:
        """Balances, agents, nonces; to be read only."""
        return self.follower.replayer.state.account(address)

    def account_proof(self, address: bytes) -> AccountProof | None:
        """The path of an account to the settled root, checked; None for an address without an account."""
        with self.follower.lock:
            tree, settled = self.follower.replayer.tree.copy(), self.settled_root
        value = tree.get(ACCOUNTS, address)
        if value is None:
            return None
        siblings, bits = self._account_trie(tree).path(address)
        _, books, clients, registry = tree.roots
        proof = AccountProof(value, siblings, bits, books, clients, registry, hash_meta(tree.meta))
        if proof.state_root(address) != settled:
            raise RebuildError(f"the path of 0x{address.hex()} does not lead to the settled root")
        return proof

    def _account_trie(self, tree: StateTree) -> AccountTrie:
        """Made once for each state: a path needs the hashes of all other accounts, seconds for a million of them."""
        with self._making_trie:
            if self._trie is None or self._trie.root != tree.roots[0]:
                self._trie = AccountTrie(tree.items(ACCOUNTS))
            return self._trie

    def unclaimed(self, recipient: bytes) -> list[ProvenLeaf]:
        """What batches owe an address and L1 did not pay yet, with what the contract asks for."""
        with self.follower.lock:
            return list(proven(self.follower.records, self.follower.records.unclaimed(recipient)))

    def open_orders(self, address: bytes) -> list[Order]:
        """An account's resting orders, oldest first."""
        with self.follower.lock:
            return self.follower.replayer.state.open_orders(address)

    def market_orders(self, market: int, limit: int) -> list[Order] | None:
        """The first orders of each side, in price-time priority; None for no such market."""
        with self.follower.lock:
            state = self.follower.replayer.state
            if market not in state.markets:
                return None
            sides = (side.orders() for side in state.book(market).sides)
            return [order for side in sides for order, _ in zip(side, range(limit), strict=False)]


def proven(records: Records, leaves: list[Leaf]) -> Iterator[ProvenLeaf]:
    """Leaves with their paths, checked against the settled outbox roots. `leaves`: in the order of batches."""

    @lru_cache(maxsize=1)
    def tree_of(number: int) -> OutboxTree:
        hashes = [outbox_leaf(content, index) for index, content in enumerate(records.leaves(number))]
        batch = records.batch(number)
        if batch is None or outbox_root(hashes) != batch.outbox_root:
            raise RebuildError(f"the outbox of batch {number} is not the settled one")
        return OutboxTree(hashes)

    for leaf in leaves:
        yield ProvenLeaf(leaf, tree_of(leaf.batch).proof(leaf.index))
