# What is done here, as commands; `make` alone lists them.

.PHONY: help setup preview generate bless tools check test proof fuzz moving numbers e2e e2e-oldest e2e-without-claims e2e-production e2e-faults e2e-up e2e-down upstream charts lint advisories fmt bench package addon push sign reproduce release docs

help: ## list these targets
	@sed -n 's/^\([a-z0-9-]*\):.* ## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

setup: ## say what this machine lacks for `make test`; `tools/setup --install` brings it
	@tools/setup

preview: ## show what the example Application becomes, without a cluster
	@cargo build --bins
	@cargo run --quiet -- preview examples/health-realtime-pipeline/application.yaml

generate: ## write what follows from the Rust types: XRDs, definitions' parameters, the field reference
	cargo run --quiet -- generate

bless: ## write what the examples become, their states, picture and numbers, what fields touch and what faults say, after a change that is meant
	BLESS=1 cargo test --quiet --test fast -- change:: docs:: golden:: picture:: preview::summary:: wrong::
	BLESS=1 cargo test --quiet --test real -- replay::

tools: ## build the programs the tests drive, once, outside the checkout (Go; some 15 minutes the first time)
	tools/build all

check: ## check what needs no program but the compiler, and can be done in two minutes: before a commit, not in place of `make test`
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings
	cargo test --quiet --lib --bins
	cargo test --quiet --test fast -- --skip fuzz:: --skip lifecycle:: --skip mutation:: --skip part::

test: ## check everything, with the real tools, and say what each step took
	@tools/check

e2e: tools ## play the example Application through real control planes on loopback (`make test` does this too); DEFAULT_FLAGS=1 changes no flag of them
	cargo test --quiet --test e2e -- play $(if $(DEFAULT_FLAGS),--default-flags)

e2e-oldest: tools ## play it with the oldest releases of Crossplane, provider-kubernetes and KubeVela that are supported
	VERSIONS=oldest tools/build crds crossplane-core provider-kubernetes provider-helm vela vela-core
	VERSIONS=oldest cargo test --quiet --test e2e -- play

e2e-without-claims: tools ## play the form without claims: claims move to composites in a namespace, and these go
	cargo test --quiet --test e2e -- without-claims

e2e-production: tools ## play the example for production: all engines, faults of them and of their operators, deletion in every order
	cargo test --quiet --test e2e -- production
	cargo test --quiet --test e2e -- deletions

e2e-faults: tools ## let faults befall it, all that are not measured yet or FAULTS="NAME..."; docs/faults.md is their table
	cargo test --quiet --test e2e -- faults $(FAULTS)

e2e-up: tools ## start those control planes, and leave them standing to try things on
	@cargo test --quiet --test e2e -- up

e2e-down: ## end them
	@cargo test --quiet --test e2e -- down

upstream: ## reproduce the faults of other projects that this one works around, all or FAULTS="NAME..."; docs/upstream.md is their table
	@tools/build crds crossplane crossplane-core etcd kube-apiserver kube-controller-manager kubectl provider-helm provider-kubernetes vela vela-core
	cargo test --quiet --test upstream -- run $(FAULTS)

proof: ## run what we generate on the real programs, one line for each proof (`make test` does this too)
	@tools/build barman dashboard java published rabbitmq
	cargo test --test real -- files::

charts: ## render every pinned chart, and compare it with function/core/src/settings/charts.rs; CHARTS=FOLDER has archives, else they are fetched
	@tools/build helm published
	cargo test --quiet --test real -- charts:: --include-ignored

moving: ## mirror Kafka of one pod into three nodes, by the page's own settings; docs/moving-to-an-engine.md is its table
	@tools/build barman dashboard java published rabbitmq
	cargo test --quiet --test real -- --ignored files::topics_mirrored_into_an_engine

numbers: ## measure three nodes of each engine on this machine, for some ten minutes; docs/growing.md is its table
	@tools/build barman dashboard java published rabbitmq
	cargo test --quiet --test real -- --ignored files::numbers

fuzz: ## send the optimized server REQUESTS requests that nobody meant, a million if not said otherwise; docs/fuzz.md is their table
	REQUESTS=$${REQUESTS:-1000000} cargo test --profile bench --test fast the_server_stands -- --nocapture

lint: ## check formatting, lints and scripts
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings
	@# No targets of the line above, because no plain `cargo test` runs them.
	cargo clippy --test e2e --test upstream -- -D warnings
	shellcheck .ci/run tools/align tools/build tools/check tools/setup package/binary package/build package/push package/pin package/build-addon package/release package/reproduce tools/book/build
	@tools/build actionlint cargo-deny
	$$(tools/build --path actionlint) .github/workflows/*.yml
	$$(tools/build --path cargo-deny) --log-level error check bans licenses sources

advisories: ## check the dependencies against the list of known weaknesses, where that can be fetched
	@tools/build cargo-deny
	@if $$(tools/build --path cargo-deny) fetch db; then $$(tools/build --path cargo-deny) check advisories; \
	else echo 'advisories: SKIPPED, because their list cannot be fetched from here'; fi

fmt: ## format the sources
	cargo fmt

package: ## build the packages for REGISTRY and ORG into target/package, without a container engine
	package/build

addon: ## build KubeVela's addon for the same REGISTRY and ORG into target/package
	package/build-addon

push: ## push what `make package` built
	package/push

sign: ## sign what was pushed, with KEY or keyless, and attach the list of its crates
	package/push --sign

reproduce: ## build the binary a second time, from elsewhere, and compare
	package/reproduce

release: ## prepare VERSION: its number, its changes, the record of what it composes, its packages
	package/release $(VERSION)

bench: package ## measure what is shipped: one call, many calls, memory and start
	FUNCTION_BINARY=$$(package/binary amd64) cargo bench --bench run_function

docs: ## build the book from docs/ into target/book, and check its links
	tools/book/build
