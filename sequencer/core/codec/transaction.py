"""A transaction in fixed width: `kind ‖ account ‖ signer ‖ nonce ‖ deadline ‖` its own fields.

This is the record of the journal; what goes to L1 is shorter (`data`).
"""

from struct import Struct
from struct import error as StructError  # noqa: N812
from typing import Any, Final

from sequencer.core.codec import actions
from sequencer.core.types import (
    ApproveAgent,
    Batch,
    ExpireOrder,
    InvalidateNonces,
    Kind,
    RevokeAgent,
    Transaction,
    Transfer,
    Withdraw,
)

_HEAD: Final = Struct(">20s20sQQ")
_WITHDRAW: Final = Struct(">BI16s20s16s")
_TRANSFER: Final = Struct(">B20sI16s")
_APPROVE_AGENT: Final = Struct(">B20sQ32s")
_REVOKE_AGENT: Final = Struct(">B20s")
_INVALIDATE_NONCES: Final = Struct(">BQ")
_EXPIRE_ORDER: Final = Struct(">B24s")

_FORMS: Final = {
    **actions.FORMS,
    Kind.WITHDRAW: _WITHDRAW,
    Kind.TRANSFER: _TRANSFER,
    Kind.APPROVE_AGENT: _APPROVE_AGENT,
    Kind.REVOKE_AGENT: _REVOKE_AGENT,
    Kind.INVALIDATE_NONCES: _INVALIDATE_NONCES,
}


def encode_transaction(tx: Transaction | ExpireOrder) -> bytes:
    """The record of `tx`."""
    if isinstance(tx, ExpireOrder):
        return _EXPIRE_ORDER.pack(Kind.EXPIRE_ORDER, tx.order_id)
    own = _encode_own(tx)
    return own[:1] + _HEAD.pack(tx.account, tx.signer, tx.nonce, tx.deadline) + own[1:]


def _encode_own(tx: Transaction) -> bytes:
    """`kind ‖` the fields after the head."""
    match tx:
        case Batch():
            return bytes([Kind.BATCH]) + actions.encode_actions(tx.actions)
        case Withdraw():
            return _WITHDRAW.pack(
                Kind.WITHDRAW,
                tx.token,
                tx.amount.to_bytes(16, "big"),
                tx.recipient,
                tx.max_relay_fee.to_bytes(16, "big"),
            )
        case Transfer():
            return _TRANSFER.pack(Kind.TRANSFER, tx.to, tx.token, tx.amount.to_bytes(16, "big"))
        case ApproveAgent():
            return _APPROVE_AGENT.pack(
                Kind.APPROVE_AGENT, tx.agent, tx.expiry, tx.markets.to_bytes(32, "big")
            )
        case RevokeAgent():
            return _REVOKE_AGENT.pack(Kind.REVOKE_AGENT, tx.agent)
        case InvalidateNonces():
            return _INVALIDATE_NONCES.pack(Kind.INVALIDATE_NONCES, tx.floor)
        case _:
            return actions.encode_action(tx)


def decode_transaction(record: bytes) -> Transaction | ExpireOrder:
    """The transaction of a record; `ValueError` if it is none."""
    if record[:1] == bytes([Kind.EXPIRE_ORDER]) and len(record) == _EXPIRE_ORDER.size:
        return ExpireOrder(record[1:])
    kind, rest = record[:1], record[1 + _HEAD.size :]
    try:
        head: actions.Head = _HEAD.unpack_from(record, 1)
        if kind == bytes([Kind.BATCH]):
            return Batch(*head, actions.decode_actions(rest, head))
        return _decode_own(head, *_FORMS[Kind(kind[0])].unpack(kind + rest))
    except (StructError, KeyError, IndexError, ValueError) as error:
        what = f"{kind.hex() or 'nothing'}, {len(record)} bytes"
        raise ValueError(f"{what}: not a transaction: {error}") from error


def _decode_own(head: actions.Head, kind: int, *fields: Any) -> Transaction:
    """A transaction from its head and unpacked fields."""
    match kind:
        case Kind.WITHDRAW:
            token, amount, recipient, max_relay_fee = fields
            return Withdraw(*head, token, _integer(amount), recipient, _integer(max_relay_fee))
        case Kind.TRANSFER:
            to, token, amount = fields
            return Transfer(*head, to, token, _integer(amount))
        case Kind.APPROVE_AGENT:
            agent, expiry, markets = fields
            return ApproveAgent(*head, agent, expiry, _integer(markets))
        case Kind.REVOKE_AGENT:
            return RevokeAgent(*head, *fields)
        case Kind.INVALIDATE_NONCES:
            return InvalidateNonces(*head, *fields)
        case _:
            return actions.action(head, kind, *fields)


def _integer(value: bytes) -> int:
    return int.from_bytes(value, "big")
