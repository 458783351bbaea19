"""The client of the REST API: reads, and every kind of signed transaction."""

import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

from sequencer.client import actions, answers, wire
from sequencer.client.actions import Action, Head, Hex, Place, to_bytes, to_hex
from sequencer.client.decimals import DecimalError, plain, to_steps, to_units
from sequencer.client.errors import (
    AnswerLost,
    ApiError,
    ClientError,
    NotConnected,
    NotThere,
    OutcomeUnknown,
    ReceiptError,
    Unreachable,
)
from sequencer.client.nonces import STALE_CODES, Nonces
from sequencer.client.reads import ADDRESS_BYTES, Reads, secret_id
from sequencer.client.receipts import BadReceipt, ReceiptFile
from sequencer.client.recovery import recovered
from sequencer.client.stream import SILENCE_S, Stream
from sequencer.client.wallet import Wallet
from sequencer.client.wire import Submission, Terms
from sequencer.core import signing
from sequencer.core import types as core
from sequencer.core.constants import NONCE_LANE_SHIFT, OWNER_LANES
from sequencer.core.ledger import split_nonce

DEADLINE_S: Final = 600
"""How long at least a signed transaction may be sequenced, and at most twice that, unless the caller says otherwise."""
SLIPPAGE: Final = Decimal("0.01")
"""How much worse than the best price a market order may trade, as a fraction, unless the caller says otherwise."""
NONCE_TRIES: Final = 4
DEFERRED_LANE: Final = OWNER_LANES - 1
"""Where an owner signs what the sequencer is to send later: it stays valid whatever happens in other lanes."""
DEFERRED_S: Final = 30 * 86_400
"""How long what is armed may be sent, unless the caller says otherwise."""

Answer = TypeVar("Answer", bound=answers.Accepted)
Armed = TypeVar("Armed", bound=answers.Deferred)


