"""What a trader uses: a client of the REST API that signs, the actions on L1, and the `zkclob` command."""

from sequencer.client.client import ApiError, Client, Unreachable
from sequencer.client.wallet import Wallet

__all__ = ["ApiError", "Client", "Unreachable", "Wallet"]
