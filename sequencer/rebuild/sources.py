"""Where the data of a batch is found. Whoever gives it is not trusted: it is checked against what was settled.

The contract takes data in a call from a plain account only, so it is an argument of the transaction. Blobs are the
transaction's own, whoever called the contract; then the data alone gives the hash, by KZG commitments.
"""

import contextlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import requests
from zkclob_native import keccak256

from sequencer.core.carriers import BlobPoint, in_blobs
from sequencer.core.codec.blobs import unpack_blobs
from sequencer.kzg import carried
from sequencer.rebuild.chain import Chain, L1Transaction
from sequencer.rebuild.errors import ChainReorganised, ChainUnavailable, DataMissing
from sequencer.rebuild.events import SettleCall, SettledBatch, decode_settle
from sequencer.rebuild.rpc import TIMEOUT_S, bounded

SECONDS_PER_SLOT: Final = 12


@dataclass(frozen=True, slots=True)
class Wanted:
    """A batch whose data is looked for. `call`: what the transaction called; None if it is not the contract."""

    batch: SettledBatch
    transaction: L1Transaction
    call: SettleCall | None


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
        return wanted.call.data if wanted.call else None


class AnvilBlobs:
    """The blobs of a development chain, as Anvil's own call gives them."""

    name = "blobs of Anvil"

    def __init__(self, chain: Chain) -> None:
        self._chain = chain

    def find(self, wanted: Wanted) -> bytes | None:
        """See DataSource."""
        return _unpacked([self._chain.blob(digest) for digest in wanted.transaction.blob_hashes])


class BeaconBlobs:
    """The blobs of a beacon node, which keeps them for some weeks."""

    name = "beacon node"

    def __init__(self, chain: Chain, url: str) -> None:
        self._chain = chain
        self._url = url.rstrip("/")

    def find(self, wanted: Wanted) -> bytes | None:
        """See DataSource."""
        if not wanted.transaction.blob_hashes:
            return None
        slot = self._slot(self._chain.block(wanted.batch.l1_block).timestamp)
        hashes = ",".join(f"0x{digest.hex()}" for digest in wanted.transaction.blob_hashes)
        found = self._get(f"blobs/{slot}?versioned_hashes={hashes}")
        try:
            return _unpacked([bytes.fromhex(blob.removeprefix("0x")) for blob in found])
        except (ValueError, AttributeError, TypeError) as error:
            raise ChainUnavailable(f"{self._url} answers what are no blobs") from error

    def _slot(self, time: int) -> int:
        try:
            return (time - int(self._get("genesis")["genesis_time"])) // SECONDS_PER_SLOT
        except (ValueError, KeyError, TypeError) as error:
            raise ChainUnavailable(f"{self._url} does not say when its chain began") from error

    def _get(self, path: str) -> Any:
        url = f"{self._url}/eth/v1/beacon/{path}"
        try:
            with requests.get(url, timeout=TIMEOUT_S, stream=True) as answer:
                return json.loads(bounded(answer))["data"]
        except (requests.RequestException, ValueError, KeyError, TypeError, RecursionError) as error:
            raise ChainUnavailable(f"{self._url} does not answer: {type(error).__name__}") from error


def _unpacked(blobs: list[bytes | None]) -> bytes | None:
    """What is in blobs; None if one is missing or they are none."""
    try:
        return unpack_blobs([blob for blob in blobs if blob is not None])
    except ValueError:
        return None


class Archive:
    """A folder of batches' data, which can be copied from anybody: beacon nodes drop blobs after weeks."""

    name = "archive"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, wanted: Wanted) -> bytes | None:
        """See DataSource."""
        try:
            return self._path(wanted.batch).read_bytes()
        except FileNotFoundError:
            return None

    def put(self, batch: SettledBatch, data: bytes) -> None:
        """Keeps data, whole or not at all, in the place of any other."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._path(batch)
        partial = path.with_suffix(f".{os.getpid()}.partial")
        partial.write_bytes(data)
        partial.replace(path)

    def _path(self, batch: SettledBatch) -> Path:
        return self._folder / f"0x{batch.data_hash.hex()}.data"


class DataFinder:
    """Asks one source after the other and checks what they give."""

    def __init__(self, chain: Chain, sources: list[DataSource], archive: Archive | None) -> None:
        """`archive`: is asked first, and keeps whatever was found."""
        self._chain = chain
        self._sources = [*([archive] if archive else []), *sources]
        self._archive = archive

    def find(self, batch: SettledBatch) -> bytes:
        """A batch's data. Raises DataMissing; ChainUnavailable or ChainReorganised for the transaction."""
        wanted = self._wanted(batch)
        reasons = []
        for source in self._sources:
            try:
                data = source.find(wanted)
            except (ChainUnavailable, OSError) as error:
                reasons.append(f"{source.name}: {error}")
                continue
            if data is None:
                reasons.append(f"{source.name}: not there")
            elif not _is_settled(data, wanted):
                reasons.append(f"{source.name}: it is not what was settled")
            else:
                if self._archive is not None and source is not self._archive:
                    self._archive.put(batch, data)
                return data
        raise DataMissing(batch.number, reasons)

    def _wanted(self, batch: SettledBatch) -> Wanted:
        transaction = self._chain.transaction(batch.tx_hash)
        if transaction.block_hash != batch.l1_block_hash:
            raise ChainReorganised(
                f"the transaction that settled batch {batch.number} is in another block now"
            )
        call = None
        if transaction.to == self._chain.contract:
            with contextlib.suppress(ValueError):
                call = decode_settle(transaction.input)
        return Wanted(batch, transaction, call)


def _is_settled(data: bytes, wanted: Wanted) -> bool:
    """Whether this is the data whose hash the proof was made for."""
    settled = wanted.batch.data_hash
    if keccak256(data) == settled:
        return True
    call, hashes = wanted.call, wanted.transaction.blob_hashes
    if not hashes:
        return False
    if call is not None and len(call.openings) == len(hashes):
        points = [BlobPoint(digest, y) for digest, y in zip(hashes, call.openings, strict=True)]
        return in_blobs(data, points).data_hash == settled
    try:
        return carried(data).data_hash == settled
    except ValueError:
        return False
