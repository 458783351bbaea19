"""The committed Groth16 verifier is what gnark makes of the verifying key that SP1 publishes."""

import re
import shutil
import subprocess
from hashlib import sha256
from pathlib import Path

import pytest

from scripts.local_verifier import SP1_VERIFIER_HASH, SP1_VK_ROOT

ROOT = Path(__file__).resolve().parents[2]
COMMITTED = ROOT / "contracts/src/verifiers/Groth16Verifier.sol"
SHA256 = "f54a456bfd9f567522696d2fe2f6a27bb2aef5072bf4a4aaab30a550983d34eb"


def test_the_committed_verifier_was_not_edited() -> None:
    """Holds on machines without Go too."""
    assert sha256(COMMITTED.read_bytes()).hexdigest() == SHA256


def test_contract_and_deployment_hold_the_same_constants() -> None:
    source = (ROOT / "contracts/src/verifiers/SP1Verifier.sol").read_text()
    constants = dict(re.findall(r"bytes32 public constant (\w+) = 0x(\w{64});", source))
    assert constants == {"VERIFIER_HASH": SP1_VERIFIER_HASH.hex(), "VK_ROOT": SP1_VK_ROOT.hex()}


@pytest.mark.slow
@pytest.mark.skipif(
    shutil.which("go") is None,
    reason="NOT COMPARED with the verifying key: install Go 1.24 or newer to make the verifier anew",
)
def test_the_committed_verifier_is_of_the_published_key(tmp_path: Path) -> None:
    made = tmp_path / "Groth16Verifier.sol"
    done = subprocess.run([ROOT / "scripts/make_verifier.sh", made], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert made.read_bytes() == COMMITTED.read_bytes()
