"""Batches whose data was in blobs: found at Anvil, at a beacon node or in an archive, and nowhere else once pruned."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from scripts.devnet import Devnet
from sequencer.rebuild.chain import Chain
from sequencer.rebuild.errors import DataMissing
from sequencer.rebuild.rpc import Rpc
from sequencer.rebuild.sources import SECONDS_PER_SLOT, AnvilBlobs, Archive, BeaconBlobs, Calldata, DataSource
from tests.rebuild.conftest import Operator
from tests.rebuild.test_follower import AlteredRpc, require_same

pytestmark = pytest.mark.e2e

GENESIS = 1_600_000_000


@pytest.fixture(scope="module")
def settled(chain: Devnet) -> Operator:
    """An operator that settled one batch by calldata and two in blobs."""
    operator = Operator(chain)
    operator.fund()
    operator.settle(20)
    operator.settle_in_blobs(40)
    operator.settle_in_blobs(5)
    return operator


def chain_of(operator: Operator, rpc: Rpc | None = None) -> Chain:
    return Chain(rpc or Rpc(operator.rpc_url), bytes.fromhex(operator.exchange[2:]))


def pruned(method: str, params: list[Any], answer: Any) -> Any:
    return None if method == "anvil_getBlobByHash" else answer


def by_another_contract(method: str, params: list[Any], answer: Any) -> Any:
    return answer | {"to": "0x" + "11" * 20} if method == "eth_getTransactionByHash" else answer


def test_blobs_of_anvil_are_read(settled: Operator) -> None:
    follower = settled.follower(sources=[AnvilBlobs(chain_of(settled)), Calldata()])
    follower.step()
    require_same(settled, follower)


def test_pruned_blobs_are_taken_from_an_archive(settled: Operator, tmp_path: Path) -> None:
    rpc = AlteredRpc(settled.rpc_url, pruned)
    gone: list[DataSource] = [AnvilBlobs(chain_of(settled, rpc)), Calldata()]
    with pytest.raises(DataMissing, match="batch 2") as missing:
        settled.follower(sources=gone).step()
    assert missing.value.batch == 2
    archive = Archive(tmp_path)
    settled.follower(archive=archive, sources=[AnvilBlobs(chain_of(settled)), Calldata()]).step()
    follower = settled.follower(archive=archive, sources=gone)
    follower.step()
    require_same(settled, follower)


def test_blobs_settled_through_another_contract_are_known_by_their_commitments(settled: Operator) -> None:
    rpc = AlteredRpc(settled.rpc_url, by_another_contract)
    follower = settled.follower(rpc=rpc, sources=[AnvilBlobs(chain_of(settled)), Calldata()])
    with pytest.raises(DataMissing, match="batch 1:"):
        follower.step()  # data of a call is that of a plain account's transaction: the contract takes no other
    finder = settled.follower(rpc=rpc, sources=[AnvilBlobs(chain_of(settled))])._data
    second = follower.records.batch(2)
    assert second is not None
    honest = settled.follower(sources=[AnvilBlobs(chain_of(settled)), Calldata()])
    honest.step()
    assert finder.find(second) == honest.records.data(2)


def test_other_blobs_are_refused(settled: Operator) -> None:
    first = chain_of(settled).transaction(settled_hash(settled, 3)).blob_hashes[0]

    def swapped(method: str, params: list[Any], answer: Any) -> Any:
        if method == "anvil_getBlobByHash":
            return f"0x{(chain_of(settled).blob(first) or b'').hex()}"
        return answer

    rpc = AlteredRpc(settled.rpc_url, swapped)
    with pytest.raises(DataMissing, match="not what was settled"):
        settled.follower(sources=[AnvilBlobs(chain_of(settled, rpc)), Calldata()]).step()


def settled_hash(operator: Operator, batch: int) -> bytes:
    logs = operator.contract.events.Settled.get_logs(from_block=0)
    return bytes(logs[batch - 1]["transactionHash"])


class Beacon:
    """A beacon node for the blobs of Anvil: a slot for each 12 s of its time."""

    def __init__(self, operator: Operator) -> None:
        self.spoiled = False
        node, chain = self, chain_of(operator)

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path, _, query = self.path.partition("?versioned_hashes=")
                data: Any = {"genesis_time": str(GENESIS)}
                if "/blobs/" in path:
                    slots = {
                        (block(n) - GENESIS) // SECONDS_PER_SLOT for n in range(chain.block(None).number + 1)
                    }
                    assert int(path.rsplit("/", 1)[1]) in slots
                    blobs = [chain.blob(bytes.fromhex(text[2:])) or b"" for text in query.split(",")]
                    data = [f"0x{blob.hex()}" for blob in blobs]
                body = b"[" * 9_999 if node.spoiled else json.dumps({"data": data}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Nobody reads it."""

        def block(number: int) -> int:
            return chain.block(number).timestamp

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def beacon(settled: Operator) -> Iterator[Beacon]:
    found = Beacon(settled)
    thread = threading.Thread(target=found.server.serve_forever)
    thread.start()
    yield found
    found.server.shutdown()
    found.server.server_close()
    thread.join()


def test_blobs_of_a_beacon_node_are_read(settled: Operator, beacon: Beacon) -> None:
    follower = settled.follower(sources=[BeaconBlobs(chain_of(settled), beacon.url), Calldata()])
    follower.step()
    require_same(settled, follower)


def test_a_beacon_node_that_talks_nonsense_is_passed_over(settled: Operator, beacon: Beacon) -> None:
    beacon.spoiled = True
    chain = chain_of(settled)
    follower = settled.follower(sources=[BeaconBlobs(chain, beacon.url), AnvilBlobs(chain), Calldata()])
    follower.step()
    require_same(settled, follower)
    with pytest.raises(DataMissing, match="does not answer"):
        settled.follower(sources=[BeaconBlobs(chain, beacon.url), Calldata()]).step()
