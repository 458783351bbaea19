"""Constants of the protocol (docs/protocol.md, section 1)."""

from typing import Final

PROTOCOL_VERSION: Final = 1

MAX_TOKEN_ID: Final = 255
MAX_MARKET_ID: Final = 255
NATIVE_TOKEN: Final = 1
MAX_DECIMALS: Final = 30
MAX_AMOUNT: Final = (1 << 108) - 1
MAX_HOLDINGS: Final = (1 << 120) - 1
FEE_UNIT: Final = 1_000_000
MAX_FEE: Final = 10_000
MAX_OPEN_ORDERS: Final = 1_000
MAX_MAKERS: Final = 256
MAX_AGENTS: Final = 8
OWNER_LANES: Final = 8
FIRST_AGENT_LANE: Final = 256
LAST_AGENT_LANE: Final = 65_534
NONCE_WINDOW: Final = 128
MAX_NONCE_JUMP: Final = 1 << 20
MAX_BATCH_ITEMS: Final = 64
CHUNK: Final = 128

NONCE_LANE_SHIFT: Final = 48
NONCE_SEQUENCE_MASK: Final = (1 << NONCE_LANE_SHIFT) - 1

MAX_U32: Final = (1 << 32) - 1
MAX_U64: Final = (1 << 64) - 1
MAX_U128: Final = (1 << 128) - 1

ZERO_ADDRESS: Final = bytes(20)
ZERO_HASH: Final = bytes(32)
