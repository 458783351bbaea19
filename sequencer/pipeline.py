"""From sealed block to settled batch.

    sealed ─▶ state tree, root stored ─▶ batch: re-executed in Rust, must agree ─▶ proven, verified ─▶ settled on L1

Blocks become batches in order; where a batch ends is recorded, so a restart finds the same batches. Both
implementations must agree on every block's root, every result and the public values. If they do not, nothing more is
posted, the evidence is kept in files and the node is halted. Batches are proven in any order and settled in theirs.
A worker's proof is made durable first and then shown to the verifier: it may be the work of hours. One that the
verifier refuses is thrown away and made again.
"""

import asyncio
import json
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from zkclob_native import Prepared, StateTree, keccak256, prepare

from sequencer.core.carriers import Carried
from sequencer.core.codec import DataEncoder, decode_meta
from sequencer.core.outbox import encode_outbox_leaf
from sequencer.core.public_values import PublicValues, public_values
from sequencer.core.types import Withdrawal
from sequencer.node import MAX_BATCH_STEPS, MAX_BLOCK_HEAD, Node, ReplayError
from sequencer.ports import (
    BatchListener,
    BatchStore,
    Carrier,
    Clock,
    Journal,
    Proof,
    ProofRefused,
    ProofVerifier,
    Prover,
    ProverJob,
    SealedBlock,
    Settlement,
    SettlementRefused,
    Settler,
    StoredBatch,
)
from sequencer.prover_gas import GasEstimate

log = logging.getLogger(__name__)


class Disagreement(Exception):  # noqa: N818 - named as it is reported
    """The two implementations differ; the message says in what and where the evidence is."""


@dataclass(frozen=True, slots=True)
class _Rooted:
    sealed: SealedBlock
    root: bytes


class _Filling:
    """The blocks of the batch that is being filled."""

    def __init__(self, first: _Rooted, prover_gas_per_byte: int) -> None:
        self.blocks: list[_Rooted] = []
        self._encoder = DataEncoder(first.sealed.first_seq)
        self._transactions = 0
        self._steps = 0
        self.gas = GasEstimate(prover_gas_per_byte)
        self.add(first)

    def add(self, rooted: _Rooted) -> None:
        self._encoder.add_block(rooted.sealed.block)
        self._transactions += len(rooted.sealed.digests)
        self._steps += rooted.sealed.steps
        self.gas.add(rooted.sealed)
        self.blocks.append(rooted)

    def fits(self, sealed: SealedBlock, max_transactions: int, max_prover_gas: int, max_data: int) -> bool:
        added = len(sealed.digests)
        size = self._encoder.size + MAX_BLOCK_HEAD + sealed.data_bound
        return (
            self._transactions + added <= max_transactions
            and self._steps + sealed.steps <= MAX_BATCH_STEPS
            and size <= max_data
            and self.gas.gas_with(sealed) <= max_prover_gas
        )

    def data(self) -> bytes:
        return self._encoder.encode()


