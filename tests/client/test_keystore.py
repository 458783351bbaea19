"""Encrypted keys on disk."""

import json
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account

from sequencer.client.keystore import Keystore, decrypt
from sequencer.client.wallet import Wallet, WalletError

ROUNDS = 2
WALLET = Wallet(b"\x07" * 32)


@pytest.fixture
def keystore(tmp_path: Path) -> Keystore:
    return Keystore(tmp_path / "keys", ROUNDS)


def test_key_survives_and_is_private(keystore: Keystore) -> None:
    path = keystore.save("bot", WALLET, "pass word")
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert WALLET.l1.key.hex() not in path.read_text()
    assert keystore.load("bot", "pass word").l1.key == WALLET.l1.key
    assert (keystore.names(), keystore.address("bot")) == (["bot"], WALLET.address)


def test_other_wallets_read_it(keystore: Keystore) -> None:
    path = keystore.save("bot", WALLET, "pw")
    assert bytes(Account.decrypt(path.read_text(), "pw")) == bytes(WALLET.l1.key)


def test_key_is_not_overwritten(keystore: Keystore) -> None:
    keystore.save("bot", WALLET, "pw")
    with pytest.raises(WalletError, match="another name"):
        keystore.save("bot", Wallet.generate(), "pw")
    assert keystore.address("bot") == WALLET.address


def test_wrong_password_is_told_from_a_broken_file(keystore: Keystore) -> None:
    path = keystore.save("bot", WALLET, "pw")
    with pytest.raises(WalletError, match="password"):
        keystore.load("bot", "PW")
    path.write_text("{}")
    with pytest.raises(WalletError, match="not the file of an encrypted key"):
        keystore.load("bot", "pw")


def test_file_that_names_another_address_is_refused(keystore: Keystore) -> None:
    path = keystore.save("bot", WALLET, "pw")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"address": "0x" + "11" * 20}))
    with pytest.raises(WalletError, match="another key than it says"):
        keystore.load("bot", "pw")


@pytest.mark.parametrize(
    "content", ["", "[]", "3", '{"version": 3}', '{"version": 3, "crypto": {"kdf": "x"}}']
)
def test_what_is_no_key_is_refused(keystore: Keystore, content: str) -> None:
    keystore.save("bot", WALLET, "pw").write_text(content)
    with pytest.raises(WalletError):
        keystore.load("bot", "pw")
    with pytest.raises(WalletError):
        keystore.address("bot")


@pytest.mark.parametrize("encrypted", [{}, {"version": 4}, {"version": 3, "crypto": []}])
def test_what_is_no_encrypted_key_is_refused(encrypted: dict[str, Any]) -> None:
    with pytest.raises(WalletError, match=r"file: |file is not"):
        decrypt(encrypted, "pw", "file")


def test_key_that_others_can_read_is_refused(keystore: Keystore) -> None:
    keystore.save("bot", WALLET, "pw").chmod(0o644)
    with pytest.raises(WalletError, match="chmod 600"):
        keystore.load("bot", "pw")


@pytest.mark.parametrize("name", ["", "../key", "a/b", "a.json", "x" * 65, "ü"])
def test_names_stay_in_the_folder(keystore: Keystore, name: str) -> None:
    with pytest.raises(WalletError, match="no name"):
        keystore.save(name, WALLET, "pw")


def test_missing_key_says_how_to_make_one(keystore: Keystore) -> None:
    with pytest.raises(WalletError, match="zkclob key new"):
        keystore.load("bot", "pw")


def test_a_place_where_no_key_can_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(WalletError, match="--keystore"):
        Keystore(tmp_path / "file" / "keys", ROUNDS).save("bot", WALLET, "pw")
