"""How much anyone may ask: token buckets, one for each client and each account, in families.

A *client* is an IP address (of IPv6 the /64 that it is in), an *account* an address of the exchange that exists.
Cancels have families of their own, so that nobody is kept from leaving the market by having traded too much.

A client's bucket is charged before anything of a request is read. An account's bucket must have room before the
signature is recovered, the expensive step, and is charged once the signature is the signer's. If it is not, the client
pays more instead: a stranger who names an account takes nothing from it.

Buckets are counted in nano-tokens, so that a millisecond's worth of any rate is a whole number.
"""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final, NamedTuple
from weakref import WeakValueDictionary

from sequencer.adapters.http.errors import ApiError
from sequencer.config import Limits, Rate
from sequencer.core.types import Batch, CancelAll, CancelClientOrder, CancelOrder, Transaction
from sequencer.ports import Clock

TOKEN: Final = 10**9
"""Nano-tokens."""
BUCKETS_MAX: Final = 1 << 16
"""Buckets of a family. The one that was not used for longest is forgotten, which makes it full again."""
BAD_SIGNATURE_COST: Final = 10
"""What a signature that is not the signer's costs its client besides the request."""
BYTES_PER_TOKEN: Final = 1 << 14
"""Of what a client is sent for a read: a page of a thousand rows takes a hundred times as long as the time of day."""
READS_AT_ONCE_MAX: Final = 16
"""Reads of a client that are worked on together; its others wait. All share one reader of the database."""
_CANCELS: Final = (CancelOrder, CancelClientOrder, CancelAll)


class Family(StrEnum):
    """What is counted together; as in the configuration."""

    CLIENT = "client"
    CLIENT_CANCELS = "client_cancels"
    CLIENT_READS = "client_reads"
    CLIENT_PROVER = "client_prover"
    ACCOUNT = "account"
    ACCOUNT_CANCELS = "account_cancels"


class Quota(NamedTuple):
    """A bucket as its owner is told: its size, whole tokens in it, seconds until it is full."""

    limit: int
    remaining: int
    reset_s: int

    def headers(self) -> dict[str, str]:
        """As an answer has it."""
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": str(self.reset_s),
        }


@dataclass(slots=True)
class Caller:
    """Who asks, and what is left of the bucket that was charged last."""

    client: str
    quota: Quota | None = None


class _Bucket:
    __slots__ = ("at_ms", "level")

    def __init__(self, level: int, at_ms: int) -> None:
        self.level = level
        self.at_ms = at_ms


