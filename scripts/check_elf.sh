#!/usr/bin/env bash
# Builds the guest again, from a copy of the sources in another place, and compares it with the committed one.
#
#   the manifest's compiler   every byte must be the same
#   another compiler          the bytes differ: the tests of the guest must pass on what it makes
#   none                      one is installed if this is Debian and root asks; else the check is not made, and says so
#
# What a compiler makes of the same sources is kept in the cache: only the first run takes minutes. The verdict is also
# written to build/check-elf.txt, which `make test` shows last.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cache="${ZKCLOB_CACHE:-$HOME/.cache/zkclob}/check-elf"
committed="$root/sp1_program/elf"
verdict="$root/build/check-elf.txt"
copy="$cache/checkout"

conclude() { # conclude STATUS TEXT...: prints the verdict, keeps it and ends
    local status="$1"
    shift
    printf 'check_elf: %s\n' "$*" | tee "$verdict"
    exit "$status"
}

manifest() { # manifest FIELD
    sed -n "s/^ *\"$1\": \"\(.*\)\",\{0,1\}$/\1/p" "$committed/manifest.json"
}

hash_of() { # hash_of FILE
    echo "0x$(sha256sum "$1" | cut -d' ' -f1)"
}

# Debian has a compiler with its standard library's sources.
install_compiler() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 1
    echo "check_elf: no rustc has its standard library's sources: installing Debian's"
    apt-get update -qq && apt-get install -y -qq --no-install-recommends rustc-web rust-web-src cargo-web lld
}

# The build's only input is this copy. Its place never changes: it is part of what cargo keeps builds by.
copy_sources() {
    rm -rf "$copy"
    mkdir -p "$copy/scripts"
    cp "$root/scripts/build_elf.sh" "$copy/scripts/"
    (cd "$root" && tar -cf - --exclude=target sp1_program) | tar -xmf - -C "$copy"
}

# Builds unless these sources, this way to build them and this compiler did it before.
rebuild() { # rebuild FOLDER
    [ -e "$1/zkclob-program" ] && return
    rm -rf "$1.new"
    mkdir -p "$1.new"
    echo "check_elf: building the guest with $compiler (log: $1.log)"
    ZKCLOB_CACHE="$cache" "$copy/scripts/build_elf.sh" --only "$1.new" >"$1.log" 2>&1 || return
    mv "$1.new" "$1"
}

# The tests of the guest in Python and Rust; the Rust ones take the program that is in their checkout.
test_rebuilt() { # test_rebuilt PROGRAM
    local tests="$copy/sp1_program"
    cp "$1" "$tests/elf/zkclob-program"
    sed "s/$(manifest elf_sha256)/$(hash_of "$1")/" "$committed/manifest.json" >"$tests/elf/manifest.json"
    CARGO_TARGET_DIR="${cache%/*}/target" cargo test --release --locked --manifest-path "$tests/Cargo.toml" -p zkclob-prover \
        && ZKCLOB_GUEST="$1" "$root/.venv/bin/python" -m pytest -q "$root/tests/guest"
}

mkdir -p "$cache" "${verdict%/*}"
build="$root/scripts/build_elf.sh"
if ! compiler="$("$build" --compiler 2>/dev/null)"; then
    if ! install_compiler || ! compiler="$("$build" --compiler)"; then
        conclude 0 "NOT CHECKED whether the committed guest is what its sources make: no rustc here has its standard" \
            "library's sources (Debian: rustc-web, rust-web-src, cargo-web and lld; rustup: component add rust-src)"
    fi
fi

key="$({ "$build" --sources; cat "$build"; echo "$compiler"; ld.lld --version; } | sha256sum | cut -c1-16)"
copy_sources
if ! rebuild "$cache/$key"; then
    tail -n 30 "$cache/$key.log" >&2
    conclude 1 "$compiler does not build the guest; the log is above"
fi
rebuilt="$cache/$key/zkclob-program"
here="$(hash_of "$rebuilt")"
if cmp -s "$rebuilt" "$committed/zkclob-program"; then
    conclude 0 "the committed guest is, byte for byte, what $compiler makes of its sources ($here)"
fi
difference="$compiler makes $here of the sources, committed is $(hash_of "$committed/zkclob-program")"
if [ "$compiler" = "$(manifest rustc_version)" ]; then
    conclude 1 "FAILED: $difference, made with the same compiler. Run 'make elf' and commit what it writes. If that" \
        "changes nothing that you meant to change, look for another linker or LLVM: here $(ld.lld --version)"
fi
echo "check_elf: $difference, made with $(manifest rustc_version): testing the rebuilt one"
if ! test_rebuilt "$rebuilt"; then
    conclude 1 "FAILED: the guest that $compiler makes does not pass the guest's tests; they are above"
fi
conclude 0 "the bytes were NOT COMPARED: $difference, by $(manifest rustc_version). The rebuilt guest passes the tests"
