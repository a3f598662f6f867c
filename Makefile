# Everything a person does with this tree. `make` alone says what there is.
# Two locks: requirements.lock runs the store, requirements-dev.lock adds what tests and checks need.

VENV     ?= .venv
BIN      := $(VENV)/bin
SOURCES  := src tests $(wildcard bench deploy)
PYTHON   ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
              $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
PIP      := $(BIN)/python -m pip --disable-pip-version-check --no-input
# Arguments for pytest: make test PYTEST="-k multipart -x"
PYTEST   ?=
# Arguments for the server: make serve ARGS="--data-listen 0.0.0.0:9000"
ARGS     ?=
WORKERS  ?= 2

.PHONY: help venv serve test clients lint format docs conformance bench soak lock clean cluster cluster-down
.DEFAULT_GOAL := help

help: ## say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

venv: $(VENV)/.runtime ## build .venv with the holdfast command in it

serve: $(VENV)/.runtime ## run the store, ready to use; data in ./holdfast-data
	@exec $(BIN)/holdfast serve $(ARGS)

cluster: $(VENV)/.cluster ## a real PostgreSQL and a real Ceph, and two gateways on them, all in ./.cluster (ARGS="--osds 3")
	@$(BIN)/python -m deploy.local up $(ARGS)

cluster-down: $(VENV)/.runtime ## stop what make cluster started (ARGS=--purge removes its data)
	@$(BIN)/python -m deploy.local down $(ARGS)

test: $(VENV)/.dev ## run every test (PYTEST="..." passes arguments)
	@sh tests/setup/packages.sh
	@$(BIN)/python -m deploy.local install || echo "  so the tests of the cluster engine are skipped"
	@$(MAKE) --no-print-directory clients
	$(BIN)/python -m pytest -n $(WORKERS) -m "not soak" -q -rfEs $(PYTEST)

clients: $(VENV)/.dev ## install the real clients that tests/clients drives, into .build (what cannot be had is skipped)
	@sh tests/setup/clients.sh $(BIN)/python

lint: $(VENV)/.dev ## ruff and strict types
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy

format: $(VENV)/.dev ## put imports in order and apply safe fixes
	$(BIN)/ruff check --fix $(SOURCES)

docs: $(VENV)/.runtime ## write the generated pages again
	$(BIN)/python -m holdfast.cli.settings_page > docs/settings.md
	$(BIN)/python -m holdfast.cli.commands_page > docs/cli.md
	$(BIN)/python -m holdfast.s3.compat > docs/compatibility.md
	$(BIN)/python -m holdfast.authz.table > tests/authz/table.txt

conformance: $(VENV)/.dev ## run ceph/s3-tests (S3TESTS_DIR=its checkout) against a server; writes docs/conformance.md
	$(BIN)/python -m tests.conformance.run $(ARGS)

bench: $(VENV)/.dev ## measure beside nginx and the peers that are installed; writes docs/performance.md
	$(BIN)/python -m bench.run $(ARGS)

soak: $(VENV)/.dev ## the long runs: kill storms, power cuts, endurance
	$(BIN)/python -m pytest -m soak -q -rfEs --timeout 0 $(PYTEST)

lock: $(VENV)/.dev ## resolve the dependencies again and pin them by hash
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  --custom-compile-command "make lock" --extra build -o requirements.lock pyproject.toml
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  --custom-compile-command "make lock" --extra build --extra dev -c requirements.lock -o requirements-dev.lock pyproject.toml
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  --custom-compile-command "make lock" --extra kerberos -c requirements.lock -o requirements-kerberos.lock pyproject.toml
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  --custom-compile-command "make lock" --extra cluster -c requirements.lock -o requirements-cluster.lock pyproject.toml

clean: ## remove what was built (never the data)
	rm -rf $(VENV) .build build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis src/*.egg-info
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Holdfast needs Python 3.11 or newer, and none was found. On Debian 12: apt install python3 python3-venv" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) cannot build a virtual environment. On Debian or Ubuntu: apt install python3-venv" >&2; exit 1; }
	@echo "making $(VENV) with $(PYTHON)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: requirements.lock pyproject.toml | $(BIN)/python
	@echo "installing what Holdfast needs into $(VENV): once, about a minute"
	@$(PIP) install --quiet --require-hashes -r requirements.lock
	@$(PIP) install --quiet --no-build-isolation --no-deps --editable .
	@touch $@

$(VENV)/.cluster: requirements-cluster.lock $(VENV)/.runtime
	@$(PIP) install --quiet --require-hashes -r requirements-cluster.lock
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.runtime
	@echo "installing what the tests need into $(VENV): once, about half a minute"
	@$(PIP) install --quiet --require-hashes -r requirements-dev.lock
	@touch $@
