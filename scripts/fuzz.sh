#!/usr/bin/env bash
# Builds the fuzz targets with coverage and runs each for its share of FUZZ_SECONDS. Stable Rust and a C++ compiler are
# enough. What a target learns is kept in the cache and used again; what breaks a promise is put into
# sp1_program/fuzz/regressions, where the tests replay it.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cache="${ZKCLOB_CACHE:-$HOME/.cache/zkclob}"
seconds="${FUZZ_SECONDS:-600}"
targets=(data signatures transition witness)
host="$(rustc -vV | sed -n 's/^host: //p')"
export CARGO_TARGET_DIR="$cache/fuzz-target"

# With --target, only what runs under the fuzzer is compiled with these.
export RUSTFLAGS="-Cpasses=sancov-module -Ccodegen-units=1 --cfg fuzzing
    -Cllvm-args=-sanitizer-coverage-level=4
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters
    -Cllvm-args=-sanitizer-coverage-pc-table
    -Cllvm-args=-sanitizer-coverage-trace-compares"
RUSTFLAGS="${RUSTFLAGS//$'\n'/ }"
cargo build --manifest-path "$root/sp1_program/fuzz/Cargo.toml" --release --locked --target "$host"

for target in "${targets[@]}"; do
    corpus="$cache/fuzz-corpus/$target"
    regressions="$root/sp1_program/fuzz/regressions/$target"
    mkdir -p "$corpus"
    echo "fuzz: $target for $((seconds / ${#targets[@]})) s"
    "$CARGO_TARGET_DIR/$host/release/$target" -max_total_time=$((seconds / ${#targets[@]})) -max_len=16384 -timeout=20 \
        -rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix="$regressions/" "$corpus" "$regressions"
done
