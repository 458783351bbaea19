#!/usr/bin/env bash
# Prepares this checkout: Python packages, contract toolchain, prover worker and native Python module.
# Everything built lives in ${ZKCLOB_CACHE:-~/.cache/zkclob}, outside the checkout, and is kept until what it was made
# from changes: the first run takes many minutes (the prover), the next ones well under a second.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cache="${ZKCLOB_CACHE:-$HOME/.cache/zkclob}"
venv="$cache/venv"
export CARGO_TARGET_DIR="$cache/target"
export PIP_DISABLE_PIP_VERSION_CHECK=1

say() { printf 'setup: %s\n' "$*"; }

# --- what the machine must have ---------------------------------------------------------------------------------

missing=()

need() { # need PROGRAM WHERE-TO-GET-IT
    command -v "$1" >/dev/null || missing+=("$1: $2")
}

# The newest Python that every pinned package has a ready-made build for.
find_python() {
    local show='import sys; v = sys.version_info[:2]; print("python%d.%d" % v); sys.exit(not (3, 11) <= v < (3, 13))'
    for python in python3.12 python3.11 python3; do
        python_version="$("$python" -c "$show" 2>/dev/null)" && return
    done
    missing+=("python 3.11 or 3.12: install it with its venv module (Debian: python3-venv)")
}

check_versions() {
    local node_major rust_minor
    if command -v node >/dev/null; then
        node_major="$(node -p 'process.versions.node.split(".")[0]')"
        ((node_major >= 20)) || missing+=("node >= 20 (here: $node_major): install a newer Node.js")
    fi
    if command -v cargo >/dev/null; then
        rust_minor="$(cargo --version | cut -d. -f2)"
        ((rust_minor >= 91)) || missing+=("cargo >= 1.91 (here: $(cargo --version)): run 'rustup update stable'")
    fi
}

check_machine() {
    need git "install git"
    need cc "install a C compiler (Debian: build-essential; macOS: xcode-select --install)"
    need cargo "install Rust 1.91 or newer with rustup"
    need node "install Node.js 20 or newer"
    need npm "it comes with Node.js"
    check_versions
    find_python
    if ((${#missing[@]} > 0)); then
        say "this machine lacks:" >&2
        printf '  - %s\n' "${missing[@]}" >&2
        exit 1
    fi
}

# --- steps: each has a fingerprint of its sources and runs only when that changed -------------------------------

fingerprint() { # fingerprint PATH...: one hash over the names and contents of all files there
    local files
    cd "$root"
    files="$(find "$@" -type f -not -path '*/target/*' | LC_ALL=C sort)"
    { echo "$files"; git hash-object --stdin-paths <<<"$files"; } | git hash-object --stdin
}

# step NAME FINGERPRINT PRODUCT COMMAND...: makes PRODUCT unless it is there, made from the same sources.
# The output goes to a log; its end is shown when the command fails.
step() {
    local name="$1" print="$2" product="$3" stamp="$cache/stamps/$1" log="$cache/logs/$1.log" start=$SECONDS
    shift 3
    if [ -e "$product" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$print" ]; then
        return 0
    fi
    rm -f "$stamp"
    say "$name: started, log in $log"
    if ! "$@" >"$log" 2>&1; then
        say "$name: FAILED after $((SECONDS - start)) s; the log ends with:" >&2
        tail -n 30 "$log" | sed 's/^/    /' >&2
        return 1
    fi
    echo "$print" >"$stamp"
    say "$name: done in $((SECONDS - start)) s"
}

# The list of packages is complete, so nothing is left to resolve. A working environment of the same Python is kept.
install_python_packages() {
    { "$venv/bin/$python_version" -m pip --version || "$python" -m venv --clear "$venv"; } \
        && "$venv/bin/pip" install --no-input --no-deps -r "$root/scripts/requirements.txt" \
        && "$venv/bin/pip" check
}

install_native_module() {
    rm -rf "$cache/wheels"
    "$venv/bin/maturin" build --release --locked --manifest-path "$root/sp1_program/python/Cargo.toml" \
        --interpreter "$venv/bin/python" --out "$cache/wheels" \
        && "$venv/bin/pip" install --no-input --no-deps --force-reinstall "$cache"/wheels/*.whl
}

build_prover() {
    cargo build --release --locked --manifest-path "$root/sp1_program/Cargo.toml" -p zkclob-prover
}

# The environment is shared by all checkouts; its import path and its `zkclob` command follow the one set up last.
link_checkout() {
    echo "$root" >"$1/zkclob.pth"
    printf '#!%s/bin/python\nfrom sequencer.client.cli import main\n\nmain()\n' "$venv" >"$venv/bin/zkclob"
    chmod +x "$venv/bin/zkclob"
    ln -sfn "$venv" "$root/.venv"
}

set_up_python() {
    local packages="$venv/lib/$python_version/site-packages"
    local sources=(sp1_program/core sp1_program/python sp1_program/Cargo.toml sp1_program/Cargo.lock)
    step python "$python_version $(fingerprint scripts/requirements.txt)" "$packages" install_python_packages
    link_checkout "$packages"
    step native "$python_version $(fingerprint "${sources[@]}")" "$packages/zkclob_native" install_native_module
}

set_up_prover() {
    step prover "$(fingerprint sp1_program)" "$CARGO_TARGET_DIR/release/zkclob-prover" build_prover
}

# scripts/setup_node.sh keeps a fingerprint of its own.
set_up_node() {
    local log="$cache/logs/node.log"
    if ! "$root/scripts/setup_node.sh" >"$log" 2>&1; then
        say "node: FAILED; the log ends with:" >&2
        tail -n 30 "$log" | sed 's/^/    /' >&2
        return 1
    fi
}

check_machine
mkdir -p "$cache/logs" "$cache/stamps"
jobs=()
set_up_node & jobs+=($!)
set_up_prover & jobs+=($!)
set_up_python & jobs+=($!)
failed=0
for job in "${jobs[@]}"; do
    wait "$job" || failed=1
done
((failed == 0)) || { say "FAILED" >&2; exit 1; }
say "ready in $SECONDS s (everything built is in $cache)"
