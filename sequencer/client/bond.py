"""The operator's bond for its receipts on L1: what it is worth, and how it is taken (docs/receipts.md)."""

import secrets
from typing import Any, Final

from web3 import Web3

from sequencer.abi import RECEIPT_BOND
from sequencer.client.answers import Uint, _Answer
from sequencer.client.l1 import L1Account, L1ActionError
from sequencer.client.receipt_check import Evidence
from sequencer.client.wallet import Wallet

CHALLENGE_GAS: Final = 500_000
"""Of a challenge, and `CHUNK_GAS` for each chunk of the batch: more than it takes. It cannot be estimated: to an
estimate the commitment's block is the current one.
"""
CHUNK_GAS: Final = 2_000


class BondTerms(_Answer, frozen=True):
    """What the contract says. `bond` and `reward` in wei; `withdrawable_from`: 0 where no notice was given."""

    exchange: str
    signer: str
    operator: str
    delay: int
    bond: Uint
    withdrawable_from: int
    is_slashed: bool
    finder: str
    reward: Uint
    payable_from: int


class BondAccount(L1Account):
    """A wallet's access to a bond. Every method raises L1ActionError."""

    def __init__(self, rpc_url: str, exchange: str, bond: str, wallet: Wallet | None) -> None:
        super().__init__(rpc_url, exchange, wallet)
        self._bond = self._web3.eth.contract(address=Web3.to_checksum_address(bond), abi=RECEIPT_BOND)

    def terms(self) -> BondTerms:
        """As they are now. Raises L1ActionError also for the bond of another exchange."""
        functions = self._bond.functions
        with self._translated():
            found = BondTerms(
                exchange=functions.exchange().call(),
                signer=functions.signer().call().lower(),
                operator=functions.operator().call(),
                delay=functions.delay().call(),
                bond=functions.bond().call(),
                withdrawable_from=functions.withdrawableFrom().call(),
                is_slashed=functions.isSlashed().call(),
                finder=functions.finder().call(),
                reward=functions.reward().call(),
                payable_from=functions.payableFrom().call(),
            )
        if found.exchange != self.exchange:
            raise L1ActionError(f"the bond {self._bond.address} is of the exchange {found.exchange}")
        return found

    def challenge(self, evidence: Evidence) -> bytes:
        """Commits to the evidence, then shows it; gives the transaction's hash. The reward is due after the delay."""
        terms = self.terms()
        if terms.is_slashed or not terms.bond:
            raise L1ActionError(
                f"the bond {self._bond.address} is {'lost already' if terms.is_slashed else 'empty'}"
            )
        shown, salt = evidence.arguments(), secrets.token_bytes(32)
        functions: Any = self._bond.functions
        with self._translated():
            commitment = functions.commitmentOf(shown, self._wallet.l1.address, salt).call()
        self._transact(functions.commit(commitment))
        gas = CHALLENGE_GAS + CHUNK_GAS * len(evidence.chunk_hashes)
        return self._transact(functions.challenge(shown, salt), gas=gas)

    def pay_reward(self) -> bytes:
        """Has the finder paid, once the delay is over; gives the transaction's hash."""
        return self._transact(self._bond.functions.payReward())