class AsyncClient(Reads):
    """One trader's access to one exchange. Prices, sizes and amounts are exact decimals of whole tokens.

    Every method raises ClientError, and DecimalError or ActionError for an argument that cannot be signed, before
    anything is sent. Methods that sign need a wallet. `deadline` is the last time (Unix, seconds) at which a
    transaction may be sequenced; some minutes from now unless it is given.

    A transaction is sent once. If no answer comes, it is looked up by its digest: an accepted one gives its result, or
    AnswerLost where that cannot be told any more; OutcomeUnknown otherwise. An accepted one has a receipt, which is
    checked: ReceiptError if it is not the sequencer's promise of this transaction's place.
    """

    def __init__(
        self,
        url: str,
        wallet: Wallet | None = None,
        *,
        account: Hex | None = None,
        lane: int | None = None,
        receipts: Path | None = None,
        timeout_s: float = 10.0,
    ) -> None:
        """`account`: whose agent the wallet is, if it is one.

        `lane`: the nonce lane to sign in; programs that share a key use one lane each. An agent has its own.
        `receipts`: file to which the receipt of each transaction is appended. Raises OSError if that cannot be opened.
        """
        named = None if account is None else to_bytes("an account", account, ADDRESS_BYTES)
        super().__init__(url, named or (wallet.address if wallet else None), timeout_s=timeout_s)
        self._wallet = wallet
        self._lane = lane
        self._nonces: Nonces | None = None
        self._deferred: Nonces | None = None
        self._separator: bytes | None = None
        self._socket: Stream | None = None
        self._receipts = None if receipts is None else ReceiptFile(receipts)

    @property
    def wallet(self) -> Wallet:
        """The key that signs. Raises ClientError if there is none."""
        if self._wallet is None:
            raise ClientError("this needs a key: give the client a wallet")
        return self._wallet

    @property
    def is_agent(self) -> bool:
        """Whether the wallet signs for an account that is not its own."""
        return self.address != self.wallet.address

    # ---------------------------------------------------------------- orders

    async def place_order(
        self,
        market: str | int,
        side: str,
        price: Decimal,
        size: Decimal,
        *,
        time_in_force: str = "GTC",
        self_trade: str = "cancel_taker",
        client_order_id: int = 0,
        deadline: int | None = None,
    ) -> answers.Placed:
        """Buys or sells up to `size` of the market's base token at `price` or better. GTT: rests until `deadline`."""
        place = actions.Place(
            market=market,
            side=side,
            price=price,
            size=size,
            time_in_force=time_in_force,
            self_trade=self_trade,
            client_order_id=client_order_id,
        )
        return await self._act(place, answers.Placed, deadline)

    async def market_order(
        self,
        market: str | int,
        side: str,
        size: Decimal,
        *,
        worst_price: Decimal | None = None,
        slippage: Decimal = SLIPPAGE,
        time_in_force: str = "IOC",
        self_trade: str = "cancel_taker",
        client_order_id: int = 0,
        deadline: int | None = None,
    ) -> answers.Placed:
        """Buys or sells at once what it can of `size`, at `worst_price` or better (FOK: all of it or nothing).

        Without `worst_price` it is the best price there is now, made worse by `slippage`.
        """
        if worst_price is None:
            worst_price = await self._worst_price(market, side, slippage)
        return await self.place_order(
            market,
            side,
            worst_price,
            size,
            time_in_force=time_in_force,
            self_trade=self_trade,
            client_order_id=client_order_id,
            deadline=deadline,
        )

    async def _worst_price(self, market: str | int, side: str, slippage: Decimal) -> Decimal:
        buys = actions.member("side", side, actions.SIDES) is core.Side.BID
        book = await self.book(market, 1)
        levels = book.asks if buys else book.bids
        if not levels:
            raise ClientError(f"nobody {'sells' if buys else 'buys'} there now: place a limit order")
        worst = levels[0].price * (1 + slippage if buys else 1 - slippage)
        return (await self.market(market)).round_price(worst, "up" if buys else "down")

    async def cancel(self, order_id: Hex, *, deadline: int | None = None) -> answers.Cancelled:
        """Cancels a resting order by its id."""
        return await self._act(actions.Cancel(order_id=to_hex(order_id)), answers.Cancelled, deadline)

    async def cancel_client_order(
        self, client_order_id: int, *, deadline: int | None = None
    ) -> answers.Cancelled:
        """Cancels a resting order by the id that its owner gave it."""
        return await self._act(
            actions.CancelClient(client_order_id=client_order_id), answers.Cancelled, deadline
        )

    async def cancel_all(
        self, market: str | int | None = None, *, deadline: int | None = None
    ) -> answers.CancelledAll:
        """Cancels every resting order in a market, or in all."""
        return await self._act(actions.CancelAll(market=market), answers.CancelledAll, deadline)

    async def replace_order(
        self,
        order_id: Hex,
        price: Decimal,
        size: Decimal,
        *,
        expected_size: Decimal | None = None,
        time_in_force: str = "GTC",
        self_trade: str = "cancel_taker",
        client_order_id: int = 0,
        deadline: int | None = None,
    ) -> answers.Replaced:
        """Puts another order in the place of a resting one; it keeps its place if only its size falls.

        `expected_size`: the remaining size that the caller knows; what was filled of it since is taken off `size`.
        Without it, it is what remains now.
        """
        if expected_size is None:
            expected_size = (await self.order(order_id)).remaining
        replace = actions.Replace(
            order_id=to_hex(order_id),
            price=price,
            size=size,
            expected_size=expected_size,
            time_in_force=time_in_force,
            self_trade=self_trade,
            client_order_id=client_order_id,
        )
        return await self._act(replace, answers.Replaced, deadline)

    async def order_batch(
        self, items: Sequence[Action], *, deadline: int | None = None
    ) -> answers.BatchResults:
        """Up to 64 actions under one signature, one after the other. Each has a result of its own: look at its code."""
        markets = [await self._market_of(item) for item in items]

        def build(head: Head) -> core.Batch:
            pairs = zip(items, markets, strict=True)
            return core.Batch(*head, tuple(actions.to_core(item, head, market) for item, market in pairs))

        return await self._transact(build, None, answers.BatchResults, deadline)

    async def _act(self, action: Action, kind: type[Answer], deadline: int | None) -> Answer:
        market = await self._market_of(action)
        return await self._transact(
            lambda head: actions.to_core(action, head, market), market, kind, deadline
        )

    async def _market_of(self, action: Action) -> answers.Market | None:
        name = actions.market_of(action)
        return None if name is None else await self.market(name)

    # ----------------------------------------------------------------- money

    async def withdraw(
        self,
        token: str | int,
        amount: Decimal,
        *,
        recipient: Hex | None = None,
        max_relay_fee: Decimal = Decimal(0),
        deadline: int | None = None,
    ) -> answers.Accepted:
        """Moves an amount to L1, where it can be claimed once its batch is settled. `recipient`: the account's own."""
        terms = await self.token(token)
        amounts = to_units(amount, terms.decimals), to_units(max_relay_fee, terms.decimals)
        to = self.address if recipient is None else to_bytes("a recipient", recipient, ADDRESS_BYTES)
        return await self._transact(
            lambda head: core.Withdraw(*head, terms.id, amounts[0], to, amounts[1]),
            terms,
            answers.Accepted,
            deadline,
        )

    async def transfer(
        self, token: str | int, amount: Decimal, to: Hex, *, deadline: int | None = None
    ) -> answers.Accepted:
        """Pays another account of the exchange, at once."""
        terms = await self.token(token)
        units, payee = to_units(amount, terms.decimals), to_bytes("an account", to, ADDRESS_BYTES)
        return await self._transact(
            lambda head: core.Transfer(*head, payee, terms.id, units), terms, answers.Accepted, deadline
        )

    # ------------------------------------------------------ agents and nonces

    async def approve_agent(
        self,
        agent: Hex,
        expiry: int,
        markets: Sequence[str | int] | None = None,
        *,
        deadline: int | None = None,
    ) -> answers.AgentApproved:
        """Lets another key trade, but not withdraw, until `expiry` (Unix, seconds), in these markets or in all."""
        bits = {1 << (await self.market(market)).id for market in markets or ()}
        if markets is not None and not bits:
            raise actions.ActionError("an agent has at least one market; leave the list out for all")
        bit_map, key = sum(bits) or wire.ALL_MARKETS, to_bytes("an agent", agent, ADDRESS_BYTES)
        return await self._transact(
            lambda head: core.ApproveAgent(*head, key, expiry, bit_map), None, answers.AgentApproved, deadline
        )

    async def revoke_agent(self, agent: Hex, *, deadline: int | None = None) -> answers.Accepted:
        """Takes a key's rights away."""
        key = to_bytes("an agent", agent, ADDRESS_BYTES)
        return await self._transact(
            lambda head: core.RevokeAgent(*head, key), None, answers.Accepted, deadline
        )

    async def invalidate_nonces(
        self, floor: int, *, lane: int | None = None, deadline: int | None = None
    ) -> answers.Accepted:
        """Makes every sequence below `floor` in a lane (the client's own unless given) unusable: what was signed with
        it cannot be sequenced any more.
        """
        number = (await self._nonce_source()).lane if lane is None else lane
        return await self._transact(
            lambda head: core.InvalidateNonces(*head, number << NONCE_LANE_SHIFT | floor),
            None,
            answers.Accepted,
            deadline,
        )

    # ------------------------------------------------- deferred transactions

    async def arm_dead_man_switch(
        self, timeout_s: int, market: str | int | None = None, *, deadline: int | None = None
    ) -> answers.DeadManSwitch:
        """Has the sequencer cancel all orders in a market, or in all, when it is not renewed for `timeout_s`.

        It is a service of the sequencer, outside of the proof. `deadline`: DEFERRED_S from now unless given.
        """
        action = actions.CancelAll(market=market)
        submission = await self._sign_deferred([action], deadline, is_batch=False)
        body = {"cancelAll": submission.body, "timeoutSeconds": timeout_s}
        return await self._arm("/v1/dead-man-switches", body, submission, answers.DeadManSwitch)

    async def renew_dead_man_switch(self, switch: str) -> answers.DeadManSwitch:
        """Begins its time-out again. Raises ApiError NOT_ARMED if it was sent or ended."""
        path = f"/v1/dead-man-switches/{secret_id(switch)}/renewal"
        return await self._http.call("POST", path, answers.DeadManSwitch)

    async def disarm_dead_man_switch(self, switch: str) -> answers.DeadManSwitch:
        """It is not sent any more. Raises ApiError NOT_ARMED if it was sent or ended."""
        path = f"/v1/dead-man-switches/{secret_id(switch)}"
        return await self._http.call("DELETE", path, answers.DeadManSwitch)

    async def arm_trigger(
        self,
        market: str | int,
        price: Decimal,
        direction: str,
        items: Place | Sequence[Action],
        *,
        deadline: int | None = None,
    ) -> answers.Trigger:
        """Has the sequencer send an order, or a batch of actions, when a trade in `market` is at `price` or beyond.

        `direction`: rising (at or above) or falling (at or below). It is a service of the sequencer, outside of the
        proof: what backs the order must be there when it is sent.
        """
        terms = await self.market(market)
        to_steps(price, terms.tick_size)
        is_batch = not isinstance(items, Place)
        submission = await self._sign_deferred(
            [items] if isinstance(items, Place) else items, deadline, is_batch=is_batch
        )
        body = {
            "market": terms.id,
            "triggerPrice": plain(price),
            "direction": direction,
            "batch" if is_batch else "order": submission.body,
        }
        return await self._arm("/v1/triggers", body, submission, answers.Trigger)

    async def disarm_trigger(self, trigger: str) -> answers.Trigger:
        """It is not sent any more. Raises ApiError NOT_ARMED if it was sent or ended."""
        return await self._http.call("DELETE", f"/v1/triggers/{secret_id(trigger)}", answers.Trigger)

    async def _sign_deferred(
        self, items: Sequence[Action], deadline: int | None, *, is_batch: bool
    ) -> Submission:
        markets = [await self._market_of(item) for item in items]

        def build(head: Head) -> core.Transaction:
            pairs = zip(items, markets, strict=True)
            built = tuple(actions.to_core(item, head, market) for item, market in pairs)
            return core.Batch(*head, built) if is_batch else built[0]

        terms = None if is_batch else markets[0]
        return await self._sign(build, terms, _until(deadline, DEFERRED_S), await self._deferred_nonces())

    async def _arm(self, path: str, body: wire.Fields, submission: Submission, kind: type[Armed]) -> Armed:
        try:
            return await self._http.call("POST", path, kind, body=body)
        except NotConnected:
            raise
        except Unreachable as error:
            raise OutcomeUnknown(
                f"{error}; whether 0x{submission.digest.hex()} was armed, `deferred` tells", submission
            ) from error

    async def _deferred_nonces(self) -> Nonces:
        """Of a lane that is used for nothing else, where one can be chosen: what is armed must not fall behind."""
        if self.is_agent or self._lane is not None:
            return await self._nonce_source()
        if self._deferred is None:
            self._deferred = Nonces(DEFERRED_LANE, lambda: self._next_sequence(DEFERRED_LANE, armed=True))
        return self._deferred

    # ------------------------------------------------------- unknown outcomes

    async def resolve(self, submission: Submission) -> answers.TransactionInfo | None:
        """What became of a transaction that had no answer; None if it was not accepted until now."""
        try:
            return await self.transaction(submission.digest)
        except NotThere:
            return None

    async def resend(self, submission: Submission) -> answers.Accepted:
        """Sends a transaction again as it was signed, which cannot make it happen twice; gives its result."""
        return await self._send(submission)

    # ------------------------------------------------------------------ stream

    def stream(self, *, silence_s: float = SILENCE_S) -> Stream:
        """The live feed of this exchange, a context manager. `silence_s`: how long a live connection may be silent."""
        return Stream(self, self._http, silence_s=silence_s)

    def send_over(self, stream: Stream | None) -> None:
        """Sends transactions over a stream's connection from now on, as long as it has one; None: over HTTP again."""
        self._socket = stream

    # ---------------------------------------------------------- transactions

    async def sign(
        self, build: Callable[[Head], core.Transaction], terms: Terms = None, *, deadline: int | None = None
    ) -> Submission:
        """A transaction with a fresh nonce, signed but not sent. `terms`: the market or token that it counts in."""
        return await self._sign(build, terms, _until(deadline, DEADLINE_S), await self._nonce_source())

    async def _sign(
        self, build: Callable[[Head], core.Transaction], terms: Terms, until: "_Until", nonces: Nonces
    ) -> Submission:
        head = (self.address, self.wallet.address, await nonces.take(), until.deadline)
        try:
            tx = build(head)
            if until.is_assumed:
                _require_no_expiry(tx)
            return wire.sign(await self.domain_separator(), self.wallet, tx, terms)
        except (actions.ActionError, DecimalError):
            raise
        except ValueError as error:
            raise actions.ActionError(str(error)) from error

    async def _transact(
        self,
        build: Callable[[Head], core.Transaction],
        terms: Terms,
        kind: type[Answer],
        deadline: int | None,
    ) -> Answer:
        """Signs and sends; with another nonce again if another program took it."""
        for attempt in range(1, NONCE_TRIES + 1):
            submission = await self.sign(build, terms, deadline=deadline)
            try:
                answer = await self._send(submission)
            except ApiError as error:
                if error.code not in STALE_CODES:
                    raise
                (await self._nonce_source()).refused(error.code)
                if attempt == NONCE_TRIES:
                    raise
            else:
                assert isinstance(answer, kind)  # noqa: S101 - the table of operations says so
                return answer
        raise AssertionError("unreachable")

    async def _send(self, submission: Submission) -> answers.Accepted:
        """The result, with its receipt checked and kept."""
        answer = await self._accepted(submission)
        kept = await self.kept_receipt(answer.receipt)
        try:
            kept.require_promises(answer.seq, submission.digest)
            if self._receipts is not None:
                self._receipts.append(kept)
        except (BadReceipt, OSError) as error:
            raise ReceiptError(f"accepted as transaction {answer.seq}, but {error}", answer) from error
        return answer

    async def _accepted(self, submission: Submission) -> answers.Accepted:
        try:
            return await self._post(submission)
        except ApiError as error:
            if error.code not in _MAYBE_ACCEPTED:
                raise
            failure: ClientError = error
        except NotConnected:
            raise
        except ClientError as error:
            failure = error
        return await self._look_up(submission, failure)

    async def _post(self, submission: Submission) -> answers.Accepted:
        if self._socket is not None:
            with suppress(NotConnected):
                return await self._socket.execute(submission)
        operation = submission.operation
        return await self._http.call("POST", operation.path, operation.answer, body=submission.body)

    async def _look_up(self, submission: Submission, failure: ClientError) -> answers.Accepted:
        """The result of a transaction that was accepted in spite of `failure`; raises that if it was not."""
        try:
            info = await self.resolve(submission)
        except ClientError as error:
            raise _unknown(submission, failure) from error
        if info is not None:
            return await self._recover(submission, info)
        if isinstance(failure, ApiError):
            raise failure
        raise _unknown(submission, failure) from failure

    async def _recover(self, submission: Submission, info: answers.TransactionInfo) -> answers.Accepted:
        result = await recovered(self, submission, info)
        if result is None:
            raise AnswerLost(
                f"accepted as transaction {info.seq}, but the answer was lost: look at orders and balances",
                info,
            )
        return result

    async def domain_separator(self) -> bytes:
        """Of the exchange, 32 bytes, under which everything is signed."""
        if self._separator is None:
            info = await self.info()
            contract = to_bytes("the contract", info.exchange, ADDRESS_BYTES)
            self._separator = signing.domain_separator(info.chain_id, contract)
        return self._separator

    async def _nonce_source(self) -> Nonces:
        if self._nonces is None:
            lane = await self._agent_lane() if self._lane is None and self.is_agent else self._lane or 0
            return self._begin_nonces(lane)
        return self._nonces

    def _begin_nonces(self, lane: int) -> Nonces:
        """The one source of the client, whichever task comes first."""
        if self._nonces is None:
            armed = self.is_agent or self._lane is not None
            self._nonces = Nonces(lane, lambda: self._next_sequence(lane, armed=armed))
        return self._nonces

    async def _agent_lane(self) -> int:
        signer = f"0x{self.wallet.address.hex()}"
        for agent in await self.agents():
            if agent.agent == signer:
                return agent.lane
        raise ClientError(f"{signer} is no agent of 0x{self.address.hex()}: its owner approves it first")

    async def _next_sequence(self, lane: int, *, armed: bool) -> int:
        """The lowest that nothing uses; `armed`: nor anything that the sequencer holds to send it later."""
        try:
            known = await self.account()
        except NotThere:
            return 0  # nothing was paid in yet
        sequences = [found.next for found in known.nonces if found.lane == lane]
        if armed:
            held = [found.nonce for found in await self.deferred() if found.status == "armed"]
            sequences += [split_nonce(nonce)[1] + 1 for nonce in held if split_nonce(nonce)[0] == lane]
        return max(sequences, default=0)


