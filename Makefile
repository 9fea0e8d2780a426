# What is done here, as commands; `make` alone lists them.

.PHONY: help preview generate bless tools test lint fmt bench

help: ## list these targets
	@sed -n 's/^\([a-z]*\):.* ## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 12

preview: ## show what the example Application becomes, without a cluster
	@cargo build --bins
	@cargo run --quiet -- preview examples/health-realtime-pipeline/application.yaml

generate: ## write what follows from the Rust types: XRDs, definitions' parameters, the field reference
	cargo run --quiet -- generate

bless: ## write what the examples become and what fields touch, after a change that is meant
	BLESS=1 cargo test --quiet --test golden --test change

tools: ## build the programs the tests drive, once, outside the checkout (Go; some 15 minutes the first time)
	tools/build all

test: lint tools ## check everything, with the real tools
	cargo test

lint: ## check formatting, lints and scripts
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings
	shellcheck .ci/run tools/build

fmt: ## format the sources
	cargo fmt

bench: ## measure one call, many calls, memory and start
	cargo bench
