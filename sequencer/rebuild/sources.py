"""Where the data of a batch is found. Whoever gives it is not trusted: it is checked against what was settled."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from zkclob_native import keccak256

from sequencer.rebuild.chain import Chain, L1Transaction
from sequencer.rebuild.errors import ChainInconsistent, ChainReorganised, ChainUnavailable, DataMissing
from sequencer.rebuild.events import SettleCall, SettledBatch, decode_settle


@dataclass(frozen=True, slots=True)
class Wanted:
    """The data of a batch: its hash (keccak), and the call that settled it."""

    batch: SettledBatch
    content_hash: bytes
    transaction: L1Transaction
    call: SettleCall


class DataSource(Protocol):
    """One place to look. Raises ChainUnavailable where it cannot be asked."""

    name: str

    def find(self, wanted: Wanted) -> bytes | None:
        """The data, unchecked; None if it is not there."""
        ...


class Calldata:
    """The call that settled."""

    name = "calldata"

    def find(self, wanted: Wanted) -> bytes | None:
        """See DataSource."""
        return wanted.call.data


class Archive:
    """A folder of data by its hash, which can be copied from anybody. Blobs are pruned on L1 after weeks."""

    name = "archive"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, wanted: Wanted) -> bytes | None:
        """See DataSource."""
        return self.get(wanted.content_hash)

    def get(self, content_hash: bytes) -> bytes | None:
        """The data of this hash (keccak); None if it is not there or spoiled."""
        try:
            data = self._path(content_hash).read_bytes()
        except FileNotFoundError:
            return None
        return data if keccak256(data) == content_hash else None

    def put(self, data: bytes) -> None:
        """Keeps data, whole or not at all."""
        path = self._path(keccak256(data))
        if path.exists():
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(f".{os.getpid()}.partial")
        partial.write_bytes(data)
        partial.replace(path)

    def _path(self, content_hash: bytes) -> Path:
        return self._folder / f"0x{content_hash.hex()}.data"


class DataFinder:
    """Asks one source after the other and checks what they give."""

    def __init__(self, chain: Chain, sources: list[DataSource], archive: Archive | None) -> None:
        """`archive`: is asked first, and keeps whatever was found."""
        self._chain = chain
        self._sources = [*([archive] if archive else []), *sources]
        self._archive = archive

    def find(self, batch: SettledBatch) -> bytes:
        """A batch's data. Raises DataMissing; ChainUnavailable, ChainReorganised or ChainInconsistent for the call."""
        wanted = self._wanted(batch)
        reasons = []
        for source in self._sources:
            try:
                data = source.find(wanted)
            except ChainUnavailable as error:
                reasons.append(f"{source.name}: {error}")
                continue
            if data is None:
                reasons.append(f"{source.name}: not there")
            elif keccak256(data) != wanted.content_hash:
                reasons.append(f"{source.name}: it is not what was settled")
            else:
                if self._archive is not None:
                    self._archive.put(data)
                return data
        raise DataMissing(batch.number, reasons)

    def _wanted(self, batch: SettledBatch) -> Wanted:
        """The call that settled. The contract takes it only from a transaction that calls it directly."""
        transaction = self._chain.transaction(batch.tx_hash)
        shown = f"transaction 0x{batch.tx_hash.hex()}, which settled batch {batch.number},"
        if transaction.block_hash != batch.l1_block_hash:
            raise ChainReorganised(f"{shown} is in another block now")
        if transaction.to != self._chain.contract:
            raise ChainInconsistent(f"{shown} does not call the contract")
        try:
            call = decode_settle(transaction.input)
        except ValueError as error:
            raise ChainInconsistent(f"{shown} calls something else: {error}") from error
        return Wanted(batch, call.content_hash or batch.data_hash, transaction, call)
