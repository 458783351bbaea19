"""What the handlers of the API work with."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from aiohttp import web

from sequencer.adapters.contract_watch import ContractWatch
from sequencer.adapters.deferred import DeferredTransactions
from sequencer.adapters.feed.blocks import BlockFeed
from sequencer.adapters.feed.feed import Feed
from sequencer.adapters.history import History
from sequencer.adapters.http.limits import Caller, Limiter
from sequencer.adapters.prover_queue import ProverQueue
from sequencer.adapters.receipts import ReceiptSigner
from sequencer.adapters.recovery import SignatureRecovery
from sequencer.adapters.relayer import Relayer
from sequencer.adapters.store import Store
from sequencer.config import DataCarrier, Deployment, VerifierKind
from sequencer.node import Node
from sequencer.ports import Claims, Clock, ProofVerifier, Randomness, Settler, Watcher

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

PROOF_MODES: Final = {
    VerifierKind.MOCK: "executed",
    VerifierKind.LOCAL: "real, local keys",
    VerifierKind.SP1: "real",
}
"""What a batch is called that the verifier accepted; no proof is made for the first."""


@dataclass(frozen=True)
class Context:
    """The parts of the sequencer that the API shows and feeds."""

    node: Node
    feed: Feed
    block_feed: BlockFeed
    store: Store
    history: History
    queue: ProverQueue
    watcher: Watcher
    verifier: ProofVerifier
    settler: Settler
    claims: Claims
    relayer: Relayer | None
    contract_watch: ContractWatch
    clock: Clock
    randomness: Randomness
    deployment: Deployment
    data_carrier: DataCarrier
    domain_separator: bytes
    prover_token: str
    recovery: SignatureRecovery
    receipts: ReceiptSigner
    limiter: Limiter
    deferred: DeferredTransactions

    @property
    def proof_mode(self) -> str:
        """How the API names the proof mode."""
        return PROOF_MODES[self.deployment.verifier_kind]

    def status(self, stored: str) -> str:
        """The status of a batch or of what is in it; no proof is claimed where none was made."""
        return (
            "executed"
            if stored == "proven" and self.deployment.verifier_kind is VerifierKind.MOCK
            else stored
        )

    def token_symbol(self, token: int) -> str:
        """The deployment file's name of a token, else its number."""
        return next((t.symbol for t in self.deployment.tokens if t.id == token), f"TOKEN{token}")

    def market_symbol(self, market: int, base: int, quote: int) -> str:
        """The deployment file's name of a market, else those of its tokens."""
        named = (m.symbol for m in self.deployment.markets if m.id == market)
        return next(named, f"{self.token_symbol(base)}/{self.token_symbol(quote)}")


CONTEXT: Final = web.AppKey("context", Context)
CALLER: Final = web.RequestKey("caller", Caller)


def answer(value: Any) -> web.Response:
    """A JSON answer."""
    return web.Response(body=msgspec.json.encode(value), content_type="application/json")


def hex_bytes(value: bytes) -> str:
    """Bytes as the API writes them."""
    return f"0x{value.hex()}"
