"""The contract as an RPC node shows it. Every answer is checked for its form and against what was asked.

What this cannot see is a node that makes up a whole chain: whoever does not run a node asks two of them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError
from eth_utils.abi import collapse_if_tuple, function_abi_to_4byte_selector

from sequencer.abi import EXCHANGE
from sequencer.rebuild.errors import ChainInconsistent, ChainReorganised, ChainUnavailable
from sequencer.rebuild.events import Log
from sequencer.rebuild.rpc import Refused, Rpc

RANGE_FIRST: Final = 2_000
RANGE_MAX: Final = 10_000
"""Blocks in one query of logs; fewer where the node does not answer so many."""
_FUNCTIONS: Final[dict[str, Any]] = {item["name"]: item for item in EXCHANGE if item["type"] == "function"}


@dataclass(frozen=True, slots=True)
class Block:
    """A block of L1."""

    number: int
    hash: bytes
    parent_hash: bytes
    timestamp: int


@dataclass(frozen=True, slots=True)
class L1Transaction:
    """A transaction in the chain."""

    block_hash: bytes
    to: bytes
    input: bytes
    blob_hashes: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class ContractHead:
    """The last settled state, as the contract has it."""

    state_root: bytes
    batch_number: int
    inbox_cursor: int
    block_number: int
    timestamp: int
    next_seq: int


class Chain:
    """One contract on one chain."""

    def __init__(self, rpc: Rpc, contract: bytes) -> None:
        self.rpc = rpc
        self.contract = contract
        self._address = f"0x{contract.hex()}"
        self._range = RANGE_FIRST

    # ------------------------------------------------------------------ blocks

    def chain_id(self) -> int:
        """The chain's number."""
        return _quantity(self.rpc.call("eth_chainId"))

    def block(self, number: int | None) -> Block:
        """The block at `number`; None: the newest. Raises ChainUnavailable where there is none."""
        asked = "latest" if number is None else hex(number)
        answer = self.rpc.call("eth_getBlockByNumber", asked, False)
        if answer is None:
            raise ChainUnavailable(f"{self.rpc.url} has no block {asked}")
        found = Block(
            _quantity(_field(answer, "number")),
            _bytes(_field(answer, "hash"), 32),
            _bytes(_field(answer, "parentHash"), 32),
            _quantity(_field(answer, "timestamp")),
        )
        if number is not None and found.number != number:
            raise ChainInconsistent(f"asked for block {number}, got {found.number}")
        return found

    def has_block(self, number: int, block_hash: bytes) -> bool:
        """Whether this block is in the chain."""
        answer = self.rpc.call("eth_getBlockByNumber", hex(number), False)
        return answer is not None and _bytes(_field(answer, "hash"), 32) == block_hash

    def creation_block(self) -> int:
        """The block in which the contract was created; 0 where the node does not keep states that old."""
        newest = self.block(None).number
        if not self._has_code(newest):
            raise ChainInconsistent(f"there is no contract at {self._address}: is the RPC node of its chain?")
        low, high = 0, newest
        try:
            while low < high:
                middle = (low + high) // 2
                low, high = (low, middle) if self._has_code(middle) else (middle + 1, high)
        except Refused:
            return 0
        return low

    def _has_code(self, number: int) -> bool:
        return bool(_bytes(self.rpc.call("eth_getCode", self._address, hex(number))))

    # ------------------------------------------------------------------- views

    def view(self, name: str, *arguments: Any, block: int | None = None) -> Any:
        """What a view of the contract returns; a struct as a tuple. Raises Refused where the contract reverts."""
        item = _FUNCTIONS[name]
        call = function_abi_to_4byte_selector(item) + encode(
            [collapse_if_tuple(argument) for argument in item["inputs"]], arguments
        )
        transaction = {"to": self._address, "data": f"0x{call.hex()}"}
        answer = _bytes(self.rpc.call("eth_call", transaction, "latest" if block is None else hex(block)))
        try:
            values = decode([collapse_if_tuple(value) for value in item["outputs"]], answer)
        except (DecodingError, OverflowError) as error:
            raise ChainInconsistent(f"{name} of {self._address} answers what is none: {error}") from error
        return values[0] if len(values) == 1 else values

    def head(self, block: int | None = None) -> ContractHead:
        """The last settled state."""
        return ContractHead(*self.view("head", block=block))

    # -------------------------------------------------------------------- logs

    def logs(self, first: int, last: int) -> tuple[Block, list[Log]]:
        """The contract's logs from the block `first` on, to `last` or to the block before it that is given.

        Raises ChainReorganised if that block changed meanwhile.
        """
        while True:
            end = self.block(min(last, first + self._range - 1))
            try:
                found = self._logs(first, end.number)
            except Refused:
                if self._range == 1:
                    raise
                self._range = max(1, self._range // 4)
                continue
            if self.block(end.number).hash != end.hash:
                raise ChainReorganised(f"L1 block {end.number} was replaced while its logs were read")
            self._range = min(self._range * 2, RANGE_MAX)
            return end, found

    def _logs(self, first: int, last: int) -> list[Log]:
        query = {"address": self._address, "fromBlock": hex(first), "toBlock": hex(last)}
        answer = self.rpc.call("eth_getLogs", query)
        if not isinstance(answer, list):
            raise ChainInconsistent("logs that are no list")
        logs = sorted((self._log(item) for item in answer), key=lambda log: (log.block, log.index))
        if any(not first <= log.block <= last for log in logs):
            raise ChainInconsistent(f"logs that are not of the blocks {first} to {last}")
        return logs

    def _log(self, item: Any) -> Log:
        if _bytes(_field(item, "address"), 20) != self.contract or item.get("removed"):
            raise ChainInconsistent("a log of another contract, or of a block that left the chain")
        return Log(
            block=_quantity(_field(item, "blockNumber")),
            block_hash=_bytes(_field(item, "blockHash"), 32),
            tx_hash=_bytes(_field(item, "transactionHash"), 32),
            index=_quantity(_field(item, "logIndex")),
            topics=tuple(_bytes(topic, 32) for topic in _list(_field(item, "topics"))),
            data=_bytes(_field(item, "data")),
        )

    # ------------------------------------------------------------ transactions

    def transaction(self, tx_hash: bytes) -> L1Transaction:
        """A transaction that is in the chain. Raises ChainUnavailable if the node does not know it."""
        answer = self.rpc.call("eth_getTransactionByHash", f"0x{tx_hash.hex()}")
        if answer is None or answer.get("blockHash") is None:
            raise ChainUnavailable(f"{self.rpc.url} does not know the transaction 0x{tx_hash.hex()}")
        return L1Transaction(
            _bytes(_field(answer, "blockHash"), 32),
            _bytes(answer.get("to") or "0x"),
            _bytes(_field(answer, "input")),
            tuple(_bytes(item, 32) for item in _list(answer.get("blobVersionedHashes") or [])),
        )

    def blob(self, versioned_hash: bytes) -> bytes | None:
        """A blob, where the node keeps them and can be asked as Anvil can; unchecked."""
        answer = self.rpc.call("anvil_getBlobByHash", f"0x{versioned_hash.hex()}")
        return None if answer is None else _bytes(answer)


def _field(answer: Any, name: str) -> Any:
    if not isinstance(answer, dict) or name not in answer:
        raise ChainInconsistent(f"an answer without {name}")
    return answer[name]


def _list(value: Any) -> Iterable[Any]:
    if not isinstance(value, list):
        raise ChainInconsistent("an answer that is no list")
    return value


def _quantity(value: Any) -> int:
    """A number of at most 64 bits."""
    if isinstance(value, str) and value.startswith("0x") and len(value) <= 18:
        try:
            return int(value, 16)
        except ValueError:
            pass
    raise ChainInconsistent(f"{str(value)[:80]} is no number")


def _bytes(value: Any, length: int | None = None) -> bytes:
    if isinstance(value, str) and value.startswith("0x"):
        try:
            found = bytes.fromhex(value[2:])
        except ValueError:
            found = None
        if found is not None and length in (None, len(found)):
            return found
    raise ChainInconsistent(f"{str(value)[:80]} is not {'bytes' if length is None else f'{length} bytes'}")
