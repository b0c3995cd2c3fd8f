# Trellis, for people at a terminal. `make` alone prints the targets.

.DEFAULT_GOAL := help
PORT ?= 8000
CARGO ?= cargo

LOCAL := $(CARGO) run --locked --package trellis-local --

.PHONY: help
help: ## Print the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: up
up: ## Start the whole cluster on this machine (PORT=8000), stay until Ctrl-C
	@$(LOCAL) up --port $(PORT)

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

.PHONY: lint
lint: ## Check format and lints as CI does
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
