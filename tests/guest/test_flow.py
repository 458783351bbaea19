"""The real guest on samples of the random flow that Python and native Rust are compared on."""

from pathlib import Path

import pytest

from sequencer.core.types import InboxEntry
from tests.guest.executor import START, run
from tests.properties.flow import Flow
from tests.properties.replica import Replica, Signer

pytestmark = pytest.mark.slow

SAMPLES = 6
TRANSACTIONS = 150


def test_the_guest_agrees_on_samples_of_a_random_flow(flow_seed: int, tmp_path: Path) -> None:
    signers = [Signer(2_000 + number) for number in range(12)]
    replica = Replica(signers)
    flow = Flow(flow_seed, [signer.address for signer in signers])
    replica.open_block(START)
    for entry in flow.opening_entries(START):
        replica.sequence(InboxEntry(entry))
    replica.seal_batch()
    for sample in range(SAMPLES):
        for number in range(TRANSACTIONS):
            if number % 50 == 0:
                replica.open_block(START + TRANSACTIONS * sample + number)
            replica.sequence(flow.next(replica.state))
        prepared = replica.seal_batch().prepared
        assert run(prepared.witness, tmp_path) == prepared.public_values, f"--flow-seed {flow_seed}"
