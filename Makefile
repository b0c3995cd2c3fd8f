# Trellis, for people at a terminal. `make` alone prints the targets.

.DEFAULT_GOAL := help
PORT ?= 8000
REPLICAS ?= 1
TLS ?= off
CARGO ?= cargo
$(if $(filter on off,$(TLS)),,$(error TLS must be on or off))

LOCAL := $(CARGO) run --locked --package trellis-local --

.PHONY: help
help: ## Print the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: up
up: ## Start the whole cluster on this machine (PORT=8000, REPLICAS=2, TLS=on), stay until Ctrl-C
	@$(LOCAL) up --port $(PORT) --replicas $(REPLICAS) $(if $(filter on,$(TLS)),--tls)

.PHONY: down
down: ## Stop the cluster that `make up` started
	@$(LOCAL) down

.PHONY: reset
reset: ## Stop it and forget its data, logs and secrets
	@$(LOCAL) reset

.PHONY: watch
watch: ## Print the live events of a topic (TOKEN=… TOPIC=task:acme/WEB-1)
	@TOKEN="$(TOKEN)" $(CARGO) run --locked --quiet --package trellis-local -- watch --url http://127.0.0.1:$(PORT) "$(TOPIC)"

.PHONY: secrets
secrets: ## Make the secrets that docker-compose.yml mounts, once
	@deploy/secrets.sh

.PHONY: test
test: ## Run every test, with private servers of their own
	@$(LOCAL) test $(CARGO) test --locked --workspace --no-fail-fast

.PHONY: mutants
mutants: ## Put holes into a copy of the sources and see that the attack matrix finds each (builds once more; long)
	@$(LOCAL) test tests/mutants.sh $(HOLES)

# MINUTES, SEED and CHAOS are the harness's own arguments; without SEED each run is another.
.PHONY: chaos
chaos: ## Break a replicated cluster at random while clients write and listen, and count what was lost (MINUTES=2, SEED=…)
	@$(CARGO) build --locked --quiet --workspace --bins
	@$${CARGO_TARGET_DIR:-target}/debug/trellis-chaos \
	  $(if $(MINUTES),--minutes $(MINUTES)) $(if $(SEED),--seed $(SEED)) $(CHAOS)

.PHONY: chaos-planted
chaos-planted: ## Plant faults into a copy of the sources and see that the chaos harness finds each (builds once more; long)
	@tests/planted.sh $(HOLES)

.PHONY: lint
lint: ## Check format and lints as CI does, and that planted faults still fit the sources
	@tests/mutants.sh --plant
	@tests/planted.sh --plant
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings

.PHONY: generate
generate: ## Write the generated files anew (query data, OpenAPI, GraphQL schema, tables of settings)
	@$(LOCAL) generate

GENERATED := '*.sqlx/*' gateway/openapi.json gateway/schema.graphql '*README.md'

.PHONY: check-generated
check-generated: generate ## Fail where a generated file differs from what is committed
	@test -z "$$(git status --porcelain -- $(GENERATED))" || \
	  { git status --short -- $(GENERATED); git diff -- $(filter-out '*.sqlx/*',$(GENERATED)); \
	    echo 'generated files are out of date: run `make generate` and commit'; exit 1; }

# Runs where `cargo-fuzz` is missing, too: it is installed then. SECONDS is how long each target runs.
SECONDS ?= 20
FUZZ_TARGETS := $(basename $(notdir $(wildcard tests/fuzz/targets/*.rs)))

.PHONY: fuzz
fuzz: ## Fuzz every parser of strangers' input, each for SECONDS=20 (needs a nightly Rust)
	@rustup run nightly cargo --version >/dev/null 2>&1 || \
	  { echo 'fuzzing needs a nightly compiler: run `rustup toolchain install nightly --profile minimal`'; exit 1; }
	@command -v cargo-fuzz >/dev/null || $(CARGO) install --locked cargo-fuzz
	@cd tests/fuzz && rustup run nightly cargo fuzz build --fuzz-dir .
	@cd tests/fuzz && for target in $(FUZZ_TARGETS); do \
	  mkdir -p corpus/$$target && echo "fuzzing $$target for $(SECONDS) s" && \
	  rustup run nightly cargo fuzz run --fuzz-dir . $$target corpus/$$target seeds/$$target -- \
	    -max_total_time=$(SECONDS) -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 -verbosity=0 || exit 1; \
	done
