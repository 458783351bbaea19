"""What the exchange costs on L1: gas of each kind of transaction, on a chain with mainnet's rules.

    python -m scripts.bench_l1        writes build/bench/l1.json

The data is that of real orders: the flow of scripts/bench_block.py, encoded by the sequencer's core. A proof for each
batch would take hours, so the verifier's code is replaced by one that uses as much gas as the real verifier is measured
to use for a real proof (tests/vectors/groth16_guest), and the batches carry the bytes of that proof. Everything else is
what runs in production; so the gas is that of production, the floor price of calldata (EIP-7623) included.
"""

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import astuple
from functools import partial
from pathlib import Path
from typing import Any, Final

from web3 import HTTPProvider, Web3
from web3.types import RPCEndpoint
from zkclob_native import ACCOUNTS, StateTree, keccak256

from scripts.bench_block import CANCELS, CROSSING, ORDERS, SEED, BenchError, Scenario, Setup
from scripts.devnet import POSTER, ROOT, Devnet, Prover, trader_wallet
from sequencer.abi import ERC20, EXCHANGE, VERIFIER
from sequencer.adapters.l1 import BatchClaim, ExchangeContract, Fees, LeafClaim, Signer
from sequencer.config import DEVELOPMENT_CHAIN_ID
from sequencer.core.account_proof import AccountTrie, hash_meta
from sequencer.core.codec import encode_data
from sequencer.core.outbox import OutboxTree, outbox_leaf, outbox_root
from sequencer.core.state import State
from sequencer.core.transition import open_block
from sequencer.core.types import Block, Token, Withdrawal
from sequencer.kzg import sidecar

OUTPUT: Final = ROOT / "build" / "bench"
PROOF: Final = ROOT / "tests" / "vectors" / "groth16_guest"
ETH, USDC = 1, 2
ETHER: Final = 10**18
ACCOUNTS_IN_STATE: Final = 100_000
WITHDRAWALS: Final = 100
CLAIMS: Final = 20
TRANSACTION_GAS: Final = 21_000
GAS_LIMIT: Final = 16_000_000

Figures = dict[str, Any]


class Chain:
    """The contract on a chain of its own, and everybody who calls it."""

    def __init__(self, devnet: Devnet) -> None:
        self.web3 = Web3(HTTPProvider(devnet.rpc_url))
        self.deployment = devnet.deployment
        address = Web3.to_checksum_address(devnet.deployment["exchange"])
        self.exchange: Any = self.web3.eth.contract(address=address, abi=EXCHANGE)
        self.contract = ExchangeContract(devnet.rpc_url, address)
        self.poster = Web3.to_checksum_address(trader_wallet(POSTER).l1.address)
        self.trader = devnet.traders()[0]
        self._proof = bytes.fromhex(fixture()["proof"][2:])

    # ------------------------------------------------------------ transactions

    def gas(self, call: Any, value: int = 0, sender: str | None = None) -> int:
        """What a call used. Raises BenchError if it is reverted."""
        fields = {"from": sender or self.trader.l1.address, "value": value, "gas": GAS_LIMIT}
        return self._used(call.transact(fields))

    def _used(self, tx_hash: Any) -> int:
        receipt = self.web3.eth.wait_for_transaction_receipt(tx_hash)
        if receipt["status"] != 1:
            raise BenchError(f"0x{tx_hash.hex()} was reverted")
        return int(receipt["gasUsed"])

    def request(self, method: str, *arguments: Any) -> None:
        self.web3.provider.make_request(RPCEndpoint(method), list(arguments))

    # ------------------------------------------------------------- the verifier

    def verifier_gas(self) -> int:
        """What the real verifier uses for a real proof, apart from what any transaction costs."""
        known = fixture()
        verifier = self.web3.eth.contract(address=self.deployment["verifier"], abi=VERIFIER)
        call = verifier.functions.verifyProof(known["vkey"], known["public_values"], known["proof"])
        return self.gas(call) - intrinsic_gas(bytes.fromhex(call._encode_transaction_data()[2:]))

    def replace_verifier(self, gas: int) -> None:
        """Puts code in its place that uses so much gas, to within one round of its loop, and accepts."""
        # GAS; JUMPDEST; GAS; DUP2; SUB; PUSH3 gas; GT; PUSH1 1; JUMPI; STOP: again while less was used
        code = bytes.fromhex("5a5b5a810362") + gas.to_bytes(3) + bytes.fromhex("116001575000")
        self.request("anvil_setCode", self.deployment["verifier"], f"0x{code.hex()}")

    # -------------------------------------------------------------- settlement

    def claim(self, orders: int, root: bytes, leaves: Sequence[bytes]) -> BatchClaim:
        """The next batch, of so many orders, that consumes the whole inbox."""
        head = self.contract.head()
        return BatchClaim(
            new_state_root=root,
            inbox_cursor=self.contract.inbox_length(),
            outbox_root=outbox_root([*leaves]),
            outbox_count=len(leaves),
            block_number=head.block_number + 1,
            timestamp=self.contract.latest_block().timestamp,
            end_seq=head.next_seq + orders,
            digests_hash=keccak256(b"digests"),
        )

    def settle(
        self, data: bytes, orders: int, root: bytes = b"\x11" * 32, leaves: Sequence[bytes] = ()
    ) -> int:
        """Gas of a batch with its data in calldata."""
        claim = self.claim(orders, root, leaves or [keccak256(data)])
        return self.gas(self.exchange.functions.settle(astuple(claim), data, self._proof), sender=self.poster)

    def settle_blobs(self, data: bytes, orders: int) -> tuple[int, int]:
        """Gas of a batch with its data in blobs, without that of the blobs, and their number."""
        made = sidecar(data)
        signer = Signer(
            bytes(trader_wallet(POSTER).l1.key), DEVELOPMENT_CHAIN_ID, self.deployment["exchange"]
        )
        call = self.contract.settle_blobs_call(
            self.claim(orders, b"\x12" * 32, [keccak256(data)]), made, self._proof
        )
        market = self.contract.fees(blobs=True)
        fees = Fees(market.max_fee, market.priority_fee, market.max_blob_fee)
        _, raw = signer.sign(self.contract.next_nonce(self.poster), call, GAS_LIMIT, fees, made)
        return self._used(self.web3.eth.send_raw_transaction(raw)), len(made.blobs)


