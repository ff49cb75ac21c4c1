# The commands people type.
CLIENTS := target/clients
# A test that fails should fail loudly, and may say why.
TESTS_MAY := -A clippy::unwrap_used -A clippy::expect_used -A clippy::panic -A clippy::print_stdout -A clippy::print_stderr

# The tests whose installation runs on either database.
ON_BOTH := api_keys behaviours client_authentication console console_forms console_pages introspection_and_revocation management management_access openid portal portal_grants rotation signing_keys \
	status tenants token_endpoint token_quotas webhooks

# What the tests asked of PostgreSQL.
LOGS := $(CURDIR)/target/postgres
NEXTEST := $(shell cargo nextest --version >/dev/null 2>&1 && echo cargo nextest run || echo cargo test)

.PHONY: run test lint bench soak clients browser postgres peers valgrind

run: ## serve an authority on data/chancery.db
	cargo run --release

test: clients browser postgres valgrind ## install what the tests need and run them all, those of the store on both databases, and through a pooler too
	rm -rf $(LOGS) && mkdir -p $(LOGS)
	CHANCERY_TEST_POSTGRES_LOGS=$(LOGS) $(NEXTEST) --workspace
	CHANCERY_TEST_POSTGRES_LOGS=$(LOGS) tests/postgres $(NEXTEST) $(ON_BOTH:%=--test %)
	CHANCERY_TEST_POSTGRES_LOGS=$(LOGS) tests/postgres tests/pgbouncer $(NEXTEST) $(ON_BOTH:%=--test %)
	tests/queries $(LOGS)
	cargo test --workspace --doc

# Stock OAuth clients of other languages, in the versions the tests name.
clients: $(CLIENTS)/.installed
$(CLIENTS)/.installed: tests/clients/package.json tests/clients/requirements.txt tests/clients/clients.mjs tests/clients/workos_sdk.mjs tests/clients/status_list.mjs
	command -v node >/dev/null && command -v npm >/dev/null || (apt-get update && apt-get install -y --no-install-recommends nodejs npm)
	python3 -m venv --help >/dev/null 2>&1 || (apt-get update && apt-get install -y --no-install-recommends python3 python3-venv)
	mkdir -p $(CLIENTS)
	python3 -m venv $(CLIENTS)/venv
	$(CLIENTS)/venv/bin/pip install --quiet --disable-pip-version-check -r tests/clients/requirements.txt
	cp tests/clients/package.json tests/clients/clients.mjs tests/clients/workos_sdk.mjs tests/clients/status_list.mjs $(CLIENTS)/
	cd $(CLIENTS) && npm install --no-package-lock --no-audit --no-fund --loglevel=error
	touch $@

# A real browser, and what drives it and looks at pages for those who cannot see them.
BROWSER := target/browser
browser: $(BROWSER)/.installed
$(BROWSER)/.installed: $(wildcard tests/browser/*)
	test -x /usr/bin/chromium || (apt-get update && apt-get install -y --no-install-recommends chromium)
	command -v node >/dev/null && command -v npm >/dev/null || (apt-get update && apt-get install -y --no-install-recommends nodejs npm)
	mkdir -p $(BROWSER)
	cp tests/browser/* $(BROWSER)/
	cd $(BROWSER) && npm install --no-package-lock --no-audit --no-fund --loglevel=error
	touch $@

# What counts the instructions that a token takes.
valgrind:
	command -v valgrind >/dev/null || (apt-get update && apt-get install -y --no-install-recommends valgrind)

# PostgreSQL's own programs, for throw-away clusters, and a pooler to stand before them.
postgres:
	command -v pgbouncer >/dev/null || test -x /usr/sbin/pgbouncer || (apt-get update && apt-get install -y --no-install-recommends pgbouncer)
	ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null || (apt-get update && apt-get install -y --no-install-recommends postgresql)

lint: ## what must hold of the code beside its tests
	cargo fmt --all --check
	cargo clippy --workspace --lib --bins -- -D warnings
	cargo clippy --workspace --tests --examples -- -D warnings $(TESTS_MAY)
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --quiet
	sh .ci/verifier-tree
	cargo deny --version >/dev/null 2>&1 || cargo install --locked --version 0.20.2 cargo-deny
	cargo fetch --locked --quiet
	cargo deny --offline check bans licenses sources

bench: peers ## tokens beside the HTTP answer, the signature and two peers, a million applications, bad company; validations, changes and revocations
	cargo build --release --bin chancery --example bench
	target/release/examples/bench
	target/release/examples/bench management
	target/release/examples/bench revocation
	target/release/examples/bench pages
	CHANCERY_TEST_POSTGRES_SETTINGS= tests/postgres target/release/examples/bench database

# The peers that tokens are measured beside.
PEERS := target/peers
peers: $(PEERS)/.installed
$(PEERS)/.installed: $(wildcard examples/bench/peers/*)
	command -v node >/dev/null && command -v npm >/dev/null || (apt-get update && apt-get install -y --no-install-recommends nodejs npm)
	python3 -m venv --help >/dev/null 2>&1 || (apt-get update && apt-get install -y --no-install-recommends python3 python3-venv)
	mkdir -p $(PEERS)
	cp examples/bench/peers/* $(PEERS)/
	cd $(PEERS) && npm install --no-package-lock --no-audit --no-fund --loglevel=error
	python3 -m venv $(PEERS)/venv
	$(PEERS)/venv/bin/pip install --quiet --disable-pip-version-check -r $(PEERS)/requirements.txt
	touch $@

soak: ## kill -9 a hundred times under mixed writes, several instances and their database two hundred, and ten million tokens under faults of the feed
	CHANCERY_KILLS=100 cargo test --release --test durability
	CHANCERY_KILLS=200 CHANCERY_LEASE_SECONDS=60 cargo test --release --test failover -- --nocapture
	CHANCERY_ROUNDS=1000 cargo test --release --test instances -- --nocapture --test-threads=1
	CHANCERY_ATTEMPTS=10000000 cargo test --release -p chancery-verifier --lib simulation
