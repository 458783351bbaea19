"""The real guest on keys and signatures chosen to meet the exceptional cases of its point additions.

A valid signature over a chosen message fixes u1 and u2 in u1 G + u2 Q only by chance, but whoever need not be right
chooses both: s = z / u1 and r = u2 s. So what is valid must pass for odd keys and nonces, and what is steered into
equal points, opposite points or infinity must stop the guest because it does not fit, and for no other reason.
"""

from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import pytest
from coincurve import PublicKey

from sequencer.core import signing
from sequencer.core.codec import encode_inbox_deposit, encode_inbox_list_token
from sequencer.core.constants import MAX_U64
from sequencer.core.errors import Code
from sequencer.core.types import CancelClientOrder, Deposit, InboxEntry, ListToken
from tests.guest.executor import GuestStopped, run
from tests.guest.witness import Witness
from tests.properties.replica import SEPARATOR, Replica, SealedBatch, Signer

pytestmark = pytest.mark.slow

START = 1_700_000_000
N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
LAMBDA = 0x5363AD4CC05C30E0A5261C028812645A122E22EA20816678DF02967C1B23BD72
"""The endomorphism's eigenvalue: (β x, y) = λ (x, y)."""

SCALARS = (1, 2, 3, 16, 256, 2**64, 2**128, LAMBDA, LAMBDA * LAMBDA % N)
ODD = [sign * scalar % N for scalar in SCALARS for sign in (1, -1)]


class OddSigner(Signer):
    """Signs with chosen nonces instead of random ones."""

    def __init__(self, secret: int, nonces: Iterator[int]) -> None:
        super().__init__(secret)
        self.secret = secret
        self._nonces = nonces

    def sign(self, digest: bytes) -> bytes:
        nonce = next(self._nonces)
        point = PublicKey.from_secret(nonce.to_bytes(32)).format(compressed=False)
        r, odd = int.from_bytes(point[1:33]), point[64] & 1
        s = (int.from_bytes(digest) + r * self.secret) * pow(nonce, -1, N) % N
        if s > N // 2:
            s, odd = N - s, 1 - odd
        return r.to_bytes(32) + s.to_bytes(32) + bytes([27 + odd])


def cancels(signers: list[Signer], each: int) -> tuple[SealedBatch, list[CancelClientOrder]]:
    """A batch in which every signer signs `each` transactions, and these."""
    replica = Replica(signers)
    replica.open_block(START)
    replica.sequence(InboxEntry(encode_inbox_list_token(ListToken(START, 1, bytes(20), 18))))
    for signer in signers:
        replica.sequence(InboxEntry(encode_inbox_deposit(Deposit(START, 1, signer.address, 1))))
    replica.seal_batch()
    replica.open_block(START)
    transactions = [
        CancelClientOrder(signer.address, signer.address, nonce, MAX_U64, client_order_id=1)
        for nonce in range(each)
        for signer in signers
    ]
    for tx in transactions:
        assert replica.sequence(tx).code is Code.UNKNOWN_ORDER
    return replica.seal_batch(), transactions


def test_the_guest_accepts_valid_signatures_of_odd_keys_and_nonces(tmp_path: Path) -> None:
    nonces = cycle(ODD[:-1])  # one fewer than keys, so that every key meets other nonces in every round
    signers: list[Signer] = [OddSigner(secret, nonces) for secret in ODD]
    batch, _ = cancels(signers, 6)
    assert run(batch.prepared.witness, tmp_path) == batch.prepared.public_values


@pytest.mark.parametrize("secret", [1, N - 1, 2, LAMBDA, N - LAMBDA])
def test_the_guest_stops_where_sums_meet_equal_or_opposite_points(secret: int, tmp_path: Path) -> None:
    batch, [tx] = cancels([Signer(secret)], 1)
    witness = Witness.decode(batch.prepared.witness)
    z = int.from_bytes(signing.digest(SEPARATOR, tx))
    inverse = pow(secret, -1, N)
    for u1, u2 in ((1, 1), (1, inverse), (1, -inverse), (2, LAMBDA), (secret * LAMBDA, 1), (2**128, 2**64)):
        s = z * pow(u1, -1, N) % N
        s = min(s, N - s)
        # The smaller s may change the sign of u1; that of u2 follows, so that they still agree or cancel.
        sign = 1 if s * u1 % N == z % N else -1
        r = sign * u2 * s % N
        numbers = (r, s, pow(s, -1, N))
        witness.signatures = [bytes(4) + b"".join(number.to_bytes(32) for number in numbers)]
        with pytest.raises(GuestStopped, match="does not fit the digest"):
            run(witness.encode(), tmp_path)