class Buckets:
    """The buckets of one family, all of one rate, by their owners."""

    def __init__(self, rate: Rate, buckets_max: int = BUCKETS_MAX) -> None:
        self._capacity = rate.burst * TOKEN
        self._per_ms = rate.per_s * TOKEN // 1000
        self._buckets_max = buckets_max
        self._buckets: OrderedDict[str | bytes, _Bucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, owner: str | bytes, tokens: int, now_ms: int) -> tuple[int, Quota]:
        """Milliseconds until there are as many tokens, 0 if they were taken; and the bucket after it.

        More tokens than a bucket holds cost a full one.
        """
        bucket, missing = self._missing(owner, tokens, now_ms)
        if missing <= 0:
            bucket.level = -missing
        return max(_quotient_up(missing, self._per_ms), 0), self._quota(bucket)

    def look(self, owner: str | bytes, tokens: int, now_ms: int) -> tuple[int, Quota]:
        """Like `take`, but nothing is taken."""
        bucket, missing = self._missing(owner, tokens, now_ms)
        return max(_quotient_up(missing, self._per_ms), 0), self._quota(bucket)

    def _missing(self, owner: str | bytes, tokens: int, now_ms: int) -> tuple[_Bucket, int]:
        bucket = self._bucket(owner, now_ms)
        return bucket, min(tokens * TOKEN, self._capacity) - bucket.level

    def drain(self, owner: str | bytes, tokens: int, now_ms: int) -> None:
        """Takes as many tokens as there are."""
        bucket = self._bucket(owner, now_ms)
        bucket.level = max(bucket.level - tokens * TOKEN, 0)

    def _bucket(self, owner: str | bytes, now_ms: int) -> _Bucket:
        bucket = self._buckets.get(owner)
        if bucket is None:
            bucket = self._buckets[owner] = _Bucket(self._capacity, now_ms)
            if len(self._buckets) > self._buckets_max:
                self._buckets.popitem(last=False)
            return bucket
        self._buckets.move_to_end(owner)
        # The clock may be set back: then nothing is added until it has caught up.
        if now_ms > bucket.at_ms:
            bucket.level = min(bucket.level + (now_ms - bucket.at_ms) * self._per_ms, self._capacity)
            bucket.at_ms = now_ms
        return bucket

    def _quota(self, bucket: _Bucket) -> Quota:
        until_full_ms = _quotient_up(self._capacity - bucket.level, self._per_ms)
        return Quota(self._capacity // TOKEN, bucket.level // TOKEN, _quotient_up(until_full_ms, 1000))


class Limiter:
    """Charges clients and accounts, or nobody if limits are turned off."""

    def __init__(self, limits: Limits, clock: Clock) -> None:
        self.limits = limits
        self.proxies = frozenset(limits.proxies)
        self._clock = clock
        self._families = {family: Buckets(limits.rate(family)) for family in Family}
        # Whoever holds one or waits for it keeps it here.
        self._reading = WeakValueDictionary[str, asyncio.Semaphore]()

    def reading(self, caller: Caller) -> asyncio.Semaphore:
        """To be held while a read is worked on: who asks for much waits for itself, and nobody else for it."""
        turns = self._reading.get(caller.client)
        if turns is None:
            turns = self._reading[caller.client] = asyncio.Semaphore(READS_AT_ONCE_MAX)
        return turns

    def charge_client(self, caller: Caller, family: Family, tokens: int = 1) -> None:
        """For one of the client's families. Raises ApiError RATE_LIMITED, with nothing charged."""
        if self.limits.enabled:
            self._charge(caller, family, caller.client, tokens)

    def charge_answer(self, caller: Caller, size: int) -> None:
        """For the bytes that a read is answered with, as far as there are tokens."""
        if self.limits.enabled and size >= BYTES_PER_TOKEN:
            now_ms, reads = self._clock.now_ms(), self._families[Family.CLIENT_READS]
            reads.drain(caller.client, size // BYTES_PER_TOKEN, now_ms)
            _, caller.quota = reads.take(caller.client, 0, now_ms)

    def require_room(self, caller: Caller, tx: Transaction) -> None:
        """In the account's bucket, before the signature is looked at. Raises ApiError RATE_LIMITED."""
        if self.limits.enabled:
            family = _account_family(tx)
            looked = self._families[family].look(tx.account, _tokens(tx), self._clock.now_ms())
            _require(caller, family, *looked)

    def charge_account(self, caller: Caller, tx: Transaction) -> None:
        """For a transaction that its signer signed. Raises ApiError RATE_LIMITED, with nothing charged."""
        if self.limits.enabled:
            self._charge(caller, _account_family(tx), tx.account, _tokens(tx))

    def charge_bad_signature(self, caller: Caller) -> None:
        """The account did not ask for this: the client pays for the recovery."""
        if self.limits.enabled:
            self._families[Family.CLIENT].drain(caller.client, BAD_SIGNATURE_COST, self._clock.now_ms())

    def _charge(self, caller: Caller, family: Family, owner: str | bytes, tokens: int) -> None:
        _require(caller, family, *self._families[family].take(owner, tokens, self._clock.now_ms()))


def _require(caller: Caller, family: Family, wait_ms: int, quota: Quota) -> None:
    caller.quota = quota
    if wait_ms:
        raise _limited(family, quota, _quotient_up(wait_ms, 1000))


def _limited(family: Family, quota: Quota, wait_s: int) -> ApiError:
    return ApiError(
        429,
        "RATE_LIMITED",
        f"too much was asked for at once; there is room again in {wait_s} s",
        {"bucket": str(family), "limit": str(quota.limit), "retry_after": str(wait_s)},
        {"Retry-After": str(wait_s)},
    )


def _account_family(tx: Transaction) -> Family:
    actions = tx.actions if isinstance(tx, Batch) else (tx,)
    only_cancels = all(isinstance(action, _CANCELS) for action in actions)
    return Family.ACCOUNT_CANCELS if only_cancels else Family.ACCOUNT


def _tokens(tx: Transaction) -> int:
    return len(tx.actions) if isinstance(tx, Batch) else 1


def _quotient_up(dividend: int, divisor: int) -> int:
    return -(-dividend // divisor)


def caller_address(peer: str, forwarded: str | None, proxies: frozenset[str]) -> str:
    """Who is behind a connection: its peer, or, if that is one of our proxies, the last address in X-Forwarded-For."""
    if peer in proxies and forwarded is not None:
        last = forwarded.rpartition(",")[2].strip()
        return client_of(last) or client_of(peer)
    return client_of(peer)


@lru_cache(maxsize=4096)
def client_of(address: str) -> str:
    """The client that an IP address belongs to; empty for what is none."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ip_network((parsed, 64), strict=False))