class Pipeline:
    """Builds batches and has them proven and settled."""

    def __init__(
        self,
        store: BatchStore,
        prover: Prover,
        verifier: ProofVerifier,
        settler: Settler,
        clock: Clock,
        halt: Callable[[str], None],
        domain_separator: bytes,
        *,
        carrier: Carrier,
        max_age_ms: int,
        max_transactions: int,
        max_prover_gas: int,
    ) -> None:
        """`halt` stops the node. A batch ends when its first block is `max_age_ms` old or it is full: by transactions,
        by the prover gas that it is estimated to cost, or by what `carrier` brings to L1.
        """
        self._store = store
        self._prover = prover
        self._verifier = verifier
        self._settler = settler
        self._clock = clock
        self._halt = halt
        self._domain_separator = domain_separator
        self._carrier = carrier
        self._max_age_ms = max_age_ms
        self._max_transactions = max_transactions
        self._max_prover_gas = max_prover_gas
        self._tree = StateTree()
        self._start_tree = StateTree()  # at the start of the batch that is being filled
        self._sealed: deque[SealedBlock] = deque()
        self._filling: _Filling | None = None
        self._batch_count = 0
        self._batch_timer: asyncio.Task[None] | None = None
        self._batch_due = False
        self._wake = asyncio.Event()
        self._unsettled: asyncio.Queue[StoredBatch] = asyncio.Queue()
        self._unverified: asyncio.Queue[tuple[StoredBatch, Proof]] = asyncio.Queue()
        self._proofs: dict[int, asyncio.Future[bytes]] = {}
        self._listeners: list[BatchListener] = []

    def listen(self, listener: BatchListener) -> None:
        """Tells `listener` of every block and batch from now on; not of what is replayed."""
        self._listeners.append(listener)

    def _tell(self, event: Callable[[BatchListener], None]) -> None:
        for listener in self._listeners:
            try:
                event(listener)
            except Exception:
                log.exception("a listener failed")

    # ----------------------------------------------------------------- replay

    def replay(self, sealed: SealedBlock, root: bytes | None, batch: int | None) -> None:
        """A sealed block of the journal, with what is stored about it. Raises ReplayError for another root."""
        if root is None or self._sealed or (batch is None and not self._fits(sealed)):
            # A block may fit no more what is being filled if other limits were set.
            self._sealed.append(sealed)
            return
        if self._tree.apply(sealed.writes, sealed.meta) != root:
            raise ReplayError(f"the state root after block {sealed.block.number} is not the stored one")
        if batch is None:
            self._append(_Rooted(sealed, root))
        else:
            self._batch_count = batch
            self._start_tree = self._tree.copy()

    def resume(self, unsettled: list[StoredBatch]) -> None:
        """Takes up the batches that the database holds; after `replay`."""
        for batch in unsettled:
            self._await_proof(batch)

    # ----------------------------------------------------------------- blocks

    def sealed(self, block: SealedBlock) -> None:
        """Takes the next block, which is durable."""
        self._sealed.append(block)
        self._wake.set()

    async def run(self) -> None:
        """Works until it is cancelled. Whatever fails for good halts the node and ends this."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._build_batches())
                tasks.create_task(self._verify_proofs())
                tasks.create_task(self._settle_batches())
        except* (Disagreement, SettlementRefused) as failures:
            self._halt("; ".join(str(failure) for failure in failures.exceptions))
        except* Exception as failures:
            log.exception("the pipeline failed", exc_info=failures)
            self._halt(f"the pipeline failed: {failures.exceptions[0]!r}")

    async def _build_batches(self) -> None:
        if self._filling is not None:
            self._start_batch_timer()
        self._wake.set()
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._sealed:
                await self._take(self._sealed.popleft())
            if self._batch_due and self._filling is not None:
                await self._close_batch(self._filling)

    async def _take(self, sealed: SealedBlock) -> None:
        if self._filling is not None and not self._fits(sealed):
            await self._close_batch(self._filling)
        root = await asyncio.to_thread(self._tree.apply, sealed.writes, sealed.meta)
        await self._store.store_root(sealed.block.number, root)
        if self._filling is None:
            self._start_batch_timer()
        self._append(_Rooted(sealed, root))
        self._tell(lambda listener: listener.block_rooted(sealed, root))

    def _fits(self, sealed: SealedBlock) -> bool:
        """Whether a block may join the batch that is being filled."""
        limits = (self._max_transactions, self._max_prover_gas, self._carrier.max_data)
        return self._filling is None or self._filling.fits(sealed, *limits)

    def _append(self, rooted: _Rooted) -> None:
        if self._filling is None:
            self._filling = _Filling(rooted, self._carrier.prover_gas_per_byte)
        else:
            self._filling.add(rooted)

    def _start_batch_timer(self) -> None:
        self._batch_due = False
        self._batch_timer = asyncio.get_running_loop().create_task(self._close_later())

    async def _close_later(self) -> None:
        await self._clock.sleep(self._max_age_ms)
        self._batch_due = True
        self._wake.set()

    # ---------------------------------------------------------------- batches

    async def _close_batch(self, filling: _Filling) -> None:
        if self._batch_timer is not None:
            self._batch_timer.cancel()
        self._batch_due = False
        blocks, data = filling.blocks, filling.data()
        number = self._batch_count + 1
        carried = await self._carrier.carry(data)
        prepared = await self._re_execute(number, blocks, data, carried)
        batch = StoredBatch(
            settlement=settlement(number, prepared.public_values, data),
            public_values=prepared.public_values,
            first_block=blocks[0].sealed.block.number,
            created_ms=self._clock.now_ms(),
            prover_gas_estimate=filling.gas.gas(),
            proof=None,
        )
        owed = zip(_owed(blocks), prepared.outbox, strict=True)
        leaves = [(seq, item, keccak256(leaf)) for (seq, item, _), leaf in owed]
        await self._store.store_batch(batch, prepared.witness, leaves)
        self._batch_count, self._filling = number, None
        self._start_tree = self._tree.copy()
        self._report(batch)
        self._tell(lambda listener: listener.batch_built(batch))
        self._await_proof(batch)

    def _report(self, batch: StoredBatch) -> None:
        claim, gas = batch.settlement, batch.prover_gas_estimate
        log.info("batch %d: blocks %d to %d", claim.number, batch.first_block, claim.block_number)
        if gas > self._max_prover_gas:
            log.warning(
                "batch %d: one block is estimated at %d prover gas, more than a batch is to have (%d): "
                "lower seal.max_transactions or raise batch.max_prover_gas",
                claim.number,
                gas,
                self._max_prover_gas,
            )

    async def _re_execute(
        self, number: int, blocks: list[_Rooted], data: bytes, carried: Carried
    ) -> Prepared:
        """The batch as Rust executes it. Raises Disagreement."""
        entries = [entry for rooted in blocks for entry in rooted.sealed.entries]
        signatures = [pair for rooted in blocks for pair in rooted.sealed.signatures]
        removed = [order_id for rooted in blocks for order_id in rooted.sealed.removed]
        try:
            prepared = await asyncio.to_thread(
                prepare,
                self._start_tree,
                self._domain_separator,
                data,
                entries,
                signatures,
                removed,
                carried.versioned_hashes,
            )
        except ValueError as error:
            raise self._disagreement(
                number, f"Rust refuses the batch: {error}", data, carried, blocks, None
            ) from error
        difference = self._difference(blocks, carried, prepared)
        if difference is not None:
            raise self._disagreement(number, difference, data, carried, blocks, prepared)
        return prepared

    def _difference(self, blocks: list[_Rooted], carried: Carried, prepared: Prepared) -> str | None:
        """In what Rust's batch differs from Python's."""
        results = _codes(blocks)
        if prepared.results != results:
            return f"result {_first_difference(prepared.results, results)} of all, items of batches included"
        if prepared.block_roots != [rooted.root for rooted in blocks]:
            place = _first_difference(prepared.block_roots, [rooted.root for rooted in blocks])
            return f"the state root after block {blocks[0].sealed.block.number + place}"
        if prepared.outbox != _outbox(blocks):
            return "the outbox"
        if prepared.public_values != self._public_values(blocks, carried).encode():
            return "the public values"
        return None

    def _public_values(self, blocks: list[_Rooted], carried: Carried) -> PublicValues:
        return public_values(
            self._domain_separator,
            (self._start_tree.root, blocks[-1].root),
            blocks[0].sealed.first_seq,
            decode_meta(blocks[-1].sealed.meta),
            carried,
            [digest for rooted in blocks for digest in rooted.sealed.digests],
            [withdrawal for *_, withdrawal in _owed(blocks)],
        )

    def _disagreement(
        self,
        number: int,
        difference: str,
        data: bytes,
        carried: Carried,
        blocks: list[_Rooted],
        prepared: Prepared | None,
    ) -> Disagreement:
        report: dict[str, object] = {
            "difference": difference,
            "python": {
                "public_values": self._public_values(blocks, carried).encode().hex(),
                "block_roots": [rooted.root.hex() for rooted in blocks],
                "results": _codes(blocks),
            },
            "inbox": [entry.hex() for rooted in blocks for entry in rooted.sealed.entries],
        }
        files = {"data.bin": data}
        if prepared is not None:
            report["rust"] = {
                "public_values": prepared.public_values.hex(),
                "block_roots": [root.hex() for root in prepared.block_roots],
                "results": prepared.results,
            }
            files["witness.bin"] = prepared.witness
        files["report.json"] = json.dumps(report, indent=1).encode()
        folder = self._store.keep_evidence(f"batch-{number}", files)
        return Disagreement(f"batch {number}: Python and Rust differ in {difference}; evidence in {folder}")

    # -------------------------------------------------------------- settlement

    def _await_proof(self, batch: StoredBatch) -> None:
        number = batch.settlement.number
        self._proofs[number] = asyncio.get_running_loop().create_future()
        self._unsettled.put_nowait(batch)

        async def accept(found: Proof) -> None:
            await self._store.store_proof(number, found)
            self._unverified.put_nowait((batch, found))

        stored = batch.proof
        if stored is not None:
            self._unverified.put_nowait((batch, stored))
        delivered_by = None if stored is None else stored.worker
        self._prover.add(ProverJob(number, batch.public_values, delivered_by), accept)

    async def _verify_proofs(self) -> None:
        while True:
            await self._verify(*await self._unverified.get())

    async def _verify(self, batch: StoredBatch, found: Proof) -> None:
        number = batch.settlement.number
        try:
            await self._verifier.verify(batch.public_values, found.proof)
        except ProofRefused as error:
            await self._store.discard_proof(number)
            self._prover.refused(number, str(error))
            return
        await self._store.store_verified(number)
        self._prover.verified(number)
        self._proofs[number].set_result(found.proof)
        log.info("batch %d: proof of %s verified", number, found.worker)
        if found.prover_gas > batch.prover_gas_estimate:
            log.warning(
                "batch %d: %s says %d prover gas, estimated were %d: batches cost more than they are to",
                number,
                found.worker,
                found.prover_gas,
                batch.prover_gas_estimate,
            )
        self._tell(lambda listener: listener.batch_proven(number, found))

    async def _settle_batches(self) -> None:
        while True:
            await self._settle(await self._unsettled.get())

    async def _settle(self, batch: StoredBatch) -> None:
        number = batch.settlement.number
        proof = await self._proofs[number]
        del self._proofs[number]
        settled = await self._settler.settle(replace(batch.settlement, proof=proof))
        await self._store.store_settled(settled)
        log.info("batch %d: settled in L1 block %d", number, settled.l1_block)
        self._tell(lambda listener: listener.batch_settled(settled))


def replay(journal: Journal, node: Node, pipeline: Pipeline) -> None:
    """Folds the journal into the state and the state tree. Raises ReplayError."""
    count = 0
    for block in journal.blocks():
        sealed = node.replay(block)
        if sealed is not None:
            pipeline.replay(sealed, block.state_root, block.batch)
        count += len(block.transactions)
    if count:
        log.info("replayed %d transactions of the journal", count)


def settlement(number: int, encoded: bytes, data: bytes, proof: bytes = b"") -> Settlement:
    """What the contract is given, from a batch's public values (448 bytes)."""
    values = PublicValues.decode(encoded)
    return Settlement(
        number=number,
        prev_state_root=values.prev_state_root,
        new_state_root=values.new_state_root,
        inbox_cursor=values.inbox_cursor,
        outbox_root=values.outbox_root,
        outbox_count=values.outbox_count,
        block_number=values.block_number,
        timestamp=values.timestamp,
        first_seq=values.first_seq,
        end_seq=values.end_seq,
        digests_hash=values.digests_hash,
        data_carrier=values.data_carrier,
        data=data,
        proof=proof,
    )


def _codes(blocks: list[_Rooted]) -> list[int]:
    """The result code of each transaction of a batch, and after it those of its items."""
    return [
        int(part.code)
        for rooted in blocks
        for result in rooted.sealed.results
        for part in (result, *result.items)
    ]


def _owed(blocks: list[_Rooted]) -> list[tuple[int, int, Withdrawal]]:
    """Each withdrawal and refund of a batch: sequence number, index in its transaction, content."""
    return [
        (result.seq, item, withdrawal)
        for rooted in blocks
        for result in rooted.sealed.results
        for item, withdrawal in enumerate(result.withdrawals)
    ]


def _outbox(blocks: list[_Rooted]) -> list[bytes]:
    """Leaf (61 bytes) of each withdrawal and refund of a batch."""
    return [encode_outbox_leaf(withdrawal, index) for index, (*_, withdrawal) in enumerate(_owed(blocks))]


def _first_difference(left: list[int] | list[bytes], right: list[int] | list[bytes]) -> int:
    pairs = zip(left, right, strict=False)
    return next((index for index, (a, b) in enumerate(pairs) if a != b), min(len(left), len(right)))
