"""Data as an argument of the call that settles."""

from sequencer.core.carriers import Carried, in_calldata
from sequencer.node import MAX_BATCH_DATA


class Calldata:
    """The port Carrier for calldata; for blobs it is `blob_prover.BlobProver`."""

    max_data = MAX_BATCH_DATA
    prover_gas_per_byte = 0

    async def carry(self, data: bytes) -> Carried:
        """See Carrier."""
        return in_calldata(data)
