"""The exchange with its data in blobs: from a deposit to a settled withdrawal, and the data read back."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import requests
from web3 import HTTPProvider, Web3
from zkclob_native import keccak256

from scripts.devnet import Devnet
from sequencer.client.answers import Batch
from sequencer.core.codec.blobs import unpack_blobs
from sequencer.core.public_values import PublicValues
from sequencer.kzg import carried
from sequencer.rebuild.events import decode_settle
from tests.e2e.conftest import PACE, Party, require_conserved, wait_until

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def devnet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Devnet]:
    with Devnet(tmp_path_factory.mktemp("devnet"), pace=PACE, data_carrier="blobs") as running:
        yield running


def test_what_is_settled_is_in_the_blobs(devnet: Devnet) -> None:
    trader = Party(devnet, 0)
    assert trader.client.info().data_carrier == "blobs"
    trader.deposit("ETH", Decimal(10))
    trader.client.place_order("ETH/USDC", "sell", Decimal(2500), Decimal(2))
    trader.client.withdraw("ETH", Decimal(1))
    wait_until(lambda: trader.client.withdrawals().withdrawals[0].status == "settled")
    require_conserved(devnet)
    batches = trader.client.batches().batches
    assert batches
    for batch in batches:
        require_in_blobs(devnet, batch)


def require_in_blobs(devnet: Devnet, batch: Batch) -> None:
    """The blobs of the transaction hold the data whose hash the proof is about."""
    web3 = Web3(HTTPProvider(devnet.rpc_url))
    transaction: Any = web3.eth.get_transaction(batch.l1_transaction)  # type: ignore[arg-type]
    assert transaction["type"] == 3
    hashes = [item.to_0x_hex() for item in transaction["blobVersionedHashes"]]
    blobs = [blob_of(web3, versioned_hash) for versioned_hash in hashes]
    data = unpack_blobs(blobs)
    assert decode_settle(bytes(transaction["input"])).content_hash == keccak256(data)
    shown = requests.get(f"{devnet.url}/v1/batches/{batch.number}", timeout=10).json()["publicValues"]
    found, expected = PublicValues.decode(bytes.fromhex(shown[2:])), carried(data)
    assert (found.data_carrier, found.data_hash) == (expected.carrier, expected.data_hash)


def blob_of(web3: Web3, versioned_hash: str) -> bytes:
    """As Anvil keeps it; on other chains consensus clients have it."""
    answer = web3.provider.make_request("anvil_getBlobByHash", [versioned_hash])  # type: ignore[arg-type]
    return bytes.fromhex(answer["result"].removeprefix("0x"))
