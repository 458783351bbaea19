"""The command `zkclob` against a whole sequencer."""

import json
from functools import partial
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from sequencer.client import Wallet, cli
from sequencer.client.answers import Withdrawal
from sequencer.client.keystore import Keystore
from sequencer.client.l1 import L1ActionError
from sequencer.core.codec import encode_inbox_deposit
from sequencer.core.types import Deposit
from tests.client.conftest import AGENT, ALICE, BOB, Exchange, StandIn
from tests.command import Zkclob, zkclob_command
from tests.world import ETH, START_MS

FAR = str(START_MS // 1000 + 10_000_000)
MARKET = "ETH/USDC"


@pytest.fixture
def zkclob(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Zkclob:
    """Runs the command. Its keystore is the test's own, with keys that cost nothing to open."""
    monkeypatch.setattr(cli, "Keystore", partial(Keystore, rounds=2))
    monkeypatch.setenv("ZKCLOB_KEYSTORE", str(tmp_path / "keys"))
    monkeypatch.delenv("ZKCLOB_KEY", raising=False)

    return zkclob_command(monkeypatch, capsys)


@pytest.fixture
def trade(zkclob: Zkclob, exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> Zkclob:
    """Runs the command at the exchange, with Alice's key."""
    monkeypatch.setenv("ZKCLOB_URL", exchange.url)
    monkeypatch.setenv("ZKCLOB_KEY", ALICE.l1.key.hex())
    return zkclob


def commands(group: click.Group, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Paths of all commands."""
    found: list[tuple[str, ...]] = []
    for name, command in group.commands.items():
        found.append((*path, name))
        if isinstance(command, click.Group):
            found += commands(command, (*path, name))
    return found


ALL = commands(cli.cli)
LEAVES = [path for path in ALL if not any(other[: len(path)] == path and other != path for other in ALL)]


@pytest.mark.parametrize("path", [(), *ALL], ids=" ".join)
def test_every_command_has_help(path: tuple[str, ...]) -> None:
    result = CliRunner().invoke(cli.cli, [*path, "--help"])
    assert result.exit_code == 0
    assert result.output.count("\n") > 3


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_every_command_shows_an_example_and_takes_json(path: tuple[str, ...]) -> None:
    result = CliRunner().invoke(cli.cli, [*path, "--help"])
    assert f"zkclob {' '.join(path)}" in result.output.split("Examples:")[1]
    assert "--json" in result.output


# -------------------------------------------------------------------------- keys


def test_key_is_made_listed_and_never_shown(
    zkclob: Zkclob, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ZKCLOB_PASSWORD", "pass word")
    made = zkclob("key", "new", "bot", "--json").answer
    assert zkclob("key", "list", "--json").answer == [{"name": "bot", "address": made["address"]}]
    assert zkclob("--key", "bot", "key", "address").out.strip() == made["address"]
    wallet = Keystore(tmp_path / "keys").load("bot", "pass word")
    everything = zkclob("key", "list").out + json.dumps(made)
    assert wallet.l1.key.hex().removeprefix("0x") not in everything
    assert zkclob("key", "new", "bot").status == 1


@pytest.mark.parametrize("source", ["input", "hex file", "encrypted file"])
def test_key_is_imported(zkclob: Zkclob, tmp_path: Path, source: str) -> None:
    secret = tmp_path / "password"
    secret.write_text("pw\n")
    path: Path | str = tmp_path / "key"
    stdin = ""
    match source:
        case "input":
            path, stdin = "-", f"0x{ALICE.l1.key.hex()}\n"
        case "hex file":
            (tmp_path / "key").write_text(ALICE.l1.key.hex())
        case _:
            path = Keystore(tmp_path / "other", rounds=2).save("other", ALICE, "pw")
    imported = zkclob("--password-file", secret, "key", "import", "--file", path, "--json", stdin=stdin)
    assert imported.answer["address"] == f"0x{ALICE.address.hex()}"
    assert Keystore(tmp_path / "keys").load("default", "pw").address == ALICE.address


def test_missing_key_says_how_to_make_one(zkclob: Zkclob) -> None:
    ended = zkclob("key", "address")
    assert (ended.status, "zkclob key new" in ended.err) == (1, True)


def test_key_of_the_keystore_signs(trade: Zkclob, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    Keystore(tmp_path / "keys", rounds=2).save("default", ALICE, "pw")
    monkeypatch.delenv("ZKCLOB_KEY")
    assert len(trade("balances", "--json").answer["balances"]) == 2  # no password is needed to read
    monkeypatch.setenv("ZKCLOB_PASSWORD", "pw")
    assert trade("order", MARKET, "buy", 1, 2500, "--json").answer["status"] == "resting"
    monkeypatch.setenv("ZKCLOB_PASSWORD", "PW")
    ended = trade("cancel-all")
    assert (ended.status, "password" in ended.err) == (1, True)


# ------------------------------------------------------------------------ trading


def test_order_is_placed_seen_replaced_and_cancelled(trade: Zkclob) -> None:
    placed = trade("order", MARKET, "sell", "0.5", "2500.5", "--client-id", 7, "--json").answer
    assert placed["status"] == "resting"
    line = "resting: sell ETH/USDC at 2500.5, filled 0, remaining 0.5\n"
    assert trade("order-status", placed["orderId"]).out.startswith(line)
    assert trade("order-status", "--client-id", 7).out.startswith(line)
    assert "2500.5  0.5   1" in trade("book", MARKET).out
    assert placed["orderId"] in trade("orders").out
    replaced = trade("replace", placed["orderId"], "0.4", "2500.5")
    assert "it kept its place" in replaced.out
    assert trade("cancel", "--client-id", 7).status == 1  # a replacement has a number of its own, or none
    assert trade("cancel", placed["orderId"], "--json").answer["remaining"] == "0.4"
    assert trade("orders", "--json").answer == []


def test_every_option_of_an_order_is_signed(trade: Zkclob) -> None:
    options = ("--tif", "POST_ONLY_GTT", "--self-trade", "decrement_both", "--client-id", 2**128 - 1)
    placed = trade("--json", "order", MARKET, "buy", 1, 2000, *options, "--deadline", FAR).answer
    (found,) = trade("orders", "--json").answer
    assert found["clientOrderId"] == str(2**128 - 1)
    assert (found["orderId"], found["timeInForce"]) == (placed["orderId"], "POST_ONLY_GTT")


def test_market_order_trades_and_both_see_it(trade: Zkclob, monkeypatch: pytest.MonkeyPatch) -> None:
    trade("order", MARKET, "sell", 1, 2500)
    monkeypatch.setenv("ZKCLOB_KEY", BOB.l1.key.hex())
    bought = trade("market-order", MARKET, "buy", "0.25")
    assert "filled: filled 0.25, remaining 0" in bought.out
    assert "0.25 at 2500, fee 0.000125" in bought.out
    assert trade("trades", MARKET, "--json").answer["trades"][0]["size"] == "0.25"
    ended = trade("market-order", MARKET, "buy", 5, "--worst", 2500, "--tif", "FOK")
    assert (ended.status, "FOK_NOT_FILLABLE" in ended.err) == (1, True)


def test_all_orders_are_cancelled(trade: Zkclob) -> None:
    trade("order", MARKET, "sell", 1, 2500)
    trade("order", MARKET, "sell", 1, 2600)
    assert len(trade("cancel-all", MARKET, "--json").answer["cancelled"]) == 2
    assert trade("cancel-all").out == "none\n"


def test_batch_file_of_json(trade: Zkclob, tmp_path: Path) -> None:
    path = tmp_path / "orders.json"
    actions = [
        {
            "action": "place",
            "market": MARKET,
            "side": "buy",
            "price": "2000",
            "size": "1",
            "clientOrderId": 9,
        },
        {"action": "place", "market": 1, "side": "buy", "price": "2000", "size": "1", "timeInForce": "FOK"},
        {"action": "cancel_client", "clientOrderId": "9"},
    ]
    path.write_text(json.dumps(actions))
    ended = trade("batch", path, "--json")
    assert ended.status == 1  # one was refused
    assert [result["code"] for result in json.loads(ended.out)["results"]] == ["OK", "FOK_NOT_FILLABLE", "OK"]
    path.write_text(json.dumps([actions[0]]))
    assert trade("batch", path).status == 0


def test_batch_file_of_csv(trade: Zkclob, tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text(
        "action,market,side,price,size,clientOrderId\n"
        "place,ETH/USDC,buy,2000,1,5\nplace,ETH/USDC,sell,3000,1,\ncancel_client,,,,,5\n"
    )
    ended = trade("batch", path)
    assert (ended.status, ended.out.count("resting")) == (0, 2)


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '[{"action": "fly"}]', '[{"action": "cancel", "orderId": 3}]', "[" * 5_000],
    ids=range(6),
)
def test_batch_file_that_says_nothing_is_refused(zkclob: Zkclob, tmp_path: Path, content: str) -> None:
    path = tmp_path / "orders.json"
    path.write_text(content)
    ended = zkclob("--url", "http://127.0.0.1:1", "batch", path)
    assert (ended.status, str(path) in ended.err or "key" in ended.err) == (1, True)


# -------------------------------------------------------------- money and agents


def test_money_moves(trade: Zkclob, exchange: Exchange) -> None:
    trade("transfer", "ETH", "1.5", f"0x{AGENT.address.hex()}")
    assert trade("balances", f"0x{AGENT.address.hex()}", "--json").answer["balances"][0]["total"] == "1.5"
    assert "zkclob claim" in trade("withdraw", "USDC", "100.5", "--max-relay-fee", "0.5").out
    (withdrawal,) = trade("withdrawals", "--json").answer["withdrawals"]
    assert (withdrawal["amount"], withdrawal["maxRelayFee"]) == ("100.5", "0.5")
    deposit = Deposit(START_MS // 1000, ETH, BOB.address, 10**18)
    exchange.run(exchange.world.submit_inbox(encode_inbox_deposit(deposit)))
    assert "credited" in trade("deposits", f"0x{BOB.address.hex()}").out


class FakeL1:
    """Stands for the contract on L1; claims of more than 100 units fail."""

    def __init__(self, rpc_url: str, exchange: str, wallet: Wallet) -> None:
        self.paid: list[tuple[int, int]] = []

    def require_chain(self, chain_id: int) -> None:
        assert chain_id == 31337

    def deposit(self, token: int, amount: int, account: bytes | None) -> bytes:
        self.paid.append((token, amount))
        return amount.to_bytes(32, "big")

    def claim(self, withdrawal: Withdrawal, decimals: int) -> bytes:
        if withdrawal.amount > 100:
            raise L1ActionError("the contract refuses: Paused()")
        return withdrawal.seq.to_bytes(32, "big")


def test_money_comes_from_l1_and_goes_there(
    trade: Zkclob, exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sequencer.client.cli.session.L1Account", FakeL1)
    assert trade("deposit", "USDC", "1.5", "--json").answer == {"transaction": f"0x{1_500_000:064x}"}
    assert "nothing to claim" in trade("claim").out
    seqs = [int(trade("withdraw", "USDC", amount, "--json").answer["seq"]) for amount in (50, 200)]
    exchange.run(exchange.world.close_batch())
    exchange.run(exchange.world.prove())
    while trade("withdrawals", "--json").answer["withdrawals"][0]["status"] != "settled":
        pass
    ended = trade("claim", "--json")
    assert ended.status == 1  # one could not be paid; the other was
    claimed = json.loads(ended.out)
    assert claimed["transactions"] == [f"0x{seqs[0]:064x}"]
    assert claimed["failures"] == [{"seq": str(seqs[1]), "message": "the contract refuses: Paused()"}]


def test_agent_trades_for_its_owner(trade: Zkclob, monkeypatch: pytest.MonkeyPatch) -> None:
    agent, owner = f"0x{AGENT.address.hex()}", f"0x{ALICE.address.hex()}"
    lane = trade("agents", "approve", agent, "--market", MARKET, "--json").answer["lane"]
    monkeypatch.setenv("ZKCLOB_KEY", AGENT.l1.key.hex())
    as_agent = ("--account", owner)
    assert trade(*as_agent, "order", MARKET, "buy", 1, 2000).status == 0
    assert trade("agents", "list", owner, "--json").answer[0]["lane"] == lane
    assert f"{owner}  {lane}" in trade("agents", "owners").out
    assert len(trade("--account", owner, "orders", "--json").answer) == 1
    monkeypatch.setenv("ZKCLOB_KEY", ALICE.l1.key.hex())
    assert "no rights" in trade("agents", "revoke", agent).out
    monkeypatch.setenv("ZKCLOB_KEY", AGENT.l1.key.hex())
    ended = trade(*as_agent, "cancel-all")
    assert (ended.status, "is no agent of" in ended.err) == (1, True)
    ended = trade(*as_agent, "--lane", lane, "cancel-all")
    assert (ended.status, "zkclob agents list" in ended.err) == (1, True)


def test_nonces_are_made_unusable(trade: Zkclob) -> None:
    assert "below 40" in trade("invalidate-nonces", 40).out
    lanes = trade("balances", "--json").answer["nonces"]
    assert {lane["lane"]: lane["next"] for lane in lanes}[0] == "40"


# -------------------------------------------------------------------------- reads


def test_reads(trade: Zkclob, exchange: Exchange) -> None:
    placed = trade("order", MARKET, "sell", 1, 2500, "--json").answer
    exchange.run(exchange.world.close_batch())
    assert "ok" in trade("status").out
    assert "USDC" in trade("tokens").out
    assert "ETH/USDC  0.01  0.0001" in trade("markets").out
    assert "OK, sealed" in trade("tx", placed["digest"]).out
    assert trade("blocks", "--json").answer["blocks"] == [trade("blocks", 1, "--json").answer]
    assert trade("batches", "--json").answer["batches"] == [trade("batches", 1, "--json").answer]
    assert "sealed" in trade("batches").out
    assert "2023-11-14" in trade("blocks").out


def test_book_is_shown_live(trade: Zkclob) -> None:
    trade("order", MARKET, "sell", 1, 2500)
    trade("order", MARKET, "buy", 1, 2400)
    picture = trade("book", MARKET, "--follow", "--updates", 1).out
    assert picture.startswith("ETH/USDC  seq 9  spread 100\n")  # no control codes where there is no terminal
    assert picture.index("2500") < picture.index("2400")
    shown = json.loads(trade("book", MARKET, "--follow", "--updates", 1, "--json").out)
    assert (shown["asks"], shown["current"]) == ([["2500", "1", 1]], True)


def test_channels_are_lines_of_json(trade: Zkclob) -> None:
    trade("order", MARKET, "sell", 1, 2500, "--client-id", 3)
    connected, orders = map(json.loads, trade("follow", "orders", "--updates", 2).out.splitlines())
    assert connected == {"type": "connected", "again": False}
    assert (orders["type"], orders["orders"][0]["clientOrderId"]) == ("snapshot", "3")
    assert trade("follow", "trades", MARKET, "--updates", 2).status == 0
    assert (trade("follow", "trades").status, "market" in trade("follow", "trades").err) == (1, True)
    assert trade("follow", "orders", MARKET).status == 1
    assert trade("follow", "balances", "--updates", 2).out.count("available") == 2
    assert '"symbol":"ETH/USDC"' in trade("follow", "ticker", MARKET, "--updates", 2).out
    assert trade("follow", "candles", MARKET, "--resolution", "1m", "--updates", 2).status == 0
    assert trade("follow", "blocks", "--updates", 2).status == 0


def test_history_of_an_account(trade: Zkclob, monkeypatch: pytest.MonkeyPatch) -> None:
    trade("order", MARKET, "sell", 1, 2500)
    trade("transfer", "USDC", 5, f"0x{BOB.address.hex()}")
    monkeypatch.setenv("ZKCLOB_KEY", BOB.l1.key.hex())
    trade("market-order", MARKET, "buy", "0.25")
    assert "last" in trade("ticker").out
    assert trade("ticker", MARKET, "--json").answer["last"] == "2500"
    assert trade("candles", MARKET, "--resolution", "1d", "--json").answer["candles"][0][5] == "0.25"
    assert "2500" in trade("candles", MARKET).out
    assert trade("candles", MARKET, "--from", "1h").out == "none\n"  # the test's exchange lives in the past
    assert "0.000125 ETH  taker" in trade("fills").out
    assert trade("fills", "--market", MARKET, "--json").answer["fills"][0]["role"] == "taker"
    assert "filled" in trade("orders", "--history").out
    assert trade("orders", "--history", "--status", "cancelled").out == "none\n"
    assert "trade" in trade("ledger").out
    first = trade("ledger", "--limit", 1, "--json").answer
    assert (first["has_more"], first["entries"][0]["type"]) == (True, "fee")
    rest = trade("ledger", "--before", first["next"], "--json").answer["entries"]
    assert first["entries"][0] not in rest
    assert f"more: --before {first['next']}" in trade("ledger", "--limit", 1).out
    assert trade("transfers", "--json").answer["transfers"][0]["amount"] == "5"
    assert trade("transfers").out.count("0x") == 2


def test_dead_man_switch(trade: Zkclob, exchange: Exchange) -> None:
    trade("order", MARKET, "sell", 1, 2500)
    armed = trade("dead-man-switch", "arm", 60, "--market", MARKET, "--json").answer
    assert (armed["status"], armed["timeoutSeconds"]) == ("armed", 60)
    exchange.world.clock.advance(30_000)
    assert trade("dead-man-switch", "renew", armed["id"], "--json").answer["due"] == armed["due"] + 30
    assert "armed, due 2023-11-14 22:14:50 UTC" in trade("dead-man-switch", "show", armed["id"]).out
    assert "disarmed" in trade("dead-man-switch", "disarm", armed["id"]).out
    ended = trade("dead-man-switch", "renew", armed["id"])
    assert (ended.status, "NOT_ARMED" in ended.err) == (1, True)
    assert "dead-man-switch  disarmed" in trade("triggers", "list").out
    assert len(trade("orders", "--json").answer) == 1


def test_triggers(trade: Zkclob, tmp_path: Path) -> None:
    stop = trade("triggers", "arm", MARKET, "falling", 2400, "sell", 1, 2350, "--json").answer
    assert (stop["status"], stop["triggerPrice"]) == ("armed", "2400")
    assert "armed: ETH/USDC falling to 2400" in trade("triggers", "show", stop["id"]).out
    path = tmp_path / "orders.json"
    path.write_text(json.dumps([{"action": "cancel_all"}]))
    assert trade("triggers", "arm-batch", MARKET, "rising", 2600, path).status == 0
    assert "disarmed" in trade("triggers", "disarm", stop["id"]).out
    listed = trade("triggers", "list", "--json").answer
    assert sorted(found["status"] for found in listed) == ["armed", "disarmed"]
    assert trade("triggers", "arm", MARKET, "falling", "2400.001", "sell", 1, 2350).status == 1
    assert trade("triggers", "show", "../x").status == 2


KEYS: dict[str, set[str]] = {
    "status": {"health", "info"},
    "tokens": {"id", "symbol", "address", "decimals"},
    "markets": {
        *("id", "symbol", "base", "quote", "tickSize", "lotSize", "minNotional", "status", "lastPrice"),
        *("makerFee", "takerFee", "priceBand"),
    },
    "book ETH/USDC": {"market", "seq", "bids", "asks"},
    "trades ETH/USDC": {"trades", "has_more", "next"},
    "balances": {"balances", "nonces", "agents", "openOrders"},
    "orders": {
        *("orderId", "account", "market", "side", "price", "remaining", "status", "clientOrderId"),
        *("timeInForce", "size", "filled", "seq", "reason", "created"),
    },
    "ticker": {"market", "symbol", "time", "bid", "ask", "last", "volume"},
    "candles ETH/USDC": {"candles", "has_more", "next"},
    "fills": {"fills", "has_more", "next"},
    "ledger": {"entries", "has_more", "next"},
    "deposits": {"deposits", "has_more", "next"},
    "withdrawals": {"withdrawals", "has_more", "next"},
    "transfers": {"transfers", "has_more", "next"},
    "orders --history": {"orders", "has_more", "next"},
    "agents owners": {"accounts", "has_more", "next"},
    "dead-man-switch arm 60": {"id", "status", "digest", "nonce", "due", "timeoutSeconds"},
    "triggers list": {"kind", "digest", "nonce", "status", "armed", "ended"},
    "agents list": {"agent", "lane", "expiry", "markets"},
    "blocks": {"blocks", "has_more", "next"},
    "blocks 1": {"number", "timestamp", "endSeq", "stateRoot", "batch"},
    "batches": {"batches", "has_more", "next"},
    "cancel-all": {"seq", "digest", "block", "receipt", "cancelled"},
}


@pytest.mark.parametrize("command", KEYS)
def test_json_has_these_keys_at_least(trade: Zkclob, exchange: Exchange, command: str) -> None:
    """Scripts read them: a key may be added, none may go."""
    trade("order", MARKET, "sell", 1, 2500)
    trade("triggers", "arm", MARKET, "falling", 2400, "sell", 1, 2350)
    trade("agents", "approve", f"0x{AGENT.address.hex()}")
    exchange.run(exchange.world.close_batch())
    answer = trade(*command.split(), "--json").answer
    assert KEYS[command] <= (answer[0] if isinstance(answer, list) else answer).keys()


# ------------------------------------------------------------------------- errors


def test_sequencer_that_is_not_running_says_so(zkclob: Zkclob) -> None:
    ended = zkclob("--url", "http://127.0.0.1:1", "markets")
    assert (ended.status, "is it running?" in ended.err) == (1, True)


def test_refused_order_shows_the_reason(trade: Zkclob, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZKCLOB_KEY", AGENT.l1.key.hex())
    ended = trade("order", MARKET, "buy", 1, 2500)
    assert (ended.status, ended.out) == (1, "")
    assert "UNKNOWN_ACCOUNT" in ended.err
    assert "zkclob deposit" in ended.err


def test_refusal_as_json(trade: Zkclob) -> None:
    ended = trade("order", MARKET, "buy", "0.0001", 2500, "--json")
    error = json.loads(ended.err)
    assert (ended.status, ended.out, error["code"]) == (1, "", "BELOW_MINIMUM")
    assert error["details"]["minimum"] == "10000000"
    assert error.keys() == {"code", "message", "advice", "details", "requestId"}


def test_receipts_are_kept_and_can_be_fetched_again(trade: Zkclob, tmp_path: Path) -> None:
    kept, fetched = tmp_path / "kept", tmp_path / "fetched"
    placed = trade("--receipts", kept, "order", MARKET, "sell", 1, 2500, "--json").answer
    assert (
        trade("--receipts", fetched, "receipts", "get", placed["seq"], "--json").answer == placed["receipt"]
    )
    assert kept.read_bytes() == fetched.read_bytes()
    assert trade("receipts", "get", int(placed["seq"]) + 1).status == 1
    nowhere = tmp_path / "nothing" / "there"
    assert "cannot keep" in trade("--receipts", nowhere, "receipts", "get", placed["seq"]).err
    assert "cannot open" in trade("--receipts", nowhere, "cancel-all").err


def test_order_without_an_answer_says_where_to_look(
    stand_in: StandIn, zkclob: Zkclob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZKCLOB_KEY", ALICE.l1.key.hex())
    stand_in.drop("POST /v1/orders")
    ended = zkclob("--url", stand_in.url, "order", MARKET, "buy", 1, 2500)
    assert (ended.status, "zkclob tx 0x" in ended.err) == (1, True)


@pytest.mark.parametrize("price", ["-1", "1e5000000", "x", "9" * 25, "2500.001"])
def test_price_that_cannot_be_used_is_refused_here(
    stand_in: StandIn, zkclob: Zkclob, monkeypatch: pytest.MonkeyPatch, price: str
) -> None:
    monkeypatch.setenv("ZKCLOB_KEY", ALICE.l1.key.hex())
    ended = zkclob("--url", stand_in.url, "order", MARKET, "buy", "1", "--", price)
    assert ended.status in (1, 2)
    assert stand_in.posted == []


@pytest.mark.parametrize(
    "arguments",
    ["fly", "order", "cancel", "order ETH/USDC hold 1 1", "tx 0x00", "agents approve 0x00", "--x"],
)
def test_what_is_not_understood_ends_with_2(zkclob: Zkclob, arguments: str) -> None:
    assert zkclob(*arguments.split()).status == 2
