#!/usr/bin/env bash
# Audits the contracts: `make audit`. Slither, whose findings must be those that contracts/accepted_findings.toml
# explains; Halmos, which proves the tests in contracts/test/symbolic for every input; and the invariants, with a
# million calls each. CALLS=n makes fewer calls.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "$root"
venv="${ZKCLOB_CACHE:-$HOME/.cache/zkclob}/audit-venv"
out=build/audit/out
depth=256
export PATH="$venv/bin:$root/contracts/node_modules/.bin:$PATH"

say() { echo "audit: $*"; }

# Artifacts of their own: both tools read the syntax trees, and Slither everything that it finds.
build() {
    rm -rf "$out/build-info"
    forge build "$@" --force --ast --build-info --out "$out" --cache-path build/audit/cache --quiet
}

say "slither"
build contracts/src
slither . --ignore-compile --foundry-out-directory "$out" --config-file contracts/slither.config.json \
    --json - 2>build/audit/slither.log >build/audit/slither.json || true
python scripts/accepted_findings.py build/audit/slither.json build/audit/slither.log

say "halmos"
build contracts/src contracts/test/symbolic
python scripts/halmos_with_sha256.py --forge-build-out "$out" --match-contract 'Symbolic$' \
    --match-test '^check' --no-status

say "invariants, ${CALLS:=1048576} calls each"
FOUNDRY_PROFILE=deep FOUNDRY_INVARIANT_RUNS=$((CALLS / depth)) FOUNDRY_INVARIANT_DEPTH=$depth \
    forge test --match-test '^invariant'
say "all passed"
