"""EIP-712 digests of signed transactions (docs/protocol.md, section 3).

`TYPES` holds every struct. `digest` packs an order by hand, as it is hashed thousands of times a second, and the others
field by field; `receipt_digest` is what the sequencer signs in return.
"""

from collections.abc import Mapping
from struct import Struct
from struct import error as StructError  # noqa: N812
from typing import Any, Final

from zkclob_native import keccak256

from sequencer.core.codec.actions import encode_actions
from sequencer.core.types import Address, Batch, CancelOrder, Kind, PlaceOrder, Receipt, Transaction

DOMAIN_NAME: Final = "ZKCLOB"
DOMAIN_VERSION: Final = "1"

Field = tuple[str, str]
"""Name and Solidity type."""

DOMAIN_FIELDS: Final[tuple[Field, ...]] = (
    ("name", "string"),
    ("version", "string"),
    ("chainId", "uint256"),
    ("verifyingContract", "address"),
)
HEAD_FIELDS: Final[tuple[Field, ...]] = (
    ("account", "address"),
    ("signer", "address"),
    ("nonce", "uint64"),
    ("deadline", "uint64"),
)
_OPTIONS: Final[tuple[Field, ...]] = (("timeInForce", "uint8"), ("selfTrade", "uint8"))

TYPES: Final[dict[str, tuple[Kind, tuple[Field, ...]]]] = {
    "PlaceOrder": (
        Kind.PLACE_ORDER,
        (
            *HEAD_FIELDS,
            ("market", "uint32"),
            ("side", "uint8"),
            *_OPTIONS,
            ("price", "uint64"),
            ("size", "uint64"),
            ("clientOrderId", "uint128"),
        ),
    ),
    "CancelOrder": (Kind.CANCEL_ORDER, (*HEAD_FIELDS, ("orderId", "bytes24"))),
    "CancelClientOrder": (Kind.CANCEL_CLIENT_ORDER, (*HEAD_FIELDS, ("clientOrderId", "uint128"))),
    "CancelAll": (Kind.CANCEL_ALL, (*HEAD_FIELDS, ("market", "uint32"))),
    "ReplaceOrder": (
        Kind.REPLACE_ORDER,
        (
            *HEAD_FIELDS,
            ("orderId", "bytes24"),
            *_OPTIONS,
            ("price", "uint64"),
            ("size", "uint64"),
            ("expectedSize", "uint64"),
            ("clientOrderId", "uint128"),
        ),
    ),
    "Batch": (Kind.BATCH, (*HEAD_FIELDS, ("actions", "bytes"))),
    "Withdraw": (
        Kind.WITHDRAW,
        (
            *HEAD_FIELDS,
            ("token", "uint32"),
            ("amount", "uint128"),
            ("recipient", "address"),
            ("maxRelayFee", "uint128"),
        ),
    ),
    "Transfer": (
        Kind.TRANSFER,
        (*HEAD_FIELDS, ("to", "address"), ("token", "uint32"), ("amount", "uint128")),
    ),
    "ApproveAgent": (
        Kind.APPROVE_AGENT,
        (*HEAD_FIELDS, ("agent", "address"), ("expiry", "uint64"), ("markets", "uint256")),
    ),
    "RevokeAgent": (Kind.REVOKE_AGENT, (*HEAD_FIELDS, ("agent", "address"))),
    "InvalidateNonces": (Kind.INVALIDATE_NONCES, (*HEAD_FIELDS, ("floor", "uint64"))),
}


LOGIN_FIELDS: Final[tuple[Field, ...]] = (("account", "address"), ("signer", "address"), ("expiry", "uint64"))
"""Of `Login`, which lets its holder read an account's private channels (section 11); no transaction."""

RECEIPT_FIELDS: Final[tuple[Field, ...]] = (
    ("seq", "uint64"),
    ("digest", "bytes32"),
    ("inboxHash", "bytes32"),
    ("time", "uint64"),
)
"""Of `Receipt`, which the sequencer signs for each transaction (section 7)."""


def _type_string(name: str, fields: tuple[Field, ...]) -> str:
    return f"{name}({','.join(f'{kind} {field}' for field, kind in fields)})"


