#!/usr/bin/env bash
# Generates contracts/src/verifiers/Groth16Verifier.sol, or the file that is named, from the verifying key in the crate
# sp1-verifier. The result is committed, so only a change of the SP1 version needs this; a test compares the two. Needs
# cargo and Go 1.24 or newer.
#
#   scripts/make_verifier.sh [FILE]
set -euo pipefail

sp1_version=6.10.0
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
target="$(realpath "${1:-$root/contracts/src/verifiers/Groth16Verifier.sol}")"
crate="${ZKCLOB_CACHE:-$HOME/.cache/zkclob}/sp1-verifier-$sp1_version"

die() { echo "make_verifier: $*" >&2; exit 1; }

# Lets cargo download and check the crate; gives the path of the key inside cargo's own store.
verifying_key() {
    mkdir -p "$crate/src"
    : >"$crate/src/lib.rs"
    cat >"$crate/Cargo.toml" <<EOF
[package]
name = "verifying-key-source"
version = "0.0.0"
edition = "2021"

[dependencies]
sp1-verifier = { version = "=$sp1_version", default-features = false }

[workspace]
EOF
    cargo fetch --quiet --manifest-path "$crate/Cargo.toml"
    ls "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*/sp1-verifier-"$sp1_version"/vk-artifacts/groth16_vk.bin | head -1
}

command -v cargo >/dev/null || die "cargo is missing"
command -v go >/dev/null || die "go is missing"
echo "make_verifier: fetching sp1-verifier $sp1_version"
key="$(verifying_key)"
echo "make_verifier: exporting with gnark"
(cd "$root/scripts/verifier" && go run . "$key" "$target")
echo "make_verifier: wrote ${target#"$root"/}"
