"""Keys and signatures."""

from pathlib import Path

import pytest
from eth_account import Account

from sequencer.client.wallet import Wallet, WalletError


def test_signature_recovers_to_the_address() -> None:
    wallet = Wallet.generate()
    digest = bytes(range(32))
    signature = wallet.sign(digest)
    assert signature[64] in (27, 28)
    assert Account._recover_hash(digest, signature=signature) == wallet.l1.address


def test_saved_key_is_private_and_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "new" / "key"
    wallet = Wallet.generate()
    wallet.save(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert Wallet.load(path).address == wallet.address
    with pytest.raises(WalletError):
        wallet.save(path)


def test_a_place_where_no_key_can_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(WalletError, match="--key-file"):
        Wallet.generate().save(tmp_path / "file" / "key")
    (tmp_path / "file").write_bytes(b"\xff" * 32)
    (tmp_path / "file").chmod(0o600)
    with pytest.raises(WalletError, match="32 bytes of hex"):
        Wallet.load(tmp_path / "file")


def test_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("0x" + "01" * 32)
    path.chmod(0o644)
    with pytest.raises(WalletError, match="chmod 600"):
        Wallet.load(path)


@pytest.mark.parametrize("text", ["", "0x", "00" * 32, "ff" * 32, "01" * 31, "key"])
def test_what_is_not_a_key_is_refused(text: str) -> None:
    with pytest.raises(WalletError):
        Wallet.from_hex(text)
