"""Messages of a stream: whatever arrives is read or refused in one way."""

from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequencer.client.events import BookMessage, Heartbeat, LoggedOut, Malformed, Reply, decode
from sequencer.client.local_book import LocalBook

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
ENVELOPE = st.fixed_dictionaries(
    {},
    optional={
        "channel": st.sampled_from(["book", "orders", "news"]) | JSON,
        "type": st.sampled_from(["snapshot", "heartbeat", "logged_out"]) | JSON,
        "seq": JSON,
        "market": JSON,
        "bids": JSON,
        "asks": JSON,
        "id": JSON,
        "status": JSON,
        "result": JSON,
    },
)


@given(st.text() | st.binary() | ENVELOPE.map(lambda value: msgspec.json.encode(value)))
def test_whatever_arrives_is_read_or_malformed(message: str | bytes) -> None:
    with suppress(Malformed):
        decode(message)


def test_kinds_of_messages() -> None:
    assert decode('{"channel": "news", "type": "snapshot"}') is None  # of a later version
    assert decode('{"type": "news"}') is None
    assert decode('{"type": "heartbeat", "seq": "5", "time": 1, "status": "halted"}') == Heartbeat(
        seq=5, time=1, status="halted"
    )
    logged_out = decode('{"type": "logged_out", "account": "0x", "reason": "expired"}')
    assert logged_out == LoggedOut(account="0x", reason="expired")
    reply = decode('{"id": 1, "status": 200, "result": {"a": [1]}}')
    assert isinstance(reply, Reply)
    assert bytes(reply.result) == b'{"a": [1]}'
    with pytest.raises(Malformed):
        decode('{"channel": "book", "type": "update"}')


def test_book_drops_levels_that_are_empty() -> None:
    def message(kind: str, seq: int, bids: list[list[object]]) -> BookMessage:
        fields = {"channel": "book", "type": kind, "seq": str(seq), "market": 1, "bids": bids, "asks": []}
        decoded = decode(msgspec.json.encode(fields))
        assert isinstance(decoded, BookMessage)
        return decoded

    book = LocalBook(1)
    assert not book.is_current
    book.apply(message("snapshot", 5, [["2500", "1", 1], ["2400", "2", 1]]))
    book.apply(message("update", 6, [["2500", "0", 0], ["2450", "3", 2], ["1", "0", 0]]))
    assert [str(level.price) for level in book.bids()] == ["2450", "2400"]
    assert (book.seq, book.is_current) == (6, True)
