"""What `docs/signing-vectors.json` holds: messages as a wallet signs them, for clients in any language."""

from typing import Any, Final

from sequencer.core import signing
from sequencer.core.book import order_id
from sequencer.core.codec.actions import encode_action
from sequencer.core.constants import MAX_U32, MAX_U64, MAX_U128
from sequencer.core.types import (
    Action,
    Address,
    ApproveAgent,
    Batch,
    CancelAll,
    CancelClientOrder,
    CancelOrder,
    InvalidateNonces,
    PlaceOrder,
    Receipt,
    ReplaceOrder,
    RevokeAgent,
    SelfTrade,
    Side,
    TimeInForce,
    Transaction,
    Transfer,
    Withdraw,
)
from tests.properties.replica import CHAIN_ID, CONTRACT, SEPARATOR, Signer

KEYS: Final = {
    "owner": 0xAC0974BEC39A17E36BA4A6B4D238FF944BACB478CBED5EFCAE784D7BF4F2FF80,
    "agent": 0x59C6995E998F97A5A0044966F0945389DC9E86DAE88C7A8412F4603B6B78690D,
}
"""The first two of Anvil's well-known keys."""
DEADLINE: Final = 1_800_000_000
AGENT_NONCE: Final = 256 << 48
"""The first of the first agent's lane."""

OWNER, AGENT = (Signer(secret).address for secret in KEYS.values())
BID: Final = order_id(1, Side.BID, 250_050, 42 * 64)
ASK: Final = order_id(1, Side.ASK, 250_075, 43 * 64 + 1)


def signing_vectors() -> dict[str, Any]:
    """The file, ready to be written: integers that JavaScript could round are strings, as wallets take them."""
    return {
        "about": "Every signed message of the exchange. docs/signing.md explains it. Everybody knows these keys.",
        "keys": {
            name: {"private_key": _hex(secret.to_bytes(32, "big")), "address": _hex(Signer(secret).address)}
            for name, secret in KEYS.items()
        },
        "domain": _domain(),
        "domain_separator": _hex(SEPARATOR),
        "cases": [*(_case(name, tx) for name, tx in _transactions().items()), *_logins(), _receipt()],
    }


def _domain() -> dict[str, Any]:
    return {
        "name": signing.DOMAIN_NAME,
        "version": signing.DOMAIN_VERSION,
        "chainId": CHAIN_ID,
        "verifyingContract": _hex(CONTRACT),
    }


def _case(name: str, tx: Transaction) -> dict[str, Any]:
    struct = type(tx).__name__
    kind, _ = signing.TYPES[struct]
    case = _signed(
        name,
        tx.signer,
        signing.TYPE_STRINGS[struct],
        signing.TYPE_HASHES[struct],
        signing.typed_data(CHAIN_ID, CONTRACT, tx),
        signing.digest(SEPARATOR, tx),
    )
    case["kind"] = f"0x{kind:02x}"
    return case | {"actions": [_action(item) for item in tx.actions]} if isinstance(tx, Batch) else case


def _logins() -> list[dict[str, Any]]:
    return [
        _signed(
            name,
            signer,
            signing.LOGIN_TYPE_STRING,
            signing.LOGIN_TYPE_HASH,
            signing.login_typed_data(CHAIN_ID, CONTRACT, OWNER, signer, DEADLINE),
            signing.login_digest(SEPARATOR, OWNER, signer, DEADLINE),
        )
        for name, signer in (("a login", OWNER), ("a login of an agent", AGENT))
    ]


def _receipt() -> dict[str, Any]:
    receipt = Receipt(MAX_U64, bytes(range(32)), b"\xff" * 32, DEADLINE)
    return _signed(
        "a receipt",
        OWNER,
        signing.RECEIPT_TYPE_STRING,
        signing.RECEIPT_TYPE_HASH,
        signing.receipt_typed_data(CHAIN_ID, CONTRACT, receipt),
        signing.receipt_digest(SEPARATOR, receipt),
    )


def _signed(
    name: str, signer: Address, type_string: str, type_hash: bytes, typed_data: dict[str, Any], digest: bytes
) -> dict[str, Any]:
    key = "owner" if signer == OWNER else "agent"
    return {
        "name": name,
        "key": key,
        "type_string": type_string,
        "type_hash": _hex(type_hash),
        "typed_data": typed_data,
        "digest": _hex(digest),
        "signature": _hex(Signer(KEYS[key]).sign(digest)),
    }


