"""Whoever reads the feed of a random flow of everything has, at any moment, what the exchange has."""

import asyncio
from pathlib import Path
from random import Random
from typing import Any

from sequencer.core.errors import Rejection
from sequencer.core.signing import digest
from sequencer.core.types import ExpireOrder, InboxEntry, Sequenceable
from tests.properties.flow import MARKETS, Flow
from tests.properties.replica import SEPARATOR, Signer
from tests.sockets import BalancesMirror, BookMirror, Chain, OrdersMirror, Socket, connected
from tests.world import Api, World, eventually

ROUNDS = 250
SIGNERS = {signer.address: signer for signer in map(Signer, range(1_000, 1_006))}


class Mirrors:
    """Everything that a reader of all channels keeps."""

    def __init__(self) -> None:
        self.books = {market.market: BookMirror() for market in MARKETS}
        self.trades = {market.market: Chain() for market in MARKETS}
        self.orders = {f"0x{address.hex()}": OrdersMirror() for address in SIGNERS}
        self.balances = {f"0x{address.hex()}": BalancesMirror() for address in SIGNERS}
        self.fills: list[tuple[str, str]] = []
        self.traded: list[str] = []

    def take(self, message: Any) -> None:
        match message.get("channel"):
            case "book":
                self.books[message["market"]].take(message)
            case "trades":
                self.trades[message["market"]].follow(message)
                self.traded += [f"{trade['seq']}-{trade['item']}" for trade in message["trades"]]
            case "orders":
                self.orders[message["account"]].take(message)
            case "balances":
                self.balances[message["account"]].take(message)
            case "fills":
                self.fills += [(f"{fill['seq']}-{fill['item']}", fill["role"]) for fill in message["fills"]]

    async def subscribe(self, socket: Socket) -> None:
        for market in self.books:
            for channel in ("book", "trades"):
                await socket.ask("subscribe", channel=channel, market=market)
        for signer in SIGNERS.values():
            await socket.log_in(signer)
            for channel in ("orders", "fills", "balances"):
                await socket.ask("subscribe", channel=channel, account=f"0x{signer.address.hex()}")

    async def require_equal(self, api: Api) -> None:
        """What was read against what REST says."""
        for market, book in self.books.items():
            _, shown = await api.get(f"/v1/markets/{market}/book?depth=1000")
            assert book.book() == {"bids": shown["bids"], "asks": shown["asks"]}
        for account, orders in self.orders.items():
            _, shown = await api.get(f"/v1/accounts/{account}/orders")
            assert brief(orders.orders.values()) == brief(shown)
            _, shown = await api.get(f"/v1/accounts/{account}")
            assert [balance for _, balance in sorted(self.balances[account].balances.items())] == shown[
                "balances"
            ]


def brief(orders: Any) -> set[tuple[Any, ...]]:
    """What both REST and the feed say about open orders."""
    names = ("orderId", "clientOrderId", "market", "side", "timeInForce", "price", "remaining")
    return {tuple(order[name] for name in names) for order in orders}


async def carry_out(world: World, tx: Sequenceable) -> None:
    """Has a transaction sequenced, unless it is refused or nobody here can sign it."""
    if not isinstance(tx, InboxEntry | ExpireOrder) and tx.signer in SIGNERS:
        signer, signed = SIGNERS[tx.signer], digest(SEPARATOR, tx)
        try:
            await world.node.submit(tx, signed, signer.public_key, signer.sign(signed))
        except (Rejection, ValueError):
            return


async def expiries_done(world: World) -> None:
    """Lets the node take out what is over."""

    def done() -> bool:
        world.clock.advance(1_000)
        now_ms, orders = world.clock.now_ms(), world.node.latest.orders.values()
        return not any(order.expiry and order.expiry * 1_000 + 1_000 <= now_ms for order in orders)

    await eventually(done)
    async with world.node.reading():
        pass


async def test_a_reader_has_what_the_exchange_has(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api, connected(api, max_msg_size=0) as socket:
        world, random = api.world, Random(7)
        flow = Flow(11, list(SIGNERS))
        await world.submit_inbox(*flow.opening_entries(world.clock.now_ms() // 1000))
        mirrors = Mirrors()
        await mirrors.subscribe(socket)
        for number in range(ROUNDS):
            state = world.node.latest
            group = [flow.next(state) for _ in range(random.choice((1, 2, 8, 20)))]
            entries = [tx.data for tx in group if isinstance(tx, InboxEntry)]
            await asyncio.gather(world.submit_inbox(*entries), *(carry_out(world, tx) for tx in group))
            world.clock.advance(random.choice((0, 0, 400, 2_000)))
            if number % 10 == 9:
                await expiries_done(world)
                for message in await socket.read():
                    mirrors.take(message)
                await mirrors.require_equal(api)
        assert world.node.halt_reason is None
        traded = {f"0x{order_id.hex()}" for order_id in world.store.past(0, world.node.latest.orders).filled}
        told = [order for orders in mirrors.orders.values() for order in orders.orders.values()]
        assert {order["orderId"] for order in told if order["filled"] != "0"} == traded
        kinds = {event["event"] for orders in mirrors.orders.values() for event in orders.events}
        assert kinds >= {"new", "trade", "cancelled", "expired", "replaced"}
        assert len(mirrors.traded) > 30
        roles = sorted(pair for trade in mirrors.traded for pair in ((trade, "maker"), (trade, "taker")))
        assert sorted(mirrors.fills) == roles
