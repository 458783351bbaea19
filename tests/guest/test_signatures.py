"""Signatures of a hostile host on the real guest: sentences S19 to S26 of docs/soundness.md.

The batch starts at the empty state, so that its witness is complete whatever its transactions are: an account is made
by a deposit, and signs something that changes nothing.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import zkclob_native as native
from coincurve import PublicKey

from sequencer.core import signing
from sequencer.core.codec import encode_data, encode_inbox_deposit, encode_inbox_list_token
from sequencer.core.constants import MAX_U64
from sequencer.core.types import Block, CancelClientOrder, Deposit, InboxEntry, ListToken
from tests.guest.executor import START, GuestStopped, run
from tests.guest.witness import Witness
from tests.properties.replica import SEPARATOR, Replica

pytestmark = pytest.mark.slow

N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
P = 2**256 - 2**32 - 977
LAMBDA = 0x5363AD4CC05C30E0A5261C028812645A122E22EA20816678DF02967C1B23BD72
"""The endomorphism's eigenvalue: (β x, y) = λ (x, y)."""
SECRET = 77


@dataclass
class Signature:
    """The point R with x = r, s, and what is said to be its inverse."""

    r: int
    y: int
    s: int
    inverse: int

    def encode(self) -> bytes:
        """As a witness has it, by the first key."""
        numbers = (self.r, self.y, self.s, self.inverse)
        return b"".join(number.to_bytes(32, "little") for number in numbers) + bytes(16)


OUT_OF_RANGE = "zero or not below the group order"
UNFIT = "does not fit the digest"


def point(secret: int) -> tuple[int, int]:
    """Coordinates of a multiple of the generator."""
    encoded = PublicKey.from_secret((secret % N).to_bytes(32)).format(compressed=False)
    return int.from_bytes(encoded[1:33]), int.from_bytes(encoded[33:])


def key_of(secret: int) -> bytes:
    x, y = point(secret)
    return x.to_bytes(32) + y.to_bytes(32)


def signature(nonce: int, inverse: int) -> Signature:
    """The one with this nonce and this inverse of s, whether it is valid or not."""
    r, y = point(nonce)
    return Signature(r, y, pow(inverse, -1, N), inverse % N)


def sign(digest: bytes, secret: int, nonce: int) -> Signature:
    """A valid one."""
    r, y = point(nonce)
    s = (int.from_bytes(digest) + r * secret) * pow(nonce, -1, N) % N
    if s > N // 2:
        s, y = N - s, P - y
    return Signature(r, y, s, pow(s, -1, N))


class Signed:
    """A batch in which the account of `key` signs `count` transactions; its witness has no signatures yet."""

    def __init__(self, key: bytes, count: int = 1) -> None:
        account = native.keccak256(key)[12:]
        entries = [
            encode_inbox_list_token(ListToken(START, 1, bytes(20), 18)),
            encode_inbox_deposit(Deposit(START, 1, account, 1)),
        ]
        replica = Replica([])
        replica.open_block(START)
        for entry in entries:
            replica.sequence(InboxEntry(entry))
        replica.seal_block()
        cancels = [CancelClientOrder(account, account, nonce, MAX_U64, 1) for nonce in range(count)]
        inbox = [InboxEntry(entry) for entry in entries]
        self.account = account
        self.digests = [signing.digest(SEPARATOR, tx) for tx in cancels]
        self.witness = Witness.decode(replica.seal_batch().prepared.witness)
        self.witness.data = encode_data(1, [Block(1, START, [*inbox, *cancels])])
        self.witness.keys = [key[31::-1] + key[:31:-1]]

    def run(self, folder: Path, *signatures: Signature) -> bytes:
        """Public values with these signatures. Raises GuestStopped."""
        self.witness.signatures = [signature.encode() for signature in signatures]
        return run(self.witness.encode(), folder)


@pytest.fixture(scope="module")
def signed() -> Signed:
    return Signed(key_of(SECRET))


@pytest.fixture
def good(signed: Signed) -> Signature:
    return sign(signed.digests[0], SECRET, 5)


def test_a_valid_signature_passes(signed: Signed, good: Signature, tmp_path: Path) -> None:
    assert len(signed.run(tmp_path, good)) == 448


@pytest.mark.parametrize("bad", [0, N, 2**256 - 1])
def test_s19_scalars_are_strict(bad: int, signed: Signed, good: Signature, tmp_path: Path) -> None:
    right = good.r
    good.r = bad
    with pytest.raises(GuestStopped, match=OUT_OF_RANGE):
        signed.run(tmp_path, good)
    good.r, good.s = right, bad
    with pytest.raises(GuestStopped, match=OUT_OF_RANGE):
        signed.run(tmp_path, good)


def test_s19_the_other_s_is_refused(signed: Signed, good: Signature, tmp_path: Path) -> None:
    other = Signature(good.r, P - good.y, N - good.s, N - good.inverse)
    with pytest.raises(GuestStopped, match="above half"):
        signed.run(tmp_path, other)


