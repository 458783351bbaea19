"""Commitments and proofs, against ckzg's own verifiers, and the process that makes them."""

import multiprocessing
import os
import subprocess
import sys
import time
from pathlib import Path

import ckzg  # type: ignore[import-not-found]
import pytest
from zkclob_native import keccak256

from sequencer.adapters.blob_prover import BlobProver
from sequencer.core.carriers import BLOBS, challenge
from sequencer.core.codec.blobs import BLOB_DATA, unpack_blobs
from sequencer.kzg import OpenedBlob, carried, parameters, sidecar

DATA = bytes(i % 251 for i in range(BLOB_DATA + 7))
CELLS = 128


def test_a_sidecar_holds_the_data_and_true_proofs() -> None:
    made = sidecar(DATA)
    assert unpack_blobs([opened.blob for opened in made.blobs]) == DATA
    assert made.content_hash == keccak256(DATA)
    assert all(_is_true(opened, made.content_hash) for opened in made.blobs)
    for number, opened in enumerate(made.blobs):
        cells = ckzg.compute_cells(opened.blob, parameters())
        proofs = list(made.cell_proofs[CELLS * number : CELLS * (number + 1)])
        assert ckzg.verify_cell_kzg_proof_batch(
            [opened.commitment] * CELLS, list(range(CELLS)), cells, proofs, parameters()
        )


def _is_true(opened: OpenedBlob, content_hash: bytes) -> bool:
    z = challenge(content_hash, opened.versioned_hash)
    point, value = z.to_bytes(32, "big"), opened.y.to_bytes(32, "big")
    return bool(ckzg.verify_kzg_proof(opened.commitment, point, value, opened.proof, parameters()))


async def test_the_process_answers_as_this_one_does() -> None:
    prover = BlobProver()
    try:
        found = await prover.carry(DATA)
        assert found == carried(DATA)
        assert (found.carrier, len(found.versioned_hashes)) == (BLOBS, 2)
        with pytest.raises(ValueError, match="do not fit"):
            await prover.carry(bytes(10**6))
    finally:
        prover.close()


@pytest.mark.slow
async def test_another_process_follows_one_that_died() -> None:
    prover = BlobProver()
    try:
        await prover.carry(b"data")
        (process,) = multiprocessing.active_children()
        process.kill()
        process.join()
        assert await prover.carry(DATA) == carried(DATA)
    finally:
        prover.close()


SEQUENCER = """
import asyncio, multiprocessing, time
from sequencer.adapters.blob_prover import BlobProver
if __name__ == "__main__":
    prover = BlobProver()
    asyncio.run(prover.carry(b"data"))
    print(multiprocessing.active_children()[0].pid, flush=True)
    time.sleep(600)
"""


@pytest.mark.slow
def test_the_process_ends_with_a_sequencer_that_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "sequencer_stub.py"
    script.write_text(SEQUENCER)
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True) as sequencer:
        assert sequencer.stdout is not None
        process = int(sequencer.stdout.readline())
        os.kill(process, 0)
        sequencer.kill()
    deadline = time.monotonic() + 30
    while _runs(process):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _runs(process: int) -> bool:
    """Whether the process is there, and no zombie that nobody waits for."""
    status = Path(f"/proc/{process}/stat")
    try:
        return status.read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
