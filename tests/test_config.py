"""The configuration: what is missing or dangerous is refused by name."""

from pathlib import Path

import msgspec
import pytest

from sequencer.config import (
    ConfigError,
    DataCarrier,
    Limits,
    ProofMode,
    Rate,
    Relay,
    RelayMode,
    VerifierKind,
    load,
    load_deployment,
    read_key,
    read_token,
    require_safe,
)
from tests.world import DEPLOYMENT

SETTINGS = """
data_dir = "data"
deployment = "deployment.json"
rpc_url = "http://127.0.0.1:8545"
poster_key_file = "/keys/poster"
receipt_key_file = "receipt.key"
prover_token_file = "token"
proof_mode = "execute"
"""
ANVIL_KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"


def written(folder: Path, text: str) -> Path:
    """A configuration file."""
    path = folder / "sequencer.toml"
    path.write_text(text)
    return path


def test_paths_are_relative_to_the_file_and_the_environment_takes_precedence(tmp_path: Path) -> None:
    text = SETTINGS + 'port = 1\n[worker]\nprogram = "bin/prover"\nelf = "guest"\n'
    config = load(written(tmp_path, text), {"ZKCLOB_PORT": "9000", "ZKCLOB_RPC_URL": "http://node"})
    assert config.data_dir == tmp_path / "data"
    assert config.poster_key_file == Path("/keys/poster")
    assert config.receipt_key_file == tmp_path / "receipt.key"
    assert config.worker is not None
    assert config.worker.program == tmp_path / "bin/prover"
    assert (config.port, config.rpc_url, config.proof_mode) == (9000, "http://node", ProofMode.EXECUTE)
    assert config.data_carrier is DataCarrier.CALLDATA


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (("proof_mode", "proof_mod"), "proof_mod"),
        (('proof_mode = "execute"', ""), "proof_mode"),
        (('"execute"', '"mock"'), "proof_mode"),
        (("rpc_url", 'data_carrier = "both"\nrpc_url'), "data_carrier"),
        (("rpc_url", "port = 70000\nrpc_url"), "port"),
        (("rpc_url =", "rpc_url"), "Expected '='"),
        (('"execute"', '"execute"\n[limits.account]\nper_s = -1'), "per_s"),
        (('"execute"', '"execute"\n[limits]\nacount = { per_s = 1 }'), "acount"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, change: tuple[str, str], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        load(written(tmp_path, SETTINGS.replace(*change)), {})


def test_a_rate_of_zero_or_none_is_the_default(tmp_path: Path) -> None:
    text = (
        SETTINGS + "[limits]\nconnections = 7\naccount = { per_s = 0, burst = 5 }\nclient = { per_s = 9 }\n"
    )
    limits = load(written(tmp_path, text), {}).limits
    default = Limits()
    assert (limits.enabled, limits.connections) == (True, 7)
    assert limits.rate("account") == Rate(default.rate("account").per_s, 5)
    assert limits.rate("client") == Rate(9, default.rate("client").burst)
    assert limits.rate("client_reads") == default.rate("client_reads")


@pytest.mark.parametrize("kind", VerifierKind)
@pytest.mark.parametrize("mode", ProofMode)
def test_the_proof_mode_fits_the_verifier(tmp_path: Path, mode: ProofMode, kind: VerifierKind) -> None:
    config = load(written(tmp_path, SETTINGS.replace("execute", mode)), {})
    deployment = msgspec.structs.replace(DEPLOYMENT, verifier_kind=kind)
    if (mode is ProofMode.EXECUTE) == (kind is VerifierKind.MOCK):
        require_safe(config, deployment)
    else:
        with pytest.raises(ConfigError, match=f"proof_mode '{mode}' does not fit .* verifier '{kind}'"):
            require_safe(config, deployment)


@pytest.mark.parametrize(
    ("mode", "kind"),
    [("execute", VerifierKind.MOCK), ("cpu", VerifierKind.LOCAL), ("cuda", VerifierKind.SP1)],
)
def test_only_the_production_verifier_is_taken_where_there_is_money(
    tmp_path: Path, mode: str, kind: VerifierKind
) -> None:
    config = load(written(tmp_path, SETTINGS.replace("execute", mode)), {})
    deployment = msgspec.structs.replace(DEPLOYMENT, chain_id=1, verifier_kind=kind)
    if kind is VerifierKind.SP1:
        require_safe(config, deployment)
    else:
        with pytest.raises(ConfigError, match="refused on chain 1,"):
            require_safe(config, deployment)


def test_the_environment_does_not_choose_the_proof_mode(tmp_path: Path) -> None:
    assert load(written(tmp_path, SETTINGS), {"ZKCLOB_PROOF_MODE": "cpu"}).proof_mode is ProofMode.EXECUTE


def test_a_prover_is_for_modes_that_prove(tmp_path: Path) -> None:
    text = SETTINGS + '[worker]\nprogram = "worker"\nelf = "guest"\nprover = "prover"\n'
    with pytest.raises(ConfigError, match=r"worker\.prover"):
        require_safe(load(written(tmp_path, text), {}), DEPLOYMENT)
    config = load(written(tmp_path, text.replace("execute", "cpu")), {})
    require_safe(config, msgspec.structs.replace(DEPLOYMENT, verifier_kind=VerifierKind.LOCAL))
    assert config.worker is not None
    assert config.worker.prover == tmp_path / "prover"


def test_keys_that_everybody_knows_are_refused_off_the_development_chain(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text(ANVIL_KEY + "\n")
    assert read_key(path, 31337) == bytes.fromhex(ANVIL_KEY[2:])
    with pytest.raises(ConfigError, match="everybody knows"):
        read_key(path, 1)
    path.write_text("0x" + "42" * 32)
    assert read_key(path, 1) == b"\x42" * 32
    path.write_text("0x1234")
    with pytest.raises(ConfigError) as refused:
        read_key(path, 1)
    assert "1234" not in str(refused.value)


def test_a_token_that_can_be_guessed_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("secret")
    with pytest.raises(ConfigError, match="16"):
        read_token(path)
    path.write_text("0123456789abcdef\n")
    assert read_token(path) == "0123456789abcdef"


def test_the_deployment_file_is_read_as_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "deployment.json"
    path.write_bytes(msgspec.json.encode(DEPLOYMENT))
    assert load_deployment(path) == DEPLOYMENT
    path.write_text('{"chain_id": 31337}')
    with pytest.raises(ConfigError, match="exchange"):
        load_deployment(path)
    path.write_bytes(msgspec.json.encode(DEPLOYMENT).replace(b'"mock"', b'"mine"'))
    with pytest.raises(ConfigError, match="verifier_kind"):
        load_deployment(path)


def test_relaying_needs_a_key_and_fees_only_where_it_takes_them(tmp_path: Path) -> None:
    def relay(text: str) -> Relay:
        config = load(written(tmp_path, f"{SETTINGS}[relay]\n{text}"), {})
        require_safe(config, DEPLOYMENT)
        return config.relay

    assert relay("").mode is RelayMode.OFF
    with pytest.raises(ConfigError, match="key_file"):
        relay('mode = "free"')
    with pytest.raises(ConfigError, match="min_fees"):
        relay('mode = "fee"\nkey_file = "relayer.key"')
    with pytest.raises(ConfigError, match="min_fees"):
        relay('mode = "free"\nkey_file = "relayer.key"\nmin_fees = { 1 = 5 }')
    fees = relay(f'mode = "fee"\nkey_file = "relayer.key"\nmin_fees = {{ 1 = "{2**70}", 2 = 300 }}')
    assert fees.min_fees == {1: 2**70, 2: 300}
    assert fees.key_file == tmp_path / "relayer.key"
