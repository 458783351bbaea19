"""What a trader does on L1: deposit, claim, look at balances.

L1ActionError   with what to do about it; the transaction either was not sent or was reverted
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, cast

import requests
from eth_typing import ChecksumAddress
from web3 import HTTPProvider, Web3
from web3.contract.contract import ContractFunction
from web3.exceptions import ContractLogicError, TimeExhausted, Web3Exception, Web3RPCError
from web3.types import TxParams

from sequencer.abi import ERC20, EXCHANGE, revert_reason
from sequencer.client.answers import Withdrawal
from sequencer.client.decimals import to_units
from sequencer.client.wallet import Wallet
from sequencer.core.constants import NATIVE_TOKEN

RECEIPT_TIMEOUT_S: Final = 120
GAS_MAX: Final = 3_000_000
"""For one step of an exit; a claim takes about a twentieth."""


class L1ActionError(Exception):
    """An action on L1 failed."""


@dataclass(frozen=True, slots=True)
class Quote:
    """What a call would cost at today's prices: `gas` as a limit, `cost` in wei. `data`: the call."""

    gas: int
    cost: int
    data: bytes


class L1Account:
    """A wallet's access to the exchange's contract. Every method raises L1ActionError."""

    def __init__(self, rpc_url: str, exchange: str, wallet: Wallet | None) -> None:
        """Without a wallet only what needs none can be asked."""
        self._url = rpc_url
        self._web3 = Web3(HTTPProvider(rpc_url, exception_retry_configuration=None))
        self._given_wallet = wallet
        self.exchange: ChecksumAddress = Web3.to_checksum_address(exchange)
        self._contract = self._web3.eth.contract(address=self.exchange, abi=EXCHANGE)

    @property
    def _wallet(self) -> Wallet:
        if self._given_wallet is None:
            raise L1ActionError("this needs a key")
        return self._given_wallet

    def require_chain(self, chain_id: int) -> None:
        """Raises unless the RPC node is on the exchange's chain."""
        with self._translated():
            found = self._web3.eth.chain_id
        if found != chain_id:
            raise L1ActionError(f"{self._url} is on chain {found}, the exchange is on {chain_id}: give --rpc")

    def balance(self, token: int) -> int:
        """Base units of a listed token that the wallet holds on L1."""
        with self._translated():
            if token == NATIVE_TOKEN:
                return self._web3.eth.get_balance(self._wallet.l1.address)
            return int(self._erc20(token).functions.balanceOf(self._wallet.l1.address).call())

    def deposit(self, token: int, amount: int, account: bytes | None = None) -> bytes:
        """Pays base units in, for the wallet's own account unless one is given; gives the transaction's hash."""
        credited = Web3.to_checksum_address(account or self._wallet.address)
        self._require_balance(token, amount)
        if token == NATIVE_TOKEN:
            return self._transact(self._contract.functions.depositETH(credited), value=amount)
        self._approve(token, amount)
        return self._transact(self._contract.functions.depositERC20(token, credited, amount))

    def claim(self, withdrawal: Withdrawal, decimals: int) -> bytes:
        """Has a settled withdrawal paid to its recipient; gives the transaction's hash.

        `decimals`: of the withdrawal's token.
        """
        if withdrawal.claim is None:
            raise L1ActionError(
                f"withdrawal {withdrawal.seq} is {withdrawal.status}: it can be claimed once settled"
            )
        call = self._contract.functions.claim(
            withdrawal.claim.batch,
            withdrawal.claim.index,
            Web3.to_checksum_address(withdrawal.recipient),
            withdrawal.token,
            to_units(withdrawal.amount, decimals),
            to_units(withdrawal.max_relay_fee, decimals),
            [bytes.fromhex(sibling[2:]) for sibling in withdrawal.claim.proof],
        )
        return self._transact(call)

    # ------------------------------------------------------- without the sequencer

    def forced_fee(self) -> int:
        """What the next forced operation costs, in wei; it rises while many inbox entries wait."""
        with self._translated():
            return int(self._contract.functions.forcedFee().call())

    def force_exit(self) -> bytes:
        """Has all orders of the wallet's account removed and all its balances withdrawn; pays the fee."""
        return self.act("forceExit", value=self.forced_fee())

    def cancel_all(self) -> bytes:
        """Has all orders of the wallet's account removed, and whatever it signed before made unusable; pays the fee."""
        return self.act("cancelAll", value=self.forced_fee())

    def approve_agent(self, agent: bytes, expiry: int, markets: int) -> bytes:
        """Lets `agent` trade until `expiry` (Unix seconds) in `markets`, a bit map (bit 0: all); pays the fee."""
        arguments = (Web3.to_checksum_address(agent), expiry, markets)
        return self.act("approveAgent", *arguments, value=self.forced_fee())

    def revoke_agents(self) -> bytes:
        """Takes the rights of all agents of the wallet's account away; pays the fee."""
        return self.act("revokeAgents", value=self.forced_fee())

    def act(self, function: str, *arguments: Any, value: int = 0) -> bytes:
        """Sends a call of the contract with `value` wei and the gas that it needs; gives the transaction's hash."""
        call = self._contract.get_function_by_name(function)(*arguments)
        return self._transact(call, value, self._gas(call, value))

    def quote(self, function: str, *arguments: Any, value: int = 0) -> Quote:
        """What the call would cost now. Raises L1ActionError too if it would be refused."""
        call = self._contract.get_function_by_name(function)(*arguments)
        gas = self._gas(call, value)
        data = bytes.fromhex(self._contract.encode_abi(function, list(arguments))[2:])
        with self._translated():
            return Quote(gas, gas * self._web3.eth.gas_price, data)

    def _gas(self, call: ContractFunction, value: int) -> int:
        """A quarter above what it takes now. A token that burns all it gets is not given more than GAS_MAX."""
        with self._translated():
            fields: TxParams = {"from": self._wallet.l1.address, "value": Web3.to_wei(value, "wei")}
            gas = call.estimate_gas(fields)
        if gas > GAS_MAX:
            raise L1ActionError(f"it would take {gas} gas, more than the {GAS_MAX} that one step is given")
        return gas * 5 // 4

    def _require_balance(self, token: int, amount: int) -> None:
        """Before anything is signed: the token's own refusal would come after the approval, in words of its own."""
        held = self.balance(token)
        if held < amount:
            raise L1ActionError(
                f"{self._wallet.l1.address} holds {held} base units of token {token} on L1, not {amount}: "
                "send some there first"
            )

    def _approve(self, token: int, amount: int) -> None:
        erc20 = self._erc20(token)
        with self._translated():
            allowance = erc20.functions.allowance(self._wallet.l1.address, self.exchange).call()
        if allowance < amount:
            self._transact(erc20.functions.approve(self.exchange, amount))

    def _erc20(self, token: int) -> Any:
        with self._translated():
            address = self._contract.functions.tokenOf(token).call()[0]
        if int(address, 16) == 0:
            raise L1ActionError(f"the exchange does not list a token {token}")
        return self._web3.eth.contract(address=address, abi=ERC20)

    def _transact(self, call: ContractFunction, value: int = 0, gas: int | None = None) -> bytes:
        """Sends a call and waits until it is in the chain. Gas: as estimated, unless given."""
        sender = self._wallet.l1
        with self._translated():
            fields: TxParams = {
                "from": sender.address,
                "value": Web3.to_wei(value, "wei"),
                "nonce": self._web3.eth.get_transaction_count(sender.address, "pending"),
            }
            if gas is not None:
                fields["gas"] = gas
            signed = sender.sign_transaction(cast(dict[str, Any], call.build_transaction(fields)))
            tx_hash = self._web3.eth.send_raw_transaction(signed.raw_transaction)
            receipt = self._web3.eth.wait_for_transaction_receipt(
                tx_hash, RECEIPT_TIMEOUT_S, poll_latency=0.05
            )
        if receipt["status"] != 1:
            raise L1ActionError(f"transaction 0x{tx_hash.hex()} was reverted")
        return bytes(tx_hash)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except ContractLogicError as error:
            raise L1ActionError(f"the contract refuses: {revert_reason(error)}") from error
        except TimeExhausted as error:
            raise L1ActionError(
                f"not in the chain after {RECEIPT_TIMEOUT_S} s: look before sending again"
            ) from error
        except requests.RequestException as error:
            raise L1ActionError(f"{self._url} does not answer: is it the RPC address? (--rpc)") from error
        except Web3RPCError as error:
            answer: Any = error.rpc_response or {}
            raise L1ActionError(f"L1 answers: {answer.get('error', {}).get('message', error)}") from error
        except (Web3Exception, ValueError) as error:
            raise L1ActionError(f"L1 answers: {error}") from error
