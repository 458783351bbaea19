"""Journal records of transactions."""

import pytest

from sequencer.core.codec import decode_transaction, encode_transaction
from sequencer.core.types import ExpireOrder, Transaction
from tests.core.test_signing import TRANSACTIONS


@pytest.mark.parametrize("tx", [*TRANSACTIONS, ExpireOrder(b"\x07" * 24)], ids=lambda tx: type(tx).__name__)
def test_a_record_is_read_as_written(tx: Transaction | ExpireOrder) -> None:
    record = encode_transaction(tx)
    assert decode_transaction(record) == tx
    for changed in (record[:-1], record + b"\0", b"\x0d" + record[1:], b""):
        with pytest.raises(ValueError, match="not a transaction"):
            decode_transaction(changed)


def test_a_record_with_an_unknown_side_is_refused() -> None:
    record = encode_transaction(TRANSACTIONS[0])
    at = 1 + 20 + 20 + 8 + 8 + 4
    with pytest.raises(ValueError, match="Side"):
        decode_transaction(record[:at] + b"\x02" + record[at + 1 :])
