"""Puts the parts of a rebuild together."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sequencer.rebuild.chain import Chain
from sequencer.rebuild.events import Event
from sequencer.rebuild.follower import Follower, Progress
from sequencer.rebuild.records import Records
from sequencer.rebuild.rpc import Rpc
from sequencer.rebuild.sources import AnvilBlobs, Archive, BeaconBlobs, Calldata, DataFinder, DataSource


@dataclass(frozen=True, slots=True)
class Place:
    """Where an exchange is, and where what is read of it is kept."""

    rpc_url: str
    contract: bytes
    folder: Path | None = None
    """None: in memory."""
    archive: Path | None = None
    beacon_url: str | None = None
    first_block: int | None = None
    """Not after the contract's creation; None: it is searched."""


def open_follower(
    place: Place,
    *,
    on_progress: Callable[[Progress], None] = lambda _: None,
    on_event: Callable[[Event], None] = lambda _: None,
) -> Follower:
    """A rebuild that goes on where the records end. Raises RebuildError."""
    chain = Chain(Rpc(place.rpc_url), place.contract)
    identity = {"chain_id": str(chain.chain_id()).encode(), "contract": place.contract}
    records = Records(place.folder, identity)
    first_block = place.first_block
    if first_block is None:
        first_block = 0 if any(records.blocks()) else chain.creation_block()
    blobs = BeaconBlobs(chain, place.beacon_url) if place.beacon_url else AnvilBlobs(chain)
    sources: list[DataSource] = [blobs, Calldata()]
    archive = Archive(place.archive) if place.archive else None
    return Follower(
        chain,
        records,
        DataFinder(chain, sources, archive),
        first_block=first_block,
        on_progress=on_progress,
        on_event=on_event,
    )
