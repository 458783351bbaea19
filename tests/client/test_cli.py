"""The command `zkclob`."""

import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from sequencer.client import Wallet, cli
from tests.client.conftest import StandIn

KEY = "0x" + "07" * 32


def commands(group: click.Group, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Paths of all commands."""
    found: list[tuple[str, ...]] = []
    for name, command in group.commands.items():
        found.append((*path, name))
        if isinstance(command, click.Group):
            found += commands(command, (*path, name))
    return found


@pytest.mark.parametrize("path", [(), *commands(cli.cli)], ids=" ".join)
def test_every_command_has_help(path: tuple[str, ...]) -> None:
    result = CliRunner().invoke(cli.cli, [*path, "--help"])
    assert result.exit_code == 0
    assert result.output.count("\n") > 3


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr("sys.argv", ["zkclob", *arguments])
    cli.main()


def test_new_key_is_written_and_shown_without_its_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "key"
    for words in (("new",), ("show",)):
        with pytest.raises(SystemExit) as ended:
            run(monkeypatch, "--key-file", str(path), "--json", "keys", *words)
        assert ended.value.code == 0
    shown = capsys.readouterr().out
    secret = path.read_text().strip()
    assert secret.removeprefix("0x") not in shown
    assert shown.count('"address": "0x') == 2


def test_missing_key_says_how_to_make_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        run(monkeypatch, "--key-file", str(tmp_path / "none"), "keys", "show")
    assert ended.value.code == 1
    assert "zkclob keys new" in capsys.readouterr().err


def test_sequencer_that_is_not_running_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        run(monkeypatch, "--url", "http://127.0.0.1:1", "markets")
    assert ended.value.code == 1
    assert "is it running?" in capsys.readouterr().err


def test_refused_order_shows_the_reason(
    stand_in: StandIn, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    address = "0x" + Wallet.from_hex(KEY).address.hex()
    stand_in.refuse(f"GET /v1/accounts/{address}", 404, "UNKNOWN_ACCOUNT")
    stand_in.refuse("POST /v1/orders", 422, "UNKNOWN_ACCOUNT")
    monkeypatch.setenv("ZKCLOB_KEY", KEY)
    with pytest.raises(SystemExit) as ended:
        run(monkeypatch, "--url", stand_in.url, "order", "ETH/USDC", "buy", "1", "2500")
    assert ended.value.code == 1
    shown = capsys.readouterr().err
    assert "UNKNOWN_ACCOUNT" in shown
    assert "zkclob deposit" in shown


@pytest.mark.parametrize("price", ["2500.001", "-1", "1e5000000", "x", "9" * 25])
def test_price_that_cannot_be_used_is_refused_here(
    stand_in: StandIn, monkeypatch: pytest.MonkeyPatch, price: str
) -> None:
    address = "0x" + Wallet.from_hex(KEY).address.hex()
    stand_in.refuse(f"GET /v1/accounts/{address}", 404, "UNKNOWN_ACCOUNT")
    monkeypatch.setenv("ZKCLOB_KEY", KEY)
    with pytest.raises(SystemExit) as ended:
        run(monkeypatch, "--url", stand_in.url, "order", "ETH/USDC", "buy", "1", "--", price)
    assert ended.value.code != 0
    assert stand_in.posted == []


def test_markets_as_json(
    stand_in: StandIn, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        run(monkeypatch, "--url", stand_in.url, "--json", "markets")
    (market,) = json.loads(capsys.readouterr().out)
    assert (market["symbol"], market["tickSize"]) == ("ETH/USDC", "0.01")
