"""Bytes of the protocol: L1 data, records of the state, inbox entries, and journal records."""

from sequencer.core.codec.data import MAX_TRANSACTION_DATA, DataEncoder, encode_data
from sequencer.core.codec.inbox import (
    encode_inbox_deposit,
    encode_inbox_list_market,
    encode_inbox_list_token,
    parse_inbox_entry,
)
from sequencer.core.codec.records import (
    client_key,
    decode_account,
    decode_market,
    decode_meta,
    decode_order,
    decode_token,
    encode_account,
    encode_market,
    encode_meta,
    encode_order,
    encode_token,
    parse_client_key,
    parse_registry_key,
    registry_key,
)
from sequencer.core.codec.transaction import decode_transaction, encode_transaction

__all__ = [
    "MAX_TRANSACTION_DATA",
    "DataEncoder",
    "client_key",
    "decode_account",
    "decode_market",
    "decode_meta",
    "decode_order",
    "decode_token",
    "decode_transaction",
    "encode_account",
    "encode_data",
    "encode_inbox_deposit",
    "encode_inbox_list_market",
    "encode_inbox_list_token",
    "encode_market",
    "encode_meta",
    "encode_order",
    "encode_token",
    "encode_transaction",
    "parse_client_key",
    "parse_inbox_entry",
    "parse_registry_key",
    "registry_key",
]
