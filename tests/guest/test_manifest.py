"""The committed guest is the one that its manifest describes, made from the sources beside it."""

import json
from hashlib import sha256
from pathlib import Path

PROGRAM = Path(__file__).parents[2] / "sp1_program"
MANIFEST = json.loads((PROGRAM / "elf" / "manifest.json").read_text())


def test_manifest_has_the_hash_of_the_guest() -> None:
    assert (
        MANIFEST["elf_sha256"] == f"0x{sha256((PROGRAM / 'elf' / 'zkclob-program').read_bytes()).hexdigest()}"
    )


def test_guest_is_not_stale() -> None:
    """Fails after a change of the guest's sources: `make elf` builds it anew."""
    parts = [PROGRAM / "core" / "Cargo.toml", PROGRAM / "Cargo.toml", PROGRAM / "Cargo.lock"]
    parts += [
        path for folder in ("core/src", "program") for path in (PROGRAM / folder).rglob("*") if path.is_file()
    ]
    listed = "".join(
        f"{sha256(path.read_bytes()).hexdigest()}  {path.relative_to(PROGRAM)}\n"
        for path in sorted(parts, key=lambda path: str(path.relative_to(PROGRAM)))
    )
    assert MANIFEST["sources_sha256"] == f"0x{sha256(listed.encode()).hexdigest()}"
