"""Keys and signatures."""

import pytest
from eth_account import Account

from sequencer.client.wallet import Wallet, WalletError


def test_signature_recovers_to_the_address() -> None:
    wallet = Wallet.generate()
    digest = bytes(range(32))
    signature = wallet.sign(digest)
    assert signature[64] in (27, 28)
    assert Account._recover_hash(digest, signature=signature) == wallet.l1.address


def test_wallet_does_not_show_its_key() -> None:
    wallet = Wallet(b"\x07" * 32)
    assert repr(wallet) == f"Wallet({wallet.l1.address})"


@pytest.mark.parametrize("text", ["", "0x", "00" * 32, "ff" * 32, "01" * 31, "key"])
def test_what_is_not_a_key_is_refused(text: str) -> None:
    with pytest.raises(WalletError):
        Wallet.from_hex(text)