def keys_that_are_none() -> Iterator[tuple[str, int, int]]:
    x, y = point(SECRET)
    yield "off the curve", x, y ^ 1
    yield "zero", 0, 0
    # The point with x = 1, its x not reduced.
    root = pow(1 + 7, (P + 1) // 4, P)
    assert root * root % P == 8
    yield "not reduced", 1 + P, root


@pytest.mark.parametrize(("what", "x", "y"), keys_that_are_none(), ids=lambda value: str(value)[:12])
def test_s20_keys_are_points_with_reduced_coordinates(what: str, x: int, y: int, tmp_path: Path) -> None:
    """Even for the account that has the address of such a key."""
    signed = Signed(x.to_bytes(32) + y.to_bytes(32))
    with pytest.raises(GuestStopped, match="public key is not a point"):
        signed.run(tmp_path, sign(signed.digests[0], SECRET, 5))


def test_s21_the_inverse_is_one(signed: Signed, good: Signature, tmp_path: Path) -> None:
    right = good.inverse
    for wrong in (0, 1, right + 1, N - right, good.s):
        good.inverse = wrong
        with pytest.raises(GuestStopped, match="not the inverse of s"):
            signed.run(tmp_path, good)


def test_s22_r_names_the_point(signed: Signed, good: Signature, tmp_path: Path) -> None:
    right = good.y
    for wrong in (0, right ^ 1, P):
        good.y = wrong
        with pytest.raises(GuestStopped, match="not a point of the curve with x = r"):
            signed.run(tmp_path, good)
    good.y = P - right
    with pytest.raises(GuestStopped, match=UNFIT):
        signed.run(tmp_path, good)


def test_s23_a_signer_has_one_key(tmp_path: Path) -> None:
    """Else a host could choose between two of one address when the coefficients are known."""
    signed = Signed(key_of(SECRET))
    good = sign(signed.digests[0], SECRET, 5)
    signed.witness.keys *= 2
    with pytest.raises(GuestStopped, match="order of their addresses"):
        signed.run(tmp_path, good)


def leaves(digest: int, inverse: Callable[[int, int], int]) -> Iterator[tuple[Signature, int]]:
    """Wrong signatures with a low s, and e of the e G that each leaves; `inverse` gives that of s."""
    for nonce in range(2, 100):
        factor = digest + point(nonce)[0] * SECRET
        chosen = inverse(factor, nonce)
        candidate = signature(nonce, chosen)
        if candidate.s <= N // 2:
            yield candidate, (chosen * factor - nonce) % N


def test_s24_wrong_signatures_that_cancel_each_other_are_wrong(tmp_path: Path) -> None:
    """e₁ G and −e₁ G are what these two leave: without coefficients the sum would be right."""
    signed = Signed(key_of(SECRET), count=2)
    first, second = (int.from_bytes(digest) for digest in signed.digests)
    one, rest = next(leaves(first, lambda factor, nonce: nonce + 1))
    other, opposite = next(leaves(second, lambda factor, nonce: (nonce - rest) * pow(factor, -1, N) % N))
    assert rest == N - opposite
    with pytest.raises(GuestStopped, match=UNFIT):
        signed.run(tmp_path, one, other)
    assert len(signed.run(tmp_path, *(sign(digest, SECRET, 5) for digest in signed.digests))) == 448


@pytest.mark.parametrize("secret", [1, N - 1, 2, LAMBDA, N - LAMBDA])
def test_s25_points_that_coincide_are_added_rightly(secret: int, tmp_path: Path) -> None:
    """R and Q are G, −G, λG, or one another, again and again."""
    nonces = (1, N - 1, secret, N - secret, secret, LAMBDA, 1)
    signed = Signed(key_of(secret), count=len(nonces))
    right = [sign(digest, secret, nonce) for digest, nonce in zip(signed.digests, nonces, strict=True)]
    assert len(signed.run(tmp_path, *right)) == 448
    for inverse in (1, secret, pow(secret, -1, N)):
        wrong = signature(nonces[-1], inverse)
        if wrong.s <= N // 2:
            with pytest.raises(GuestStopped, match=UNFIT):
                signed.run(tmp_path, *right[:-1], wrong)


def test_s26_guest_and_admission_accept_the_same(signed: Signed, good: Signature, tmp_path: Path) -> None:
    digest = signed.digests[0]
    stranger = sign(digest, SECRET + 1, 5)
    elsewhere = sign(bytes(32), SECRET, 5)
    cases = [good, sign(digest, SECRET, 1), sign(digest, SECRET, N - 1), stranger, elsewhere]
    cases += [Signature(good.r, P - good.y, N - good.s, N - good.inverse), signature(5, 7)]
    accepted = 0
    for case in cases:
        admitted = False
        for v in (27, 28):
            try:
                address, _ = native.recover(digest, case.r.to_bytes(32) + case.s.to_bytes(32) + bytes([v]))
            except ValueError:
                continue
            admitted |= address == signed.account
        proven = False
        for y in (case.y, P - case.y):
            case.y = y
            try:
                proven |= len(signed.run(tmp_path, case)) == 448
            except GuestStopped:
                continue
        assert proven == admitted
        accepted += proven
    assert accepted == 3
