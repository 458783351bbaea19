"""Packing into blobs: the only packing of any data, and nothing else unpacks."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sequencer.core.carriers import SCALAR_MODULUS
from sequencer.core.codec.blobs import (
    BLOB_DATA,
    BLOB_LENGTH,
    MAX_BLOBS,
    MAX_BLOBS_DATA,
    pack_blobs,
    unpack_blobs,
)

LENGTHS = st.one_of(
    st.integers(0, 100),
    st.sampled_from([BLOB_DATA - 1, BLOB_DATA, BLOB_DATA + 1, 2 * BLOB_DATA - 1, 2 * BLOB_DATA]),
)


@settings(max_examples=40, deadline=None)
@given(LENGTHS, st.binary(min_size=1, max_size=70))
def test_data_comes_back(length: int, pattern: bytes) -> None:
    data = (pattern * (length // len(pattern) + 1))[:length]
    blobs = pack_blobs(data)
    assert len(blobs) == length // BLOB_DATA + 1
    assert unpack_blobs(blobs) == data


def test_every_element_is_below_the_modulus() -> None:
    for blob in pack_blobs(b"\xff" * (BLOB_DATA + 5)):
        assert len(blob) == BLOB_LENGTH
        elements = (blob[start : start + 32] for start in range(0, BLOB_LENGTH, 32))
        assert all(int.from_bytes(element) < SCALAR_MODULUS for element in elements)


def test_the_last_byte_that_fits_fits() -> None:
    assert len(pack_blobs(bytes(MAX_BLOBS_DATA))) == MAX_BLOBS
    with pytest.raises(ValueError, match="do not fit"):
        pack_blobs(bytes(MAX_BLOBS_DATA + 1))


def _changed(blob: bytes, index: int, byte: int) -> bytes:
    return blob[:index] + bytes([byte]) + blob[index + 1 :]


@pytest.mark.parametrize(
    "blobs",
    [
        [],
        [bytes(BLOB_LENGTH)],
        [*pack_blobs(b"data"), bytes(BLOB_LENGTH)],
        pack_blobs(b"data") * (MAX_BLOBS + 1),
        [pack_blobs(b"data")[0][:-1]],
        [_changed(pack_blobs(b"data")[0], 32, 1)],
        [_changed(pack_blobs(b"data")[0], BLOB_LENGTH - 1, 1)],
        [_changed(pack_blobs(b"data")[0], 5, 0)],
    ],
    ids=[
        "none",
        "no end",
        "one too many",
        "more than fit",
        "a byte missing",
        "an element too large",
        "bytes after the end",
        "data that is cut off before its end",
    ],
)
def test_what_packing_does_not_make_does_not_unpack(blobs: list[bytes]) -> None:
    with pytest.raises(ValueError, match=r"blob|field element"):
        unpack_blobs(blobs)