TYPE_STRINGS: Final = {name: _type_string(name, fields) for name, (_, fields) in TYPES.items()}
TYPE_HASHES: Final = {name: keccak256(text.encode()) for name, text in TYPE_STRINGS.items()}

LOGIN_TYPE_STRING: Final = _type_string("Login", LOGIN_FIELDS)
LOGIN_TYPE_HASH: Final = keccak256(LOGIN_TYPE_STRING.encode())
RECEIPT_TYPE_STRING: Final = _type_string("Receipt", RECEIPT_FIELDS)
RECEIPT_TYPE_HASH: Final = keccak256(RECEIPT_TYPE_STRING.encode())
_DOMAIN_TYPE_HASH: Final = keccak256(_type_string("EIP712Domain", DOMAIN_FIELDS).encode())
_HEAD: Final = "32s12x20s12x20s24xQ24xQ"
_PLACE_ORDER: Final = Struct(f">{_HEAD}28xI31xB31xB31xB24xQ24xQ16x16s")
_CANCEL_ORDER: Final = Struct(f">{_HEAD}24s8x")
_RECEIPT: Final = Struct(">32s24xQ32s32s24xQ")
_PLACE_ORDER_HASH: Final = TYPE_HASHES["PlaceOrder"]
_CANCEL_ORDER_HASH: Final = TYPE_HASHES["CancelOrder"]


def domain_separator(chain_id: int, contract: Address) -> bytes:
    """EIP-712 domain separator (32 bytes) of the exchange at `contract` on chain `chain_id`."""
    return keccak256(
        _DOMAIN_TYPE_HASH
        + keccak256(DOMAIN_NAME.encode())
        + keccak256(DOMAIN_VERSION.encode())
        + chain_id.to_bytes(32, "big")
        + _word("address", contract)
    )


def digest(separator: bytes, tx: Transaction) -> bytes:
    """The 32 bytes that the signer of `tx` signs under the domain `separator`.

    Raises `ValueError` for a field outside the range of its type.
    """
    try:
        encoded = _encode(tx)
    except (StructError, OverflowError) as error:
        raise ValueError(f"a field of {type(tx).__name__} is out of range: {error}") from error
    return keccak256(b"\x19\x01" + separator + keccak256(encoded))


def _encode(tx: Transaction) -> bytes:
    if len(tx.account) != 20 or len(tx.signer) != 20:
        raise ValueError("account and signer have 20 bytes each")
    match tx:
        case PlaceOrder():
            return _PLACE_ORDER.pack(
                _PLACE_ORDER_HASH,
                tx.account,
                tx.signer,
                tx.nonce,
                tx.deadline,
                tx.market,
                tx.side,
                tx.time_in_force,
                tx.self_trade,
                tx.price,
                tx.size,
                tx.client_order_id.to_bytes(16, "big"),
            )
        case CancelOrder() if len(tx.order_id) == 24:
            return _CANCEL_ORDER.pack(
                _CANCEL_ORDER_HASH, tx.account, tx.signer, tx.nonce, tx.deadline, tx.order_id
            )
        case _:
            return _encode_struct(type(tx).__name__, _values(tx))


def _encode_struct(name: str, values: Mapping[str, int | bytes]) -> bytes:
    _, fields = TYPES[name]
    return TYPE_HASHES[name] + b"".join(_word(kind, values[field]) for field, kind in fields)


def struct_digest(separator: bytes, name: str, values: Mapping[str, int | bytes]) -> bytes:
    """Digest of the struct `name` of `TYPES` with `values`."""
    return keccak256(b"\x19\x01" + separator + keccak256(_encode_struct(name, values)))


def login_digest(separator: bytes, account: Address, signer: Address, expiry: int) -> bytes:
    """The 32 bytes that `signer` signs to read `account` until `expiry` (Unix seconds)."""
    words = (_word("address", account), _word("address", signer), _word("uint64", expiry))
    encoded = LOGIN_TYPE_HASH + b"".join(words)
    return keccak256(b"\x19\x01" + separator + keccak256(encoded))


