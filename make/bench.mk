##@ Measure

ROWS ?=
PEERS ?=
ROUNDS ?= 5
SECONDS ?= 8
WHAT = $(if $(ROWS), ROWS="$(ROWS)")$(if $(PEERS), PEERS="$(PEERS)")
BENCH = BUILDER='$(BUILDER)' REGISTRY='$(REGISTRY)' TAG='$(TAG)' PATH="$(CURDIR)/.tools/bin:$$PATH" \
	PYTHONPATH='$(CURDIR)/benchmarks' $(BIN)/python -m bench --rows '$(ROWS)' --peers '$(PEERS)'
BENCH_LOCKS := $(wildcard benchmarks/peers/*/requirements.in benchmarks/tools/*/requirements.in)

.PHONY: bench bench-quick bench-lock

bench: $(INSTALLED) $(AZURITE) ## Measure beside the peers and write benchmarks/RESULTS.md, in an hour or two (ROWS='small large', PEERS='fastapi mlserver')
	@$(BENCH) --rounds $(ROUNDS) --seconds $(SECONDS) \
	  --command 'make bench$(WHAT) ROUNDS=$(ROUNDS) SECONDS=$(SECONDS)'

bench-quick: $(INSTALLED) $(AZURITE) ## The same with less of everything, in five minutes: for a look, not for a record
	@$(BENCH) --quick --command 'make bench-quick$(WHAT)'

# Pins without hashes: a peer runs in a venv of its own, on this machine only, and nothing of it is shipped.
bench-lock: $(INSTALLED) ## Pin the peers' newest versions, all with the onnxruntime of the server
	@mkdir -p .cache/bench
	@grep -o '^onnxruntime==[^ ]*' inference/requirements.txt >.cache/bench/constraints.txt
	@for lock in $(BENCH_LOCKS:.in=); do echo "pinning $$lock"; \
	  $(BIN)/uv pip compile --quiet --cache-dir .cache/uv --upgrade --universal --python-version 3.11 --no-annotate \
	    --no-emit-index-url --custom-compile-command 'make bench-lock' -c .cache/bench/constraints.txt \
	    $$lock.in -o $$lock.txt || exit 1; done
