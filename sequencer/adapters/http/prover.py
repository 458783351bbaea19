"""The prover queue over HTTP: workers pull jobs and bring results (docs/api.md)."""

import hmac
from typing import Annotated, Final

import msgspec
from aiohttp import web

from sequencer.adapters.http import answers, fields
from sequencer.adapters.http.context import CONTEXT, Context, answer
from sequencer.adapters.http.errors import ApiError, decode, not_found
from sequencer.adapters.http.formats import Hash, HexBytes, Number, Uint
from sequencer.adapters.http.request_body import read_body
from sequencer.adapters.prover_queue import LeaseLost, UnknownJob, WrongProgram, WrongProof
from sequencer.core.constants import MAX_U64
from sequencer.ports import Proof

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=100, pattern="^[!-~]+$")]
"""Without spaces and line ends: it is written into the log."""
LeaseToken = Annotated[str, msgspec.Meta(max_length=64)]


class LeaseBody(msgspec.Struct, forbid_unknown_fields=True):
    """Body of POST /v1/prover/lease."""

    worker: Name
    modes: Annotated[list[Name], msgspec.Meta(max_length=16)]
    vkey: Hash


class HeartbeatBody(msgspec.Struct, forbid_unknown_fields=True):
    """Body of POST /v1/prover/jobs/{job}/heartbeat."""

    lease: LeaseToken


class ResultBody(msgspec.Struct, forbid_unknown_fields=True):
    """Body of POST /v1/prover/jobs/{job}/result."""

    lease: LeaseToken
    public_values: HexBytes
    proof: HexBytes
    cycles: Uint
    prover_gas: Uint
    execute_ms: Number
    peak_rss_mb: Number


class FailureBody(msgspec.Struct, forbid_unknown_fields=True):
    """Body of POST /v1/prover/jobs/{job}/failure."""

    lease: LeaseToken
    message: str


_LEASE: Final = msgspec.json.Decoder(LeaseBody)
_HEARTBEAT: Final = msgspec.json.Decoder(HeartbeatBody)
_RESULT: Final = msgspec.json.Decoder(ResultBody)
_FAILURE: Final = msgspec.json.Decoder(FailureBody)


async def lease(request: web.Request) -> web.Response:
    """POST /v1/prover/lease"""
    context = _authorized(request)
    body: LeaseBody = decode(await read_body(request), _LEASE)
    vkey = fields.fixed_bytes("vkey", body.vkey, 32)
    try:
        leased = context.queue.lease(body.worker, body.modes, vkey)
    except WrongProgram as error:
        raise ApiError(400, "WRONG_PROGRAM", str(error)) from error
    if leased is None:
        return web.Response(status=204)
    job = str(leased.batch)
    return answer(
        answers.LeasedJob(
            job=job,
            batch=job,
            mode=context.queue.mode,
            lease=leased.token,
            lease_seconds=context.queue.lease_ms // 1000,
            witness_bytes=context.store.witness_path(leased.batch).stat().st_size,
        )
    )


async def witness(request: web.Request) -> web.FileResponse:
    """GET /v1/prover/jobs/{job}/witness"""
    context, job = _authorized(request), _job(request)
    try:
        context.queue.require_job(job)
    except UnknownJob as error:
        raise not_found(f"job {job}") from error
    headers = {"Content-Type": "application/octet-stream"}
    return web.FileResponse(context.store.witness_path(job), headers=headers)


async def heartbeat(request: web.Request) -> web.Response:
    """POST /v1/prover/jobs/{job}/heartbeat"""
    context, job = _authorized(request), _job(request)
    body: HeartbeatBody = decode(await read_body(request), _HEARTBEAT)
    try:
        context.queue.heartbeat(job, body.lease)
    except (LeaseLost, UnknownJob) as error:
        raise _lease_lost(job) from error
    return web.Response(status=204)


async def result(request: web.Request) -> web.Response:
    """POST /v1/prover/jobs/{job}/result"""
    context, job = _authorized(request), _job(request)
    body: ResultBody = decode(await read_body(request), _RESULT)
    proof = Proof(
        proof=fields.any_bytes("proof", body.proof),
        worker="",
        cycles=fields.integer("cycles", body.cycles, MAX_U64),
        prover_gas=fields.integer("prover_gas", body.prover_gas, MAX_U64),
        execute_ms=body.execute_ms,
        peak_rss_mb=body.peak_rss_mb,
    )
    try:
        await context.queue.result(
            job, body.lease, fields.any_bytes("public_values", body.public_values), proof
        )
    except (LeaseLost, UnknownJob) as error:
        raise _lease_lost(job) from error
    except WrongProof as error:
        raise ApiError(400, "WRONG_PROOF", str(error), {"job": str(job)}) from error
    return web.Response(status=204)


async def failure(request: web.Request) -> web.Response:
    """POST /v1/prover/jobs/{job}/failure"""
    context, job = _authorized(request), _job(request)
    body: FailureBody = decode(await read_body(request), _FAILURE)
    try:
        context.queue.failure(job, body.lease, body.message[:1000])
    except (LeaseLost, UnknownJob) as error:
        raise _lease_lost(job) from error
    return web.Response(status=204)


def _authorized(request: web.Request) -> Context:
    """Raises ApiError unless the request has the bearer token."""
    context = request.app[CONTEXT]
    given = request.headers.get("Authorization", "").encode(errors="surrogateescape")
    if not hmac.compare_digest(given, f"Bearer {context.prover_token}".encode()):
        raise ApiError(401, "UNAUTHORIZED", "the prover queue needs the bearer token of its configuration")
    return context


def _job(request: web.Request) -> int:
    return fields.integer("job", request.match_info["job"], (1 << 63) - 1)


def _lease_lost(job: int) -> ApiError:
    return ApiError(409, "LEASE_LOST", f"job {job} is not yours, or not any more", {"job": str(job)})
