"""What a trader uses: clients of the API that sign, the actions on L1, and the `zkclob` command."""

from sequencer.client.async_client import AsyncClient
from sequencer.client.client import Client
from sequencer.client.errors import ApiError, ClientError, OutcomeUnknown, ReceiptError, Unreachable
from sequencer.client.wallet import Wallet

__all__ = [
    "ApiError",
    "AsyncClient",
    "Client",
    "ClientError",
    "OutcomeUnknown",
    "ReceiptError",
    "Unreachable",
    "Wallet",
]
