"""The composition root: what keeps a sequencer from starting, or from going on where it must not."""

import socket
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from sequencer.__main__ import Sequencer, main
from sequencer.adapters.l1 import Head
from sequencer.config import ConfigError, load
from tests.properties.replica import CHAIN_ID, SEPARATOR
from tests.world import DEPLOYMENT, VKEY


def written(folder: Path, port: int = 0) -> Path:
    """A configuration with all its files."""
    (folder / "deployment.json").write_bytes(msgspec.json.encode(DEPLOYMENT))
    (folder / "key").write_text("0x" + "42" * 32)
    (folder / "token").write_text("0123456789abcdef")
    path = folder / "sequencer.toml"
    path.write_text(f"""
data_dir = "data"
deployment = "deployment.json"
rpc_url = "http://127.0.0.1:1"
poster_key_file = "key"
receipt_key_file = "key"
prover_token_file = "token"
proof_mode = "execute"
port = {port}
""")
    return path


@dataclass
class FakeContract:
    """The facts of a contract with some batches."""

    batches: int
    vkey: bytes = VKEY
    verifier_address: str = "0x" + "33" * 20
    delays_found: tuple[int, ...] = msgspec.structs.astuple(DEPLOYMENT.delays)

    def chain_id(self) -> int:
        return CHAIN_ID

    def domain_separator(self) -> bytes:
        return SEPARATOR

    def program_vkey(self) -> bytes:
        return self.vkey

    def verifier(self) -> str:
        return self.verifier_address

    def delays(self) -> tuple[int, ...]:
        return self.delays_found

    def head(self) -> Head:
        return Head(bytes(32), self.batches, 0, 0, 0, 1)


@pytest.mark.parametrize(
    ("contract", "reason"),
    [
        (FakeContract(0), None),
        (FakeContract(3), "L1 has 3 batches, the database 0"),
        (FakeContract(0, b"\x01" * 32), "program key"),
        (FakeContract(0, VKEY, "0x" + "44" * 20), "verifier on L1"),
        (FakeContract(0, delays_found=(1, 2, 3, 4, 5, 6)), "delays on L1"),
    ],
)
async def test_a_contract_that_does_not_fit_the_database_halts_the_node(
    tmp_path: Path, contract: FakeContract, reason: str | None
) -> None:
    sequencer = Sequencer(load(written(tmp_path), {}))
    sequencer.contract = contract  # type: ignore[assignment]
    await sequencer._check_chain()
    sequencer.store.close()
    sequencer.history.close()
    halted = sequencer.node.halt_reason
    assert halted is None if reason is None else reason in (halted or "")


@pytest.mark.parametrize(("key", "refused"), [("42", True), ("43", False)])
def test_the_relayer_needs_a_key_of_its_own(tmp_path: Path, key: str, refused: bool) -> None:
    path = written(tmp_path)
    (tmp_path / "relayer.key").write_text("0x" + key * 32)
    path.write_text(path.read_text() + '[relay]\nmode = "free"\nkey_file = "relayer.key"\n')
    if refused:
        with pytest.raises(ConfigError, match="another key"):
            Sequencer(load(path, {}))
    else:
        sequencer = Sequencer(load(path, {}))
        assert sequencer.relayer is not None
        sequencer.store.close()
        sequencer.history.close()


def test_a_port_that_is_taken_is_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        config = written(tmp_path, taken.getsockname()[1])
        result = CliRunner().invoke(main, ["serve", "--config", str(config)])
    assert result.exit_code == 1
    assert "address already in use" in result.output
    assert "Traceback" not in result.output
