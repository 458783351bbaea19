#!/usr/bin/env bash
# Builds the guest program and writes it with its verifying key to sp1_program/elf. Takes minutes the first time.
#
#   scripts/build_elf.sh             with a rustc that has its standard library's sources (Debian: rustc-web,
#                                    rust-web-src, cargo-web and lld; or rustup component add rust-src)
#   scripts/build_elf.sh --official  with SP1's own toolchain (cargo prove build)
#   scripts/build_elf.sh --profile   the first way, with line tables, into the cache: for scripts/profile_guest.py
#   scripts/build_elf.sh --only DIR  writes the program alone, to DIR; for scripts/check_elf.sh, as are
#   scripts/build_elf.sh --compiler  which prints the version of the rustc it finds, and
#   scripts/build_elf.sh --sources   which prints the hash of what the guest is made from
#
# The same compiler makes the same bytes in every checkout: no path of this machine gets into them. Another compiler
# makes another program, with another verifying key; the manifest says which one it was.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cache="${ZKCLOB_CACHE:-$HOME/.cache/zkclob}"
workspace="$root/sp1_program"
elf="$workspace/elf/zkclob-program"
target="$workspace/program/riscv64im-succinct-zkvm-elf.json"
guest_target="$cache/guest-target"
sp1_version=6.10.0
circuit_version=v6.1.0

# Prints the first rustc on the PATH that can build its standard library.
find_rustc() {
    local rustc
    for rustc in $(type -ap rustc); do
        if [ -d "$("$rustc" --print sysroot)/lib/rustlib/src/rust/library" ]; then
            echo "$rustc"
            return
        fi
    done
    echo "build_elf: no rustc has its standard library's sources (see the top of this script)" >&2
    return 1
}

# Prints flags for rustc as cargo wants them in CARGO_ENCODED_RUSTFLAGS.
encode() {
    local IFS=$'\x1f'
    echo "$*"
}

# SP1's memory map and settings, as cargo prove build has them, and the paths that must not show.
stock_flags() { # stock_flags RUSTC
    local sysroot
    sysroot="$("$1" --print sysroot)"
    encode -C passes=lower-atomic -C link-arg=--image-base=0x78000000 -C panic=abort \
        --cfg 'getrandom_backend="custom"' \
        -C llvm-args=-misched-prera-direction=bottomup -C llvm-args=-misched-postra-direction=bottomup \
        --remap-path-prefix="$sysroot/lib/rustlib/src/rust=/rust" --remap-path-prefix="${CARGO_HOME:-$HOME/.cargo}=/cargo" \
        --remap-path-prefix="$guest_target=/target" --remap-path-prefix="$root=/zkclob"
}

# Prints the version of the compiler that build_stock takes.
stock_compiler() {
    local rustc
    rustc="$(find_rustc)" && "$rustc" --version
}

build_stock() {
    local rustc
    rustc="$(find_rustc)"
    CARGO_ENCODED_RUSTFLAGS="$(stock_flags "$rustc")" RUSTC="$rustc" RUSTC_BOOTSTRAP=1 \
        "$(dirname "$rustc")/cargo" build --locked --profile guest --manifest-path "$workspace/Cargo.toml" \
        --target-dir "$guest_target" -p zkclob-program --target "$target" -Zjson-target-spec \
        -Zbuild-std=std,panic_abort -Zbuild-std-features=compiler-builtins-mem
    cp "$guest_target/riscv64im-succinct-zkvm-elf/guest/zkclob-program" "$elf"
}

# cargo prove builds the profile "release".
build_official() {
    cd "$workspace/program"
    CARGO_TARGET_DIR="$guest_target" CARGO_PROFILE_RELEASE_LTO=fat CARGO_PROFILE_RELEASE_CODEGEN_UNITS=1 \
        cargo prove build --locked --output-directory "$workspace/elf" --elf-name zkclob-program
}

# The same program, and beside its code what names the functions in it.
build_profile() {
    elf="$cache/guest-profile/zkclob-program"
    guest_target="$cache/guest-profile-target"
    mkdir -p "$(dirname "$elf")"
    CARGO_PROFILE_GUEST_DEBUG=line-tables-only build_stock
}

# Nothing is executed for a key: a stand-in spares building SP1's executor as a program of its own.
verifying_key() {
    SP1_CORE_RUNNER_OVERRIDE_BINARY="$(type -P true)" cargo run --quiet --release --locked --manifest-path "$workspace/Cargo.toml" \
        --target-dir "$cache/target" -p zkclob-prover --features vkey -- vkey --elf "$elf"
}

# What the guest is made from, as one hash; tests compare it with the manifest, so that no stale guest is committed.
hash_sources() {
    cd "$workspace"
    find core/src core/Cargo.toml program Cargo.toml Cargo.lock -type f | LC_ALL=C sort | xargs sha256sum | sha256sum |
        cut -d' ' -f1
}

write_manifest() { # write_manifest WAY COMPILER
    local vkey sha256
    vkey="$(verifying_key)"
    sha256="$(sha256sum "$elf" | cut -d' ' -f1)"
    cat >"$workspace/elf/manifest.json" <<EOF
{
  "elf_sha256": "0x$sha256",
  "vkey": "$vkey",
  "sources_sha256": "0x$(hash_sources)",
  "sp1_version": "$sp1_version",
  "circuit_version": "$circuit_version",
  "rustc_version": "$2",
  "built_with": "$1"
}
EOF
    cat "$workspace/elf/manifest.json"
}

mkdir -p "$workspace/elf"
case "${1-}" in
    "")
        build_stock
        write_manifest stock "$(stock_compiler)"
        ;;
    --official)
        build_official
        write_manifest official "$(rustc +succinct --version)"
        ;;
    --only)
        elf="$2/zkclob-program"
        build_stock
        ;;
    --profile) build_profile ;;
    --compiler) stock_compiler ;;
    --sources) hash_sources ;;
    *) echo "usage: ${0##*/} [--official | --profile | --only DIR | --compiler | --sources]" >&2; exit 2 ;;
esac
