# `make` alone lists the targets. Everything is made below this directory, from Python >= 3.11 and make.

PYTHON ?= python3
PORT ?= 8080
ADMIN_PORT ?= 9090
FETCHER_PORT ?= 9091
ARGS ?=

PROGRAMS := inference model-fetcher
LOCKS := inference/requirements.txt model-fetcher/requirements.txt \
         examples/digits/requirements.txt scripts/requirements.txt
# Images of the server with another onnxruntime: each has a lock of its own.
PROVIDERS := cuda openvino
BIN := .venv/bin
RUNNABLE := .venv/.runnable
INSTALLED := .venv/.installed
AZURITE := .tools/node_modules/.bin/azurite-blob
VERSITYGW_VERSION := v1.8.0
VERSITYGW := .tools/bin/versitygw
KSERVE := .tools/kserve/.installed

MAKEFLAGS += --warn-undefined-variables --no-builtin-rules --no-print-directory
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run publish demo test lint format docs lock clean

help:
	@awk 'BEGIN { FS = ":.*## " } /^##@/ { printf "\n%s\n", substr($$0, 5) } \
	     /^[a-z0-9-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

##@ Try

run: $(RUNNABLE) ## Train a model, publish it and serve it until Ctrl-C (PORT, ADMIN_PORT, FETCHER_PORT)
	@$(BIN)/python scripts/run.py --port $(PORT) --admin-port $(ADMIN_PORT) --fetcher-port $(FETCHER_PORT)

publish: $(RUNNABLE) ## Train another version and publish it: what `make run` started serves it within seconds
	@$(BIN)/python scripts/publish.py $(ARGS)

demo: $(RUNNABLE) ## The whole story unattended: publish, serve, refuse a broken model, roll back, promote
	@$(BIN)/python scripts/demo.py

##@ Develop

test: $(INSTALLED) $(AZURITE) $(VERSITYGW) $(KSERVE) ## Unit and integration tests (ARGS='-k page' goes to pytest)
	@PATH="$(CURDIR)/.tools/bin:$$PATH" AZURITE="$(CURDIR)/$(AZURITE)" VERSITYGW="$(CURDIR)/$(VERSITYGW)" \
	  $(BIN)/python -m pytest $(ARGS)

lint: $(INSTALLED) lint-workflows ## Style, types, tables of the docs, workflows, shell scripts
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/python scripts/reference.py --check

format: $(INSTALLED) ## Let ruff mend what it can
	@$(BIN)/ruff check --fix-only
	@$(BIN)/ruff format

docs: $(INSTALLED) ## Write the tables of settings and metrics in docs/ anew
	@$(BIN)/python scripts/reference.py

# Each lock is made under the ones before it, so that all of them fit into one environment.
UV_COMPILE = $(BIN)/uv pip compile --quiet --cache-dir .cache/uv --upgrade --universal --python-version 3.11 \
	--fork-strategy fewest --generate-hashes --no-emit-index-url --custom-compile-command 'make lock'

lock: $(INSTALLED) ## Write the hashed lock files anew, from the newest versions that fit
	@echo 'locking the newest versions that fit together'
	@$(UV_COMPILE) inference/pyproject.toml --extra tracing -o inference/requirements.txt
	@for other in $(PROVIDERS); do \
	  $(UV_COMPILE) inference/pyproject.toml inference/requirements-$$other.in --extra tracing --no-emit-package onnxruntime \
	    -c inference/requirements.txt -o inference/requirements-$$other.txt || exit 1; \
	done
	@$(UV_COMPILE) model-fetcher/pyproject.toml -o model-fetcher/requirements.txt -c inference/requirements.txt
	@$(UV_COMPILE) examples/digits/requirements.in -o examples/digits/requirements.txt \
		-c inference/requirements.txt -c model-fetcher/requirements.txt
	@$(UV_COMPILE) scripts/requirements.in -o scripts/requirements.txt \
		-c inference/requirements.txt -c model-fetcher/requirements.txt -c examples/digits/requirements.txt
	@$(UV_COMPILE) $(sort $(wildcard tests/requirements*.in)) -o tests/requirements.txt $(LOCKS:%=-c %)
	@$(UV_COMPILE) tests/node.in -o tests/node.txt
	@$(UV_COMPILE) tests/go.in -o tests/go.txt
	@$(UV_COMPILE) tests/kserve.in -o tests/kserve.txt
	@! grep -n '://' $(LOCKS) $(PROVIDERS:%=inference/requirements-%.txt) tests/*.txt || { echo 'a lock file names a host'; exit 1; }

clean: ## Remove all that make has made
	rm -rf .venv .tools .run .cache dist
	@find . -name __pycache__ -prune -exec rm -rf {} +

# Each part that has targets of its own brings them along.
include $(wildcard make/*.mk)

# --- Files ---

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { echo 'Python >= 3.11 is needed, and $(PYTHON) is not there: make PYTHON=/path/to/python3'; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python >= 3.11 is needed, and $(PYTHON) is %d.%d: make PYTHON=/path/to/python3" % sys.version_info[:2])'
	@echo 'making .venv'
	@$(PYTHON) -m venv --clear .venv

PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check

# The programs are built by the hatchling of scripts/requirements.txt: nothing comes in without a hash.
$(RUNNABLE): $(LOCKS) $(PROGRAMS:%=%/pyproject.toml) | $(BIN)/python
	@echo 'installing the two programs and the example into .venv (the first time takes a minute)'
	@$(PIP_INSTALL) --require-hashes $(LOCKS:%=-r %)
	@$(PIP_INSTALL) --no-deps --no-build-isolation $(PROGRAMS:%=-e %)
	@touch $@

$(INSTALLED): tests/requirements.txt $(RUNNABLE)
	@echo 'installing what the tests and checks need into .venv'
	@$(PIP_INSTALL) --require-hashes -r tests/requirements.txt
	@touch $@

$(AZURITE): tests/node.txt scripts/install-azurite.sh | $(INSTALLED)
	@scripts/install-azurite.sh
	@touch -h $@

# The S3 server that the tests talk to.
$(VERSITYGW): tests/go.txt scripts/go-install.sh | $(INSTALLED)
	@scripts/go-install.sh github.com/versity/versitygw/cmd/versitygw@$(VERSITYGW_VERSION) $@
	@touch $@

# Compiling what it brings along would take longer than all else.
$(KSERVE): tests/kserve.txt | $(INSTALLED)
	@echo "installing KServe's client into .tools/kserve, for its pins do not fit beside those of the tests"
	@$(BIN)/python -m venv --clear --without-pip .tools/kserve
	@$(BIN)/python -m pip --python .tools/kserve/bin/python install --quiet --disable-pip-version-check \
		--no-compile --require-hashes -r tests/kserve.txt
	@touch $@
