"""A contract on a real chain, and a stand-in for its operator: batches of random transactions, settled on L1."""

from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hexbytes import HexBytes
from web3 import HTTPProvider, Web3
from web3.types import RPCEndpoint
from zkclob_native import keccak256

from scripts.devnet import POSTER, Devnet, trader_wallet
from sequencer.abi import EXCHANGE
from sequencer.adapters.l1 import BatchClaim, ExchangeContract
from sequencer.adapters.l1 import Signer as EthSigner
from sequencer.client.l1 import L1Account
from sequencer.core.carriers import BLOBS
from sequencer.core.public_values import PublicValues
from sequencer.core.signing import domain_separator
from sequencer.core.types import InboxEntry
from sequencer.kzg import carried, sidecar
from sequencer.rebuild.chain import Chain
from sequencer.rebuild.follower import Follower
from sequencer.rebuild.records import Records
from sequencer.rebuild.rpc import Rpc
from sequencer.rebuild.sources import Archive, Calldata, DataFinder, DataSource
from tests.command import Zkclob, zkclob_command
from tests.properties.flow import Flow
from tests.properties.replica import CHAIN_ID, Replica, Signer


class Operator:
    """Sequences what the inbox holds and what a flow draws, and settles it with mock proofs."""

    def __init__(self, devnet: Devnet) -> None:
        self.rpc_url = devnet.rpc_url
        self.exchange = devnet.deployment["exchange"]
        self.vkey = bytes.fromhex(devnet.deployment["vkey"][2:])
        self.web3 = Web3(HTTPProvider(devnet.rpc_url))
        self.contract = self.web3.eth.contract(address=self.exchange, abi=EXCHANGE)
        self.poster = Web3.to_checksum_address(trader_wallet(POSTER).l1.address)
        self.traders = devnet.traders()
        self.signers = [Signer(int.from_bytes(trader.l1.key, "big")) for trader in self.traders]
        separator = domain_separator(CHAIN_ID, bytes.fromhex(self.exchange[2:]))
        self.replica = Replica(self.signers, separator)
        self.flow = Flow(5, [signer.address for signer in self.signers], (1, 1, 2), with_entries=False)
        self._random = Random(6)

    def l1(self, trader: int) -> L1Account:
        """A trader's access to L1."""
        return L1Account(self.rpc_url, self.exchange, self.traders[trader])

    def fund(self) -> None:
        """Deposits of every token for every trader."""
        for trader in range(len(self.traders)):
            for token, amount in ((1, 10**20), (2, 10**10), (3, 10**9)):
                self.l1(trader).deposit(token, amount)

    def settle(self, transactions: int, *, entries: int = 1_000) -> bytes:
        """Sequences up to `entries` of the inbox and some transactions, and settles them; gives the transaction."""
        return self.send(*self.next_batch(transactions, entries=entries))

    def next_batch(self, transactions: int, *, entries: int = 1_000) -> tuple[PublicValues, bytes]:
        """Sequences what `settle` then sends."""
        replica, meta = self.replica, self.replica.state.meta
        replica.open_block(self.web3.eth.get_block("latest")["timestamp"])
        logs = self.contract.events.InboxAppended.get_logs(from_block=0)
        for log in logs[meta.inbox_cursor : meta.inbox_cursor + entries]:
            replica.sequence(InboxEntry(log["args"]["entry"]))
        for _ in range(transactions):
            if self._random.random() < 0.05:
                replica.open_block(meta.timestamp)
            replica.sequence(self.flow.next(replica.state))
        sealed = replica.seal_batch()
        return PublicValues.decode(sealed.prepared.public_values), sealed.data

    def send(self, values: PublicValues, data: bytes) -> bytes:
        """Settles with the proof that the mock verifier takes."""
        proof = b"MOCK" + sha256(values.encode()).digest() + self.vkey
        batch = self._claim(values)
        tx_hash = self.contract.functions.settle(batch, data, proof).transact({"from": self.poster})
        assert self.web3.eth.wait_for_transaction_receipt(tx_hash)["status"] == 1
        return bytes(tx_hash)

    def _claim(self, values: PublicValues) -> tuple[Any, ...]:
        return (
            values.new_state_root,
            values.inbox_cursor,
            values.outbox_root,
            values.outbox_count,
            values.block_number,
            values.timestamp,
            values.end_seq,
            values.digests_hash,
        )

    def settle_in_blobs(self, transactions: int) -> bytes:
        """As `settle`, with the data in blobs."""
        values, data = self.next_batch(transactions)
        made, chain = sidecar(data), ExchangeContract(self.rpc_url, self.exchange)
        values = replace(values, data_carrier=BLOBS, data_hash=carried(data).data_hash)
        proof = b"MOCK" + sha256(values.encode()).digest() + self.vkey
        call = chain.settle_blobs_call(BatchClaim(*self._claim(values)), made, proof)
        fees = chain.fees(blobs=True)
        nonce = chain.next_nonce(self.poster)
        poster = EthSigner(trader_wallet(POSTER).l1.key, CHAIN_ID, self.exchange)
        tx_hash, raw = poster.sign(nonce, call, 2_000_000, fees, made)
        chain.send(raw)
        assert self.web3.eth.wait_for_transaction_receipt(HexBytes(tx_hash), 30)["status"] == 1
        return tx_hash

    def send_as(self, values: PublicValues, data: bytes) -> bytes:
        """Settles other data under these values."""
        return self.send(replace(values, data_hash=keccak256(data)), data)

    def batches(self) -> int:
        """Batches that the contract settled."""
        return int(self.contract.functions.head().call()[1])

    def ask(self, method: str, *params: Any) -> Any:
        """A call of Anvil's own."""
        return self.web3.provider.make_request(RPCEndpoint(method), list(params))["result"]

    def follower(
        self,
        records: Records | None = None,
        rpc: Rpc | None = None,
        archive: Archive | None = None,
        sources: list[DataSource] | None = None,
        **settings: Any,
    ) -> Follower:
        """A rebuild of this exchange."""
        contract = bytes.fromhex(self.exchange[2:])
        chain = Chain(rpc or Rpc(self.rpc_url, pause=lambda _: None), contract)
        records = records or Records(None, {"contract": contract})
        return Follower(
            chain,
            records,
            DataFinder(chain, [Calldata()] if sources is None else sources, archive),
            first_block=chain.creation_block(),
            **settings,
        )


@pytest.fixture
def zkclob(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Zkclob:
    """Runs the command `zkclob`, away from any keystore of this machine."""
    monkeypatch.setenv("ZKCLOB_KEYSTORE", str(tmp_path / "keys"))
    for name in ("ZKCLOB_KEY", "ZKCLOB_DATA", "ZKCLOB_ARCHIVE", "ZKCLOB_CONTRACT"):
        monkeypatch.delenv(name, raising=False)

    return zkclob_command(monkeypatch, capsys)


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Devnet]:
    """Anvil with the contracts; no sequencer."""
    devnet = Devnet(tmp_path_factory.mktemp("chain"))
    devnet.start_chain()
    try:
        devnet.deploy()
        devnet.mint_test_tokens()
        yield devnet
    finally:
        devnet.stop()


@pytest.fixture(scope="module")
def settled(chain: Devnet) -> Operator:
    """An operator that settled a few batches."""
    operator = Operator(chain)
    operator.fund()
    for transactions in (40, 1, 120, 60):
        operator.settle(transactions)
    return operator
