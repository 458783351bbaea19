"""The exchange itself: how it does, its chain, its limits, its tokens."""

from typing import Any

from aiohttp import web

from sequencer.adapters.contract_watch import ContractWatch
from sequencer.adapters.deferred import ARMED_PER_ACCOUNT_MAX
from sequencer.adapters.http import answers
from sequencer.adapters.http.context import CONTEXT, Context, answer, hex_bytes
from sequencer.adapters.http.failures import INBOX_UNREAD
from sequencer.adapters.http.limits import Family
from sequencer.adapters.http.reads.query import DEPTH_MAX, LIMIT_MAX
from sequencer.adapters.http.request_body import BODY_BYTES_MAX
from sequencer.config import Limits
from sequencer.core.constants import (
    MAX_AGENTS,
    MAX_AMOUNT,
    MAX_BATCH_ITEMS,
    MAX_HOLDINGS,
    MAX_MAKERS,
    MAX_NONCE_JUMP,
    MAX_OPEN_ORDERS,
    NONCE_WINDOW,
    OWNER_LANES,
)
from sequencer.core.signing import DOMAIN_NAME, DOMAIN_VERSION
from sequencer.ports import Health


async def health(request: web.Request) -> web.Response:
    """GET /v1/health"""
    context = request.app[CONTEXT]
    queue = context.queue
    verifier, settler, prover = (part.health() for part in (context.verifier, context.settler, queue))
    watcher = _watcher(context)
    relayer = Health() if context.relayer is None else context.relayer.health()
    contract = context.contract_watch.health()
    halted = context.node.halt_reason
    parts = (watcher, verifier, settler, relayer, contract, prover)
    failing = any(part.last_error is not None for part in parts)
    return answer(
        answers.Health(
            status="halted" if halted else "degraded" if failing else "ok",
            halt_reason=halted,
            l1_watcher=answers.PartHealth(**_part(watcher)),
            l1_verifier=answers.PartHealth(**_part(verifier)),
            l1_poster=answers.PartHealth(**_part(settler)),
            l1_relayer=answers.PartHealth(**_part(relayer)),
            l1_contract=_contract(context.contract_watch),
            prover=answers.ProverHealth(
                **_part(prover), mode=queue.mode, waiting=queue.waiting(), held_off=queue.held_off()
            ),
        )
    )


def _watcher(context: Context) -> Health:
    """What the watcher says, after that transactions are refused because of it."""
    health = context.watcher.health()
    if not context.node.is_inbox_stale():
        return health
    said = (INBOX_UNREAD, health.last_error)
    return Health(": ".join(filter(None, said)), health.since_ms)


def _contract(watch: ContractWatch) -> answers.ContractHealth:
    facts, oldest = watch.facts, watch.oldest
    if facts is None:
        return answers.ContractHealth(
            **_part(watch.health()), frozen=None, halted_until=None, unsettled_entries=None, oldest_entry=None
        )
    return answers.ContractHealth(
        **_part(watch.health()),
        frozen=facts.frozen,
        halted_until=facts.halted_until,
        unsettled_entries=str(facts.inbox_length - facts.inbox_cursor),
        oldest_entry=None
        if oldest is None
        else answers.OldestEntry(
            index=str(oldest.index),
            time=oldest.time,
            overdue_at=oldest.overdue_at,
            freezable_at=oldest.freezable_at,
        ),
    )


def _part(health: Health) -> dict[str, Any]:
    since_ms = health.since_ms
    return {"last_error": health.last_error, "since": None if since_ms is None else since_ms // 1000}


async def time(request: web.Request) -> web.Response:
    """GET /v1/time"""
    now_ms = request.app[CONTEXT].clock.now_ms()
    return answer(answers.ServerTime(time=now_ms // 1000, time_ms=now_ms))


async def info(request: web.Request) -> web.Response:
    """GET /v1/info"""
    context = request.app[CONTEXT]
    deployment = context.deployment
    exchange = hex_bytes(deployment.contract)
    return answer(
        answers.Info(
            chain_id=deployment.chain_id,
            exchange=exchange,
            domain=answers.Domain(
                name=DOMAIN_NAME,
                version=DOMAIN_VERSION,
                chain_id=deployment.chain_id,
                verifying_contract=exchange,
            ),
            domain_separator=hex_bytes(context.domain_separator),
            vkey=hex_bytes(deployment.program_vkey),
            receipt_signer=hex_bytes(context.receipts.address),
            proof_mode=context.proof_mode,
            data_carrier=context.data_carrier.value,
            relay=_relay(context),
            time=context.clock.now_ms() // 1000,
            limits=_limits(context),
        )
    )


def _relay(context: Context) -> answers.RelayTerms | None:
    if context.relayer is None:
        return None
    fees = context.relayer.policy.min_fees
    return answers.RelayTerms(
        min_fees=None
        if fees is None
        else [answers.RelayFee(token=token, amount_units=str(fee)) for token, fee in sorted(fees.items())]
    )


def _limits(context: Context) -> answers.Limits:
    return answers.Limits(
        body_bytes=BODY_BYTES_MAX,
        page=LIMIT_MAX,
        book_depth=DEPTH_MAX,
        open_orders=MAX_OPEN_ORDERS,
        makers_per_order=MAX_MAKERS,
        actions_per_batch=MAX_BATCH_ITEMS,
        agents=MAX_AGENTS,
        deferred=ARMED_PER_ACCOUNT_MAX,
        nonce_lanes=OWNER_LANES,
        nonce_window=NONCE_WINDOW,
        nonce_jump=str(MAX_NONCE_JUMP),
        amount=str(MAX_AMOUNT),
        holdings=str(MAX_HOLDINGS),
        rates=_rates(context.limiter.limits),
    )


def _rates(limits: Limits) -> answers.RateLimits | None:
    if not limits.enabled:
        return None
    rates = {family.value: limits.rate(family) for family in Family}
    shown = {name: answers.RateLimit(per_second=x.per_s, burst=x.burst) for name, x in rates.items()}
    return answers.RateLimits(**shown)


async def tokens(request: web.Request) -> web.Response:
    """GET /v1/tokens"""
    context = request.app[CONTEXT]
    async with context.node.reading() as state:
        listed = list(state.tokens.values())
    return answer(
        [
            answers.Token(
                id=token.id,
                symbol=context.token_symbol(token.id),
                address=hex_bytes(token.l1_address),
                decimals=token.decimals,
            )
            for token in listed
        ]
    )
