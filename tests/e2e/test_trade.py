"""From a deposit to a claimed withdrawal, and what the API says on the way."""

from decimal import Decimal
from hashlib import sha256

import pytest
from web3 import HTTPProvider, Web3
from web3.types import RPCEndpoint

from scripts.devnet import Devnet
from sequencer.adapters.l1 import ExchangeContract, L1Unavailable, Reverted
from sequencer.client import ApiError
from sequencer.client.l1 import L1ActionError
from tests.e2e.conftest import Party, require_conserved, wait_until

pytestmark = pytest.mark.e2e


def test_deposit_trade_settle_claim(devnet: Devnet) -> None:
    seller, buyer = Party(devnet, 0), Party(devnet, 1)
    seller.deposit("ETH", Decimal(10))
    buyer.deposit("USDC", Decimal(50_000))

    resting = seller.client.place_order("ETH/USDC", "sell", Decimal(2500), Decimal(2))
    assert (resting.status, resting.remaining) == ("resting", Decimal(2))
    taken = buyer.client.place_order("ETH/USDC", "buy", Decimal(2600), Decimal("0.5"), time_in_force="IOC")
    assert (taken.status, taken.filled) == ("filled", Decimal("0.5"))
    assert [fill.price for fill in taken.fills] == [Decimal(2500)]
    # 5 basis points of what the taker received, 2 of what the maker did.
    assert buyer.total("ETH") == Decimal("0.5") - Decimal("0.00025")
    assert seller.total("USDC") == Decimal(1250) - Decimal("0.25")

    buyer.client.withdraw("ETH", Decimal("0.4"))
    with pytest.raises(ApiError, match="INSUFFICIENT_BALANCE"):
        buyer.client.withdraw("ETH", Decimal("0.4"))
    wait_until(lambda: buyer.client.withdrawals().withdrawals[0].status == "settled")
    (withdrawal,) = buyer.client.withdrawals().withdrawals
    require_conserved(devnet)

    # Another account pays for the claim, so that the whole amount shows.
    before = buyer.l1.balance(1)
    seller.l1.claim(withdrawal, 18)
    assert buyer.l1.balance(1) - before == 4 * 10**17
    with pytest.raises(L1ActionError, match="AlreadyClaimed"):
        seller.l1.claim(withdrawal, 18)
    wait_until(lambda: buyer.client.withdrawals().withdrawals[0].status == "claimed")
    require_conserved(devnet)


def test_every_batch_was_executed_by_the_guest(devnet: Devnet) -> None:
    Party(devnet, 2).deposit("ETH", Decimal(1))
    require_conserved(devnet)
    client = Party(devnet, 2).client
    wait_until(lambda: all(batch.status == "settled" for batch in client.batches().batches))
    for batch in client.batches().batches:
        assert batch.proof_mode == "executed"
        assert (batch.cycles or 0) > 10_000
        assert (batch.prover_gas or 0) > 10_000
        assert (batch.l1_gas or 0) > 50_000


def test_the_verifier_is_asked_as_settle_asks_it(devnet: Devnet) -> None:
    contract = ExchangeContract(devnet.rpc_url, devnet.deployment["exchange"])
    vkey, values = bytes.fromhex(devnet.deployment["vkey"][2:]), bytes(448)
    proof = b"MOCK" + sha256(values).digest() + vkey
    contract.verify_proof(vkey, values, proof)
    for refused in (b"", proof[:-1], b"MOCX" + proof[4:]):
        with pytest.raises(Reverted, match="InvalidMockProof"):
            contract.verify_proof(vkey, values, refused)
    with pytest.raises(Reverted, match="InvalidMockProof"):
        contract.verify_proof(vkey, values[:-1] + b"\x01", proof)


def test_a_verifier_without_code_accepts_nothing(devnet: Devnet) -> None:
    contract = ExchangeContract(devnet.rpc_url, devnet.deployment["exchange"])
    web3 = Web3(HTTPProvider(devnet.rpc_url))
    code = web3.eth.get_code(Web3.to_checksum_address(contract.verifier()))
    set_code = RPCEndpoint("anvil_setCode")
    web3.provider.make_request(set_code, [contract.verifier(), "0x"])
    try:
        with pytest.raises(L1Unavailable, match="no code of the verifier"):
            contract.verify_proof(bytes(32), bytes(448), b"anything")
    finally:
        web3.provider.make_request(set_code, [contract.verifier(), code.to_0x_hex()])


def test_deposit_below_the_minimum_is_refused_by_the_contract(devnet: Devnet) -> None:
    with pytest.raises(L1ActionError, match=r"DepositTooSmall\(amount=1"):
        Party(devnet, 0).l1.deposit(1, 1)