def fixture() -> dict[str, str]:
    """A real proof of the guest, made under local keys."""
    known: dict[str, str] = json.loads((PROOF / "fixture.json").read_text())
    return known


def intrinsic_gas(call: bytes) -> int:
    """What a transaction costs before it is executed (EIP-2028)."""
    return TRANSACTION_GAS + sum(16 if byte else 4 for byte in call)


def floor_gas(data: bytes) -> int:
    """The least that these bytes of calldata cost, whatever is executed (EIP-7623)."""
    return sum(40 if byte else 10 for byte in data)


# --------------------------------------------------------------------------------------------- measurements


def orders_of(count: int) -> Scenario:
    """A flow of so many orders."""
    return Scenario(Setup(blocks=count // ORDERS))


def settlement(chain: Chain, verifier_gas: int) -> Figures:
    """Batches of several sizes."""
    chain.replace_verifier(verifier_gas)
    small, large, huge = (orders_of(count) for count in (1_000, 5_000, 10_000))
    first = small.blocks[0]
    one = encode_data(small.first_seq, [Block(first.number, first.timestamp, first.transactions[:1])])
    chain.settle(one, 1)  # the first one makes storage that later ones change
    fixed = chain.settle(one, 1)
    calldata = {count: chain.settle(x.data, count) for count, x in ((1_000, small), (5_000, large))}
    blob_gas, blobs = chain.settle_blobs(huge.data, 10_000)
    return {
        "data_bytes": {"1000": len(small.data), "5000": len(large.data), "10000": len(huge.data)},
        "data_bytes_per_order": rounded(len(small.data) / 1_000),
        "settle_gas_fixed": fixed,
        "settle_gas_calldata": {str(count): gas for count, gas in calldata.items()},
        "settle_gas_per_order_calldata": rounded((calldata[5_000] - calldata[1_000]) / 4_000),
        "settle_gas_per_order_floor": rounded((floor_gas(large.data) - floor_gas(small.data)) / 4_000),
        "settle_gas_per_order_calldata_all": rounded(calldata[5_000] / 5_000),
        "settle_gas_blob_10000": blob_gas,
        "settle_gas_per_order_blob": rounded(blob_gas / 10_000),
        "blobs_10000": blobs,
    }


def payments(chain: Chain) -> Figures:
    """Deposits, forced exits and claims, each not the first of its kind."""
    functions, trader = chain.exchange.functions, chain.trader.l1.address
    usdc = chain.web3.eth.contract(address=functions.tokenOf(USDC).call()[0], abi=ERC20)
    chain.gas(usdc.functions.approve(chain.exchange.address, 2**255))
    deposit = partial(chain.gas, functions.depositETH(trader), value=100 * ETHER)
    deposit_usdc = partial(chain.gas, functions.depositERC20(USDC, trader, 10**9))
    force = partial(chain.gas, functions.forceExit(), value=functions.forcedFee().call())
    for call in (deposit, deposit_usdc, force):
        call()
    return {
        "deposit_gas": deposit(),
        "deposit_erc20_gas": deposit_usdc(),
        "force_exit_gas": force(),
    } | claims(chain)


def claims(chain: Chain) -> Figures:
    """Withdrawals of ETH to accounts that exist."""
    recipients = [keccak256(b"recipient %d" % i)[:20] for i in range(WITHDRAWALS)]
    owed = [Withdrawal(recipient, ETH, ETHER // 100, 0) for recipient in recipients]
    leaves = [outbox_leaf(withdrawal, index) for index, withdrawal in enumerate(owed)]
    tree = OutboxTree(leaves)
    for recipient in recipients:
        chain.request("anvil_setBalance", f"0x{recipient.hex()}", "0x1")
    chain.settle(b"\x01", 1, leaves=leaves)
    batch = chain.contract.head().batch_number
    found = [
        LeafClaim(batch, i, x.recipient, x.token, x.amount, x.max_relay_fee, tuple(tree.proof(i)))
        for i, x in enumerate(owed)
    ]

    def claim(leaf: LeafClaim) -> int:
        recipient = Web3.to_checksum_address(leaf.recipient)
        values = (leaf.batch, leaf.index, recipient, leaf.token, leaf.amount, leaf.max_relay_fee, leaf.proof)
        return chain.gas(chain.exchange.functions.claim(*values))

    first, second = claim(found[0]), claim(found[1])
    many = chain.exchange.functions.claimMany(
        [leaf.values() for leaf in found[2 : 2 + CLAIMS]], "0x" + "00" * 20
    )
    return {
        "claim_gas": second,
        "claim_gas_first_of_256": first,
        "claim_many_gas_each": chain.gas(many) // CLAIMS,
    }


def escape(chain: Chain) -> Figures:
    """An account with two tokens leaves a frozen exchange of many accounts."""
    state, leaving = State(), chain.trader.address
    for number in (ETH, USDC):
        state.list_token(Token(number, bytes([number]) * 20, 18))
    others = (keccak256(b"account %d" % i)[:20] for i in range(ACCOUNTS_IN_STATE - 1))
    for address in (leaving, *others):
        state.credit(address, ETH, 10**6)
        state.credit(address, USDC, 10**6)
    open_block(state, 1)
    tree = StateTree()
    tree.apply(state.take_writes(), state.meta_bytes())
    chain.settle(b"\x01", 1, root=tree.root)
    chain.gas(chain.exchange.functions.forceExit(), value=chain.exchange.functions.forcedFee().call())
    chain.request("evm_increaseTime", chain.deployment["delays"]["deadline"])
    chain.request("evm_mine")
    chain.gas(chain.exchange.functions.freeze())
    siblings, bits = AccountTrie(tree.items(ACCOUNTS)).path(leaving)
    _, books, clients, registry = tree.roots
    proof = (tree.get(ACCOUNTS, leaving), siblings, bits, books, clients, registry, hash_meta(tree.meta))
    call = chain.exchange.functions.escape(chain.trader.l1.address, proof, [ETH, USDC])
    return {"escape_gas": chain.gas(call), "escape_levels": len(siblings)}


def rounded(value: float) -> float:
    return round(value, 1)


GOALS: Final = {
    "data_bytes_per_order": 16,
    "settle_gas_fixed": 400_000,
    "settle_gas_per_order_calldata": 640,
    "settle_gas_per_order_blob": 60,
    "claim_gas": 60_000,
    "escape_gas": 150_000,
}


def measure(folder: Path) -> Figures:
    """All figures, on a chain of their own."""
    prover = Prover("cpu", ROOT, PROOF)
    devnet = Devnet(folder, worker=False, prover=prover)
    try:
        devnet.start_chain()
        devnet.deploy()
        devnet.mint_test_tokens()
        chain = Chain(devnet)
        verifier_gas = chain.verifier_gas()
        figures = {"verifier_gas": verifier_gas} | settlement(chain, verifier_gas)
        figures |= payments(chain)
        return figures | escape(chain)
    finally:
        devnet.stop()


def main() -> int:
    OUTPUT.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()
    figures = measure(ROOT / "build" / "bench-l1")
    facts = {
        "mix_percent": {
            "new": 100 * (ORDERS - CANCELS - CROSSING) // ORDERS,
            "cancel": 100 * CANCELS // ORDERS,
            "crossing": 100 * CROSSING // ORDERS,
        },
        "seed": SEED,
        "verifier": "stand-in that uses the gas of the real one for the proof in tests/vectors/groth16_guest",
        "accounts": ACCOUNTS_IN_STATE,
        "seconds": round(time.perf_counter() - start),
    }
    goals = [
        {"name": name, "figure": figures[name], "at_most": goal, "met": figures[name] <= goal}
        for name, goal in GOALS.items()
    ]
    (OUTPUT / "l1.json").write_text(json.dumps({**facts, **figures, "goals": goals}, indent=2) + "\n")
    for name, figure in figures.items():
        print(f"{name:<36}{figure if isinstance(figure, dict) else format(figure, ',')!s:>12}")
    print()
    for row in goals:
        print(
            f"{row['name']:<36}{row['figure']:>12,}  <= {row['at_most']:,}  {'met' if row['met'] else 'not met'}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
