"""Runs the real guest on a witness, and what the witnesses of several tests are made of."""

import json
import os
import subprocess
from pathlib import Path

from sequencer.core.constants import MAX_U64
from sequencer.core.types import PlaceOrder, SelfTrade, Side, TimeInForce
from tests.properties.replica import Signer

ROOT = Path(__file__).parents[2]
ELF = Path(os.environ.get("ZKCLOB_GUEST", ROOT / "sp1_program" / "elf" / "zkclob-program"))
"""The committed guest, or another that `scripts/check_elf.sh` built."""
PROVER = (
    Path(os.environ.get("ZKCLOB_CACHE", Path.home() / ".cache" / "zkclob"))
    / "target"
    / "release"
    / "zkclob-prover"
)
START = 1_700_000_000
MARKET = 2


class GuestStopped(Exception):  # noqa: N818 - what happened, not a fault of the test
    """The guest ended without public values."""


def run(witness: bytes, folder: Path) -> bytes:
    """Public values of `witness` from the real ELF. Raises GuestStopped."""
    path = folder / "witness.bin"
    path.write_bytes(witness)
    done = subprocess.run(
        [PROVER, "execute", "--elf", ELF, "--witness", path], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise GuestStopped(done.stderr)
    return bytes.fromhex(json.loads(done.stdout)["public_values"][2:])


def order(owner: Signer, nonce: int, side: Side, price: int, size: int) -> PlaceOrder:
    return PlaceOrder(
        account=owner.address,
        signer=owner.address,
        nonce=nonce,
        deadline=MAX_U64,
        market=MARKET,
        side=side,
        time_in_force=TimeInForce.GTC,
        self_trade=SelfTrade.CANCEL_TAKER,
        price=price,
        size=size,
        client_order_id=0,
    )
