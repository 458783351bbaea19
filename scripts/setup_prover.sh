#!/usr/bin/env bash
# Builds the programs that make proofs: `zkclob-prove` (SP1's prover, Rust) and `zkclob-groth16` (gnark, Go), and puts
# them beside the worker in ${ZKCLOB_CACHE:-~/.cache/zkclob}. The first time takes about 12 minutes on 2 cores and 3 GB of
# disk; later runs do nothing until the sources change. Only `make prove-demo` and workers that prove need it.
#
#   scripts/setup_prover.sh [--features cuda,network]    clients of a GPU and of Succinct's prover network too
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cache="${ZKCLOB_CACHE:-$HOME/.cache/zkclob}"
programs="$cache/target/release"
manifest="$root/sp1_program/prove/Cargo.toml"
gnark_build="$cache/groth16-build"
# Apart from the other crates' so that neither build waits for the other.
export CARGO_TARGET_DIR="$cache/prove-target"

say() { echo "setup_prover: $*"; }
die() { echo "setup_prover: $*" >&2; exit 1; }

features=()
case "${1:-}" in
    "") ;;
    --features) features=(--features "${2:?name the features}") ;;
    *) sed -n '2,6s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 0 ;;
esac

need() { command -v "$1" >/dev/null || die "$1 is missing: $2"; }

check_machine() {
    need cargo "install Rust 1.91 or newer with rustup"
    need python3 "install Python 3"
    need go "install Go 1.24 or newer (https://go.dev/dl)"
    need protoc "install it (Debian: protobuf-compiler; macOS: brew install protobuf)"
    need clang "install it with libclang (Debian: clang libclang-dev; macOS: xcode-select --install)"
}

# The folder of a crate in cargo's own store, where cargo has checked it against the lock file.
crate_folder() {
    cargo metadata --format-version 1 --locked --manifest-path "$manifest" | python3 -c '
import json, pathlib, sys
packages = json.load(sys.stdin)["packages"]
print(next(pathlib.Path(p["manifest_path"]).parent for p in packages if p["name"] == sys.argv[1]))' "$1"
}

# A program that runs keeps its old file.
install_program() { cp "$1" "$programs/.$2" && mv -f "$programs/.$2" "$programs/$2"; }

build_rust() {
    say "building zkclob-prove (the first time about 12 minutes)"
    cargo build --release --locked --manifest-path "$manifest" ${features[@]+"${features[@]}"}
    install_program "$CARGO_TARGET_DIR/release/zkclob-prove" zkclob-prove
}

# SP1's circuit is a Go package inside a crate. What is for GPUs needs modules of its own and is left out.
build_go() {
    say "building zkclob-groth16"
    rm -rf "$gnark_build"
    mkdir -p "$gnark_build"
    cp -R "$(crate_folder sp1-recursion-gnark-ffi)/go" "$gnark_build/circuit"
    chmod -R u+w "$gnark_build"
    rm -f "$gnark_build"/circuit/sp1/*icicle*
    cp -R "$root/sp1_program/prove/groth16" "$gnark_build/program"
    (cd "$gnark_build/program" && CGO_ENABLED=1 go build -o zkclob-groth16 . && go test ./...)
    install_program "$gnark_build/program/zkclob-groth16" zkclob-groth16
}

# Any wrapped proof gives the circuit; SP1's crate brings one.
copy_template() {
    mkdir -p "$cache/groth16"
    cp "$(crate_folder sp1-prover)/wrapped_proof.bin" "$cache/groth16/template_proof.bin"
}

fingerprint() { # one hash over all that the programs are made from
    local files
    cd "$root"
    files="$(find sp1_program/prove sp1_program/host/src sp1_program/host/Cargo.toml sp1_program/Cargo.toml \
        scripts/setup_prover.sh -type f -not -path '*/target/*' | LC_ALL=C sort)"
    { echo "$files"; git hash-object --stdin-paths <<<"$files"; } | git hash-object --stdin
}

stamp="$cache/stamps/prove"
# Without --features, programs that were built with some will do.
print="$(fingerprint) ${features[*]-}"
built="$(cat "$stamp" 2>/dev/null || true)"
if [ -x "$programs/zkclob-prove" ] && [ -x "$programs/zkclob-groth16" ] && [ "${built#"$print"}" != "$built" ]; then
    exit 0
fi
check_machine
mkdir -p "$programs" "$(dirname "$stamp")"
build_rust
build_go
copy_template
echo "$print" >"$stamp"
say "ready: $programs/zkclob-prove and zkclob-groth16"