def _action(item: Action) -> dict[str, Any]:
    message = signing.typed_data(CHAIN_ID, CONTRACT, item)["message"]
    own = {field: value for field, value in message.items() if field not in dict(signing.HEAD_FIELDS)}
    return {"type": type(item).__name__, "fields": own, "encoded": _hex(encode_action(item))}


def _hex(value: bytes) -> str:
    return f"0x{value.hex()}"


def _transactions() -> dict[str, Transaction]:
    return {
        "a limit order": _order(0, TimeInForce.GTC, client_order_id=7),
        "a market order: immediate or cancel, with a worst price": _order(1, TimeInForce.IOC),
        "every field of an order at its largest": PlaceOrder(
            OWNER,
            OWNER,
            MAX_U64,
            MAX_U64,
            MAX_U32,
            Side.ASK,
            TimeInForce.POST_ONLY_GTT,
            SelfTrade.DECREMENT_BOTH,
            MAX_U64,
            MAX_U64,
            MAX_U128,
        ),
        "a post-only order that an agent signs": PlaceOrder(
            OWNER,
            AGENT,
            AGENT_NONCE,
            DEADLINE,
            1,
            Side.ASK,
            TimeInForce.POST_ONLY_GTT,
            SelfTrade.CANCEL_MAKER,
            250_075,
            100,
            0,
        ),
        "a cancel by order id": CancelOrder(OWNER, OWNER, 2, DEADLINE, BID),
        "a cancel by client order id": CancelClientOrder(OWNER, OWNER, 3, DEADLINE, 7),
        "all orders of a market": CancelAll(OWNER, AGENT, AGENT_NONCE + 1, DEADLINE, 1),
        "all orders": CancelAll(OWNER, OWNER, 4, DEADLINE, 0),
        "a replacement": ReplaceOrder(
            OWNER, OWNER, 5, DEADLINE, BID, TimeInForce.GTC, SelfTrade.CANCEL_TAKER, 250_050, 1500, 2500, 8
        ),
        "a batch of every kind of action": Batch(OWNER, OWNER, 6, DEADLINE, _actions()),
        "a batch of one action that an agent signs": Batch(
            OWNER,
            AGENT,
            AGENT_NONCE + 2,
            DEADLINE,
            (CancelAll(OWNER, AGENT, AGENT_NONCE + 2, DEADLINE, 1),),
        ),
        "a withdrawal": Withdraw(OWNER, OWNER, 7, DEADLINE, 2, 1_500_000, AGENT, 1_000),
        "a transfer": Transfer(OWNER, OWNER, 8, DEADLINE, AGENT, 1, 10**18),
        "an agent for the markets 1 and 3": ApproveAgent(
            OWNER, OWNER, 9, DEADLINE, AGENT, DEADLINE, 1 << 1 | 1 << 3
        ),
        "an agent for all markets": ApproveAgent(OWNER, OWNER, 10, DEADLINE, AGENT, MAX_U64, 1),
        "an agent for the market of the highest bit": ApproveAgent(
            OWNER, OWNER, 11, DEADLINE, AGENT, DEADLINE, 1 << 255
        ),
        "the end of an agent": RevokeAgent(OWNER, OWNER, 12, DEADLINE, AGENT),
        "no nonce below 100 of the agent's lane": InvalidateNonces(
            OWNER, OWNER, 13, DEADLINE, AGENT_NONCE + 100
        ),
        "in another lane of the owner": CancelAll(OWNER, OWNER, 7 << 48 | 5, DEADLINE, 0),
    }


def _order(nonce: int, time_in_force: TimeInForce, client_order_id: int = 0) -> PlaceOrder:
    """2.5 ETH at 2500.50 in a market with steps of 0.001 and 0.01."""
    return PlaceOrder(
        OWNER,
        OWNER,
        nonce,
        DEADLINE,
        1,
        Side.BID,
        time_in_force,
        SelfTrade.CANCEL_TAKER,
        250_050,
        2_500,
        client_order_id,
    )


def _actions() -> tuple[Action, ...]:
    head = (OWNER, OWNER, 6, DEADLINE)
    gtc, cancel_both = TimeInForce.GTC, SelfTrade.CANCEL_BOTH
    return (
        CancelAll(*head, 2),
        CancelOrder(*head, BID),
        CancelClientOrder(*head, 7),
        ReplaceOrder(*head, ASK, gtc, cancel_both, 250_080, 100, 100, 0),
        PlaceOrder(*head, 1, Side.BID, gtc, cancel_both, 250_040, 2_500, 9),
    )
