"""Bytes of the protocol: L1 data, records of the state, inbox entries, and journal records."""

from sequencer.core.codec.actions import decode_actions, encode_action, encode_actions
from sequencer.core.codec.data import MAX_BATCH_BOUND, DataEncoder, data_bound, encode_data
from sequencer.core.codec.decoder import DecodedData, decode_data
from sequencer.core.codec.inbox import (
    encode_inbox_deposit,
    encode_inbox_forced,
    encode_inbox_list_market,
    encode_inbox_list_token,
    encode_inbox_set_market,
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
    "MAX_BATCH_BOUND",
    "DataEncoder",
    "DecodedData",
    "client_key",
    "data_bound",
    "decode_account",
    "decode_actions",
    "decode_data",
    "decode_market",
    "decode_meta",
    "decode_order",
    "decode_token",
    "decode_transaction",
    "encode_account",
    "encode_action",
    "encode_actions",
    "encode_data",
    "encode_inbox_deposit",
    "encode_inbox_forced",
    "encode_inbox_list_market",
    "encode_inbox_list_token",
    "encode_inbox_set_market",
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
