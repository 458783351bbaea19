# Every way to work with the project. `make` alone lists the targets.

export ZKCLOB_CACHE ?= $(HOME)/.cache/zkclob
export CARGO_TARGET_DIR := $(ZKCLOB_CACHE)/target
export PYTHONPATH := $(CURDIR)

python := .venv/bin/python
FUZZ_SIZE ?= 1000000
TOP ?= 0
SCENARIO ?= single
FUZZ_SEED ?= $(shell date +%s)
FUZZ_SECONDS ?= 600
bench_venv := $(ZKCLOB_CACHE)/bench-venv
audit_venv := $(ZKCLOB_CACHE)/audit-venv
forge := contracts/node_modules/.bin/forge
cargo := cargo
workspace := --manifest-path sp1_program/Cargo.toml
crates := -p zkclob-core -p zkclob-prover -p zkclob-native

.DEFAULT_GOAL := help
.PHONY: help setup format check check-python check-rust check-contracts test test-python test-rust test-contracts \
	test-ape audit fuzz demo walk-away prove-demo devnet elf check-elf abi openapi vectors bench-proof bench-l1 bench-gpu profile-guest bench-ack bench-api bench-engine clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install and build what is missing, outside the checkout
	@scripts/setup.sh

format: setup ## Format Python, Rust and Solidity
	$(python) -m ruff format .
	$(python) -m ruff check --fix .
	$(cargo) fmt $(workspace) --all
	$(forge) fmt

check: check-python check-rust check-contracts ## Static checks and fast tests
	@echo "make check: all passed"

check-python: setup
	$(python) -m ruff format --check .
	$(python) -m ruff check .
	$(python) -m mypy
	.venv/bin/lint-imports
	$(python) -m pytest -q -m "not slow and not e2e"

check-rust: setup
	$(cargo) fmt $(workspace) --all --check
	$(cargo) clippy $(workspace) --release --locked --all-targets $(crates) -- -D warnings
	$(cargo) test $(workspace) --release --locked -p zkclob-core

check-contracts: setup
	$(forge) fmt --check
	$(forge) build --sizes --deny warnings

test: check-rust check-contracts test-rust test-contracts test-python test-ape check-elf ## Everything that can be checked and tested
	@cat build/check-elf.txt
	@echo "make test: all passed"

audit: $(audit_venv)/installed ## Audit the contracts: Slither, symbolic tests, a million calls of each invariant
	scripts/audit_contracts.sh

# Both are kept out of the project's own environment.
$(audit_venv)/installed: scripts/requirements-audit.txt | setup
	$(python) -m venv --clear $(audit_venv)
	$(audit_venv)/bin/pip install --quiet --no-input --no-deps -r $<
	touch $@

fuzz: setup ## Fuzz Rust for FUZZ_SECONDS, then compare it with Python on a million random transactions; FUZZ_SEED=n replays
	FUZZ_SECONDS=$(FUZZ_SECONDS) scripts/fuzz.sh
	$(python) -m pytest -q tests/properties/test_differential.py -k random_flow --timeout 0 \
		--flow-size $(FUZZ_SIZE) --flow-seed $(FUZZ_SEED)

test-rust: check-rust
	$(cargo) test $(workspace) --release --locked -p zkclob-prover

test-contracts: check-contracts
	$(forge) test

test-python: check-python
	$(python) -m pytest -q -m "slow or e2e"

test-ape: setup
	PATH="$(CURDIR)/contracts/node_modules/.bin:$$PATH" .venv/bin/ape test -q -c tests/ape/pytest.ini tests/ape

demo: setup ## Run the whole exchange once, from a deposit to a claimed withdrawal
	$(python) -m scripts.demo

walk-away: setup ## Kill the operator in the middle of trading, delete its files, and let everybody out from L1 alone
	$(python) -m pytest -q tests/e2e/test_walk_away.py

prove-demo: setup ## Prove a batch on this machine (Groth16), settle it and claim a withdrawal; 30 to 90 min
	$(python) -m scripts.prove_demo

devnet: setup ## Start Anvil, the contracts, the sequencer and a prover worker
	$(python) -m scripts.devnet

elf: setup ## Rebuild the guest program and its verifying key
	scripts/build_elf.sh

check-elf: setup ## Build the guest program again and compare it with the committed one
	scripts/check_elf.sh

abi: setup ## Write the contract interfaces that Python reads anew
	$(forge) build contracts/src
	$(python) -m scripts.export_abi

openapi: setup ## Write the description of the REST API anew
	$(python) -m scripts.make_openapi

vectors: setup ## Write the shared test vectors anew
	$(python) -m scripts.make_vectors

bench-proof: setup ## Measure cycles and prover gas of the guest
	$(python) -m scripts.bench_proof

bench-l1: setup ## Measure what settling, deposits, claims and escapes cost on L1
	$(python) -m scripts.bench_l1

bench-gpu: setup ## Measure a proof on this machine's CUDA card, if it has one
	$(python) -m scripts.bench_gpu

profile-guest: setup ## Show where the guest spends its cycles and prover gas; TOP=n lists functions, SCENARIO=batched: another block
	scripts/build_elf.sh --profile
	$(cargo) build --quiet $(workspace) --release --locked -p zkclob-prover --example profile
	$(python) -m scripts.profile_guest --scenario "$(SCENARIO)" --top $(TOP)

bench-ack: setup ## Measure how long an order waits for its acknowledgement
	$(python) -m scripts.bench_ack

bench-api: setup ## Measure how many orders the API takes, and how long they wait
	$(python) -m scripts.bench_api

bench-engine: $(bench_venv)/installed ## Measure the engine's orders per second beside other order books
	$(python) -m scripts.bench_engine

# The other order books are kept out of the project's own environment.
$(bench_venv)/installed: scripts/requirements-bench.txt | setup
	$(python) -m venv --clear $(bench_venv)
	$(bench_venv)/bin/pip install --quiet --no-input --no-deps -r $<
	touch $@

clean: ## Remove what checks and runs leave in the checkout
	rm -rf .hypothesis .import_linter_cache .mypy_cache .ruff_cache build cache contracts/out contracts/cache
	find . -name __pycache__ -not -path './contracts/node_modules/*' -prune -exec rm -rf {} +
