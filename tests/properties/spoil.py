"""Inputs that nobody meant: noise, and good ones with bytes changed, cut off or put in, which come further."""

from collections.abc import Iterator
from random import Random

ROUNDS = 400


def spoiled(random: Random, good: list[bytes], rounds: int = ROUNDS) -> Iterator[bytes]:
    """Of each kind `rounds`."""
    for _ in range(rounds):
        yield random.randbytes(random.randrange(300))
        damaged = bytearray(random.choice(good))
        for _ in range(random.randrange(1, 4)):
            at = random.randrange(len(damaged) + 1)
            draw = random.randrange(3)
            if draw == 0 and at < len(damaged):
                damaged[at] ^= 1 << random.randrange(8)
            elif draw == 1:
                del damaged[at:]
            else:
                damaged[at:at] = random.randbytes(random.randrange(1, 9))
        yield bytes(damaged)
