# The doors into stile. `make` alone lists them.

CARGO_TARGET_DIR ?= target
DEMO_ARGS ?=

.PHONY: help demo test check bench bench-forward bench-identify bench-journal bench-stamp bench-hooks certs up down

help: ## what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-6s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## the main job, narrated, with nothing to set up and nothing left behind; DEMO_ARGS=--once
	@test -x $(CARGO_TARGET_DIR)/debug/stile-demo || \
		echo "building stile; the first time this takes some minutes" >&2
	@cargo build --locked --quiet -p stile -p stile-kit
	@exec $(CARGO_TARGET_DIR)/debug/stile-demo $(DEMO_ARGS)

test: ## everything, after installing what the real callers need
	scripts/install-test-tools.sh
	STILE_TEST_TOOLS=required cargo test --locked --workspace

check: ## format, lints, documentation, scripts, dependencies: what CI asks beside the tests
	scripts/check-tree.sh
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- --deny warnings
	RUSTDOCFLAGS="--deny warnings" cargo doc --locked --workspace --no-deps --document-private-items
	scripts/check-dependencies.sh

bench: ## stile beside a bare pass-through on this machine; takes a release build
	cargo build --locked --release -p stile -p stile-kit
	$(CARGO_TARGET_DIR)/release/stile-bench

bench-forward: ## bodies of 1 GiB, 10,000 idle connections, new keys under load, lists, slow clients
	cargo build --locked --release -p stile -p stile-kit
	ulimit -n $$(ulimit -Hn) && $(CARGO_TARGET_DIR)/release/stile-bench --rounds 5 forward

bench-identify: ## what a token costs, seen before and new, by algorithm, and the memory of many
	cargo bench --locked --bench identify

bench-journal: ## what committing, packing and verifying records costs
	cargo bench --locked --bench journal

bench-hooks: ## how fast webhooks are taken in, and how fast a queue of them leaves
	cargo bench --locked --bench hooks

bench-stamp: ## how fast telemetry is stamped, on one core
	cargo bench --locked --bench stamp

certs: ## a development CA and certificate in certs/
	@certs/generate.sh

up: ## stile, the kit's issuer and upstream, and Prometheus by Docker Compose
	scripts/compose.sh up --build

down: ## ends what `make up` started, and its containers
	scripts/compose.sh down
