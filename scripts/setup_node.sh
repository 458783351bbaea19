#!/usr/bin/env bash
# Installs the pinned Node.js packages (anvil, forge, cast, solc, OpenZeppelin; viem and TypeScript for the example) into
# the cache and links them as contracts/node_modules. Running it again does nothing until a pinned file changes.
# The programs are then contracts/node_modules/.bin/{anvil,forge,cast,solc}.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
prefix="${ZKCLOB_CACHE:-$HOME/.cache/zkclob}/node"
pinned=(contracts/package.json contracts/package-lock.json contracts/.npmrc scripts/setup_node.sh scripts/solc/launcher.cjs)

say() { echo "setup_node: $*"; }
die() { echo "setup_node: $*" >&2; exit 1; }

require_node() {
    command -v node >/dev/null || die "node is missing: install Node.js 20 or newer"
    command -v npm >/dev/null || die "npm is missing: install it together with Node.js"
    local major
    major="$(node -p 'process.versions.node.split(".")[0]')"
    ((major >= 20)) || die "node $(node --version) is too old: version 20 or newer is needed"
}

# One line that changes whenever a pinned input does.
fingerprint() { (cd "$root" && cat "${pinned[@]}" | git hash-object --stdin); }

# `npm install` rather than `npm ci`: some registries do not carry the foundry binaries of every platform, and then
# the lock file cannot name them all, which `npm ci` refuses. What the lock file names is still checked by its hash.
install_packages() {
    mkdir -p "$prefix"
    cp "$root"/contracts/package.json "$root"/contracts/package-lock.json "$root"/contracts/.npmrc "$prefix/"
    say "installing packages into $prefix"
    npm install --prefix "$prefix" --ignore-scripts --no-save --loglevel=error
}

# The packages' own start scripts leave a Node.js parent that does not pass every signal on: link the binaries.
link_foundry() {
    local platform tool binary
    platform="$(node -p '`${process.platform}-${{ x64: "amd64" }[process.arch] ?? process.arch}`')"
    for tool in anvil forge cast; do
        binary="$prefix/node_modules/@foundry-rs/$tool-$platform/bin/$tool"
        [ -x "$binary" ] || die "$tool has no binary for $platform in this registry"
        ln -sfn "$binary" "$prefix/node_modules/.bin/$tool"
    done
}

# The launcher is a shell script with absolute paths because py-solc-x copies it elsewhere, and answers --version
# itself because every tool asks for it before every compilation.
install_solc() {
    local launcher="$prefix/solc_launcher.cjs" version
    cp "$root/scripts/solc/launcher.cjs" "$launcher"
    version="$(node "$launcher" --version)"
    cat >"$prefix/node_modules/.bin/solc" <<EOF
#!/bin/sh
if [ "\$*" = "--version" ]; then
    echo '$version'
else
    exec node '$launcher' "\$@"
fi
EOF
    chmod +x "$prefix/node_modules/.bin/solc"
    say "$(echo "$version" | tail -1)"
}

link_into_checkout() {
    local link="$root/contracts/node_modules"
    if [ -e "$link" ] && [ ! -L "$link" ]; then
        die "$link is a directory: remove it, it must be a link to $prefix/node_modules"
    fi
    ln -sfn "$prefix/node_modules" "$link"
}

require_node
if [ "$(cat "$prefix/.fingerprint" 2>/dev/null)" = "$(fingerprint)" ]; then
    say "up to date"
else
    rm -f "$prefix/.fingerprint"
    install_packages
    link_foundry
    install_solc
    fingerprint >"$prefix/.fingerprint"
fi
link_into_checkout
say "contracts/node_modules -> $prefix/node_modules"