def receipt_digest(separator: bytes, receipt: Receipt) -> bytes:
    """The 32 bytes that the sequencer signs to promise `receipt`. Raises `ValueError` for a field out of range."""
    if len(receipt.digest) != 32 or len(receipt.inbox_hash) != 32:
        raise ValueError("digest and inbox hash have 32 bytes each")
    try:
        encoded = _RECEIPT.pack(
            RECEIPT_TYPE_HASH, receipt.seq, receipt.digest, receipt.inbox_hash, receipt.time
        )
    except StructError as error:
        raise ValueError(f"a field of the receipt is out of range: {error}") from error
    return keccak256(b"\x19\x01" + separator + keccak256(encoded))


def _word(kind: str, value: int | bytes) -> bytes:
    """EIP-712 `encodeData` of one field."""
    if isinstance(value, int):
        return value.to_bytes(int(kind.removeprefix("uint")) // 8, "big").rjust(32, b"\0")
    if kind == "bytes":
        return keccak256(value)
    if kind == "address":
        if len(value) != 20:
            raise ValueError(f"an address has 20 bytes, not {len(value)}")
        return value.rjust(32, b"\0")
    if len(value) != int(kind.removeprefix("bytes")):
        raise ValueError(f"{kind} does not have {len(value)} bytes")
    return value.ljust(32, b"\0")


def typed_data(chain_id: int, contract: Address, tx: Transaction) -> dict[str, Any]:
    """The EIP-712 message of `tx` for a wallet (`eth_signTypedData_v4`) or eth-account (`full_message`)."""
    return struct_typed_data(chain_id, contract, type(tx).__name__, _values(tx))


def struct_typed_data(
    chain_id: int, contract: Address, name: str, values: Mapping[str, int | bytes]
) -> dict[str, Any]:
    """Like `typed_data`, for the struct `name` of `TYPES` with its fields' `values`."""
    return _full_message(chain_id, contract, name, TYPES[name][1], values)


def login_typed_data(
    chain_id: int, contract: Address, account: Address, signer: Address, expiry: int
) -> dict[str, Any]:
    """Like `typed_data`, for the message of `login_digest`."""
    values: dict[str, int | bytes] = {"account": account, "signer": signer, "expiry": expiry}
    return _full_message(chain_id, contract, "Login", LOGIN_FIELDS, values)


def receipt_typed_data(chain_id: int, contract: Address, receipt: Receipt) -> dict[str, Any]:
    """Like `typed_data`, for the message of `receipt_digest`."""
    values: dict[str, int | bytes] = {
        "seq": receipt.seq,
        "digest": receipt.digest,
        "inboxHash": receipt.inbox_hash,
        "time": receipt.time,
    }
    return _full_message(chain_id, contract, "Receipt", RECEIPT_FIELDS, values)


def _full_message(
    chain_id: int, contract: Address, name: str, fields: tuple[Field, ...], values: Mapping[str, int | bytes]
) -> dict[str, Any]:
    return {
        "types": {
            "EIP712Domain": [{"name": field, "type": kind} for field, kind in DOMAIN_FIELDS],
            name: [{"name": field, "type": kind} for field, kind in fields],
        },
        "primaryType": name,
        "domain": {
            "name": DOMAIN_NAME,
            "version": DOMAIN_VERSION,
            "chainId": chain_id,
            "verifyingContract": f"0x{contract.hex()}",
        },
        "message": {field: _json(kind, values[field]) for field, kind in fields},
    }


def _values(tx: Transaction) -> dict[str, int | bytes]:
    _, fields = TYPES[type(tx).__name__]
    if isinstance(tx, Batch):
        head = {field: getattr(tx, field) for field, _ in HEAD_FIELDS}
        return head | {"actions": encode_actions(tx.actions)}
    return {field: getattr(tx, _attribute(field)) for field, _ in fields}


def _attribute(field: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in field)


def _json(kind: str, value: int | bytes) -> int | str:
    """Bytes as hex, integers that JavaScript could round as decimal strings."""
    if isinstance(value, bytes):
        return f"0x{value.hex()}"
    return int(value) if kind in ("uint8", "uint32") else str(int(value))