_MAYBE_ACCEPTED: Final = frozenset({"NONCE_USED", "HALTED", "INTERNAL"})
"""Refusals that do not tell whether the transaction was accepted, now or when it was sent before."""


def _unknown(submission: Submission, failure: ClientError) -> OutcomeUnknown:
    return OutcomeUnknown(
        f"{failure}; whether transaction 0x{submission.digest.hex()} was accepted is not known: look it up",
        submission,
    )


class _Until(NamedTuple):
    """A deadline, and whether the caller left it to the client."""

    deadline: int
    is_assumed: bool


def _until(given: int | None, span_s: int) -> _Until:
    """Not the same for all: two programs that want the same at the same time must not sign the same transaction."""
    if given is not None:
        return _Until(given, is_assumed=False)
    return _Until(int(time.time()) + span_s + secrets.randbelow(DEADLINE_S), is_assumed=True)


def _require_no_expiry(tx: core.Transaction) -> None:
    """Raises ActionError for an order that would rest until a deadline that nobody chose."""
    for action in tx.actions if isinstance(tx, core.Batch) else (tx,):
        if isinstance(action, core.PlaceOrder | core.ReplaceOrder) and action.time_in_force in _EXPIRING:
            raise actions.ActionError("a GTT order rests until its deadline: give one")


_EXPIRING: Final = (core.TimeInForce.GTT, core.TimeInForce.POST_ONLY_GTT)
