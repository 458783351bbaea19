"""The contract's logs and the calls that settled, decoded by the contract's own interface."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from eth_utils.abi import collapse_if_tuple, event_abi_to_log_topic, function_abi_to_4byte_selector

from sequencer.abi import EXCHANGE
from sequencer.rebuild.errors import ChainInconsistent

_EVENTS: Final[dict[bytes, Any]] = {
    event_abi_to_log_topic(item): item for item in EXCHANGE if item["type"] == "event"
}
_CALLS: Final[dict[bytes, Any]] = {
    function_abi_to_4byte_selector(item): item
    for item in EXCHANGE
    if item["type"] == "function" and item["name"] in ("settle", "settleBlobs")
}


@dataclass(frozen=True, slots=True)
class Log:
    """A log of the contract, and where it stands."""

    block: int
    block_hash: bytes
    tx_hash: bytes
    index: int
    """Among the logs of its block."""
    topics: tuple[bytes, ...]
    data: bytes


@dataclass(frozen=True, slots=True)
class Event:
    """A decoded log. `arguments` are named as in the contract; a struct is a dict of its fields."""

    name: str
    arguments: dict[str, Any]
    log: Log


@dataclass(frozen=True, slots=True)
class SettledBatch:
    """What the contract said of a batch when it settled it."""

    number: int
    prev_state_root: bytes
    first_seq: int
    data_hash: bytes
    new_state_root: bytes
    inbox_cursor: int
    outbox_root: bytes
    outbox_count: int
    block_number: int
    timestamp: int
    end_seq: int
    digests_hash: bytes
    tx_hash: bytes
    l1_block: int
    l1_block_hash: bytes


@dataclass(frozen=True, slots=True)
class SettleCall:
    """The call that settled a batch. `data` is there if the call itself carried it."""

    batch: dict[str, Any]
    data: bytes | None
    content_hash: bytes | None
    """Of data in blobs: keccak of the data."""
    openings: tuple[int, ...]
    """Of each blob, the value `y` at its challenge."""


def decode_log(log: Log) -> Event | None:
    """None for a log that the contract's interface does not have."""
    item = _EVENTS.get(log.topics[0]) if log.topics else None
    if item is None:
        return None
    indexed = [argument for argument in item["inputs"] if argument["indexed"]]
    plain = [argument for argument in item["inputs"] if not argument["indexed"]]
    if len(log.topics) != 1 + len(indexed):
        raise ChainInconsistent(f"a log {item['name']} of {len(log.topics)} topics")
    try:
        values = _decode(plain, log.data)
        for argument, topic in zip(indexed, log.topics[1:], strict=True):
            values |= _decode([argument], topic)
    except (DecodingError, ValueError, OverflowError) as error:
        raise ChainInconsistent(f"a log {item['name']} that does not decode: {error}") from error
    return Event(item["name"], values, log)


def settled_batch(event: Event) -> SettledBatch:
    """The batch of an event `Settled`."""
    arguments, batch = event.arguments, event.arguments["batch"]
    return SettledBatch(
        number=arguments["batchNumber"],
        prev_state_root=arguments["prevStateRoot"],
        first_seq=arguments["firstSeq"],
        data_hash=arguments["dataHash"],
        new_state_root=batch["newStateRoot"],
        inbox_cursor=batch["inboxCursor"],
        outbox_root=batch["outboxRoot"],
        outbox_count=batch["outboxCount"],
        block_number=batch["blockNumber"],
        timestamp=batch["timestamp"],
        end_seq=batch["endSeq"],
        digests_hash=batch["digestsHash"],
        tx_hash=event.log.tx_hash,
        l1_block=event.log.block,
        l1_block_hash=event.log.block_hash,
    )


def decode_settle(call: bytes) -> SettleCall:
    """The arguments of a call that settles. `ValueError` for any other call."""
    item = _CALLS.get(call[:4])
    if item is None:
        raise ValueError("the call is none that settles")
    try:
        batch, data, _ = _decode(item["inputs"], call[4:]).values()
    except (DecodingError, OverflowError) as error:
        raise ValueError(f"the call does not decode: {error}") from error
    if item["name"] == "settle":
        return SettleCall(batch, data, None, ())
    return SettleCall(batch, None, data["contentHash"], tuple(opening["y"] for opening in data["blobs"]))


def _decode(components: Sequence[Any], data: bytes) -> dict[str, Any]:
    values = decode([collapse_if_tuple(component) for component in components], data)
    return _named(components, values)


def _named(components: Sequence[Any], values: Sequence[Any]) -> dict[str, Any]:
    pairs = zip(components, values, strict=True)
    return {component["name"]: _value(component["type"], component, value) for component, value in pairs}


def _value(kind: str, component: Any, value: Any) -> Any:
    if kind.endswith("[]"):
        return [_value(kind[:-2], component, item) for item in value]
    return _named(component["components"], value) if kind == "tuple" else value
