"""The estimate of a batch's prover gas: it knows every kind, counts records once, and the real guest stays below it."""

import asyncio
import json
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from scripts.devnet import ELF, WORKER
from sequencer.adapters.blob_prover import BlobProver
from sequencer.adapters.calldata import Calldata
from sequencer.core.state import ACCOUNTS, BOOKS
from sequencer.core.types import Block, CancelAll, ExpireOrder, InboxEntry, Sequenceable, Side, Transaction
from sequencer.ports import Carrier, SealedBlock
from sequencer.prover_gas import BATCH, BLOB_BYTE, MARGIN_PERCENT, RECORD, STEP, TRANSACTION, GasEstimate
from tests.world import ALICE, BOB, USDC, World

CANCEL_ALL = CancelAll(bytes(20), bytes(20), 0, 0, 0)


def sealed(
    transactions: list[Sequenceable], steps: int, writes: list[tuple[int, bytes, bytes | None]]
) -> SealedBlock:
    """A block of which only these matter."""
    block = Block(1, 1, transactions)
    return SealedBlock(block, b"", writes, 2, [], [], [b""] * len(transactions), [], [], steps, 0)


def executed_gas(witness: Path) -> int:
    """What the real guest costs on a witness."""
    command: list[str | Path] = [WORKER, "execute", "--elf", ELF, "--witness", witness]
    done = subprocess.run(command, capture_output=True, check=True)
    return int(json.loads(done.stdout)["prover_gas"])


def with_margin(gas: int) -> int:
    return gas * (100 + MARGIN_PERCENT) // 100


def test_every_kind_has_a_figure() -> None:
    assert set(TRANSACTION) == {*get_args(Transaction), InboxEntry, ExpireOrder}


def test_records_that_several_blocks_write_count_once() -> None:
    estimate = GasEstimate()
    assert estimate.gas() == with_margin(BATCH)
    first = sealed([CANCEL_ALL], 3, [(ACCOUNTS, b"a", b""), (BOOKS, b"x", None)])
    one = BATCH + TRANSACTION[CancelAll] + 2 * STEP + RECORD[ACCOUNTS] + RECORD[BOOKS]
    assert estimate.gas_with(first) == with_margin(one)
    assert estimate.gas() == with_margin(BATCH)
    estimate.add(first)
    assert estimate.gas() == with_margin(one)
    second = sealed([CANCEL_ALL], 1, [(ACCOUNTS, b"a", b""), (ACCOUNTS, b"b", b""), (BOOKS, b"a", b"")])
    two = one + TRANSACTION[CancelAll] + RECORD[ACCOUNTS] + RECORD[BOOKS]
    assert estimate.gas_with(second) == with_margin(two)
    estimate.add(second)
    assert estimate.gas() == with_margin(two)


def test_each_byte_that_a_carrier_charges_for_counts() -> None:
    block = replace(sealed([CANCEL_ALL], 1, []), data_bound=70)
    assert GasEstimate(BLOB_BYTE).gas_with(block) == with_margin(
        BATCH + TRANSACTION[CancelAll] + 70 * BLOB_BYTE
    )


@pytest.fixture(params=["calldata", "blobs"])
def carrier(request: pytest.FixtureRequest) -> Iterator[Carrier]:
    if request.param == "calldata":
        yield Calldata()
        return
    prover = BlobProver()
    yield prover
    prover.close()


@pytest.mark.slow
async def test_the_real_guest_stays_below_the_estimate(tmp_path: Path, carrier: Carrier) -> None:
    async with World(tmp_path, carrier=carrier).running() as world:
        await world.list_and_fund()
        for price in range(150):
            resting = await world.submit(ALICE, world.order(ALICE, Side.BID, 250_000 + price, 40))
            if price % 3 == 0 and resting.result.order_id is not None:
                await world.submit(ALICE, world.cancel(ALICE, resting.result.order_id))
        await world.submit(BOB, world.order(BOB, Side.ASK, 250_000, 2_000))
        await world.submit(BOB, world.withdrawal(BOB, USDC, 5_000_000))
        await world.close_batch()
        (batch,) = world.store.unsettled()
        gas = await asyncio.to_thread(executed_gas, world.store.witness_path(1))
    assert gas <= batch.prover_gas_estimate < 3 * gas, "refresh the table of sequencer/prover_gas.py"
