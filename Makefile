# Everything happens in .venv; nothing is installed anywhere else. `make help` lists the targets.
BIN := .venv/bin
ARGS ?=
# Processes that run tests at the same time: many tests wait for others, so there is one more than there are cores.
PYTEST_WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
export UV_PYTHON_DOWNLOADS := never

.DEFAULT_GOAL := help
.PHONY: help setup runtime run demo test check format docs bench bench-full fuzz soak lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## install the gateway and the development tools into .venv
	@./scripts/setup_venv.sh dev

runtime:
	@./scripts/setup_venv.sh runtime

run: runtime ## install what serving needs and serve on the built-in database (ARGS="--listen 0.0.0.0:7777")
	@exec $(BIN)/ofd-gateway serve $(ARGS)

demo: runtime ## sixty days of a small chain in a minute, on a gateway of its own (ARGS="--seconds 30")
	@exec $(BIN)/ofd-gateway demo $(ARGS)

test: setup ## run every test, with coverage thresholds for each room
	$(BIN)/python -m pytest -n $(PYTEST_WORKERS) --dist worksteal -p tests.room_coverage --cov --cov-report= $(ARGS)

check: setup ## format, lint, types, import contracts and the tests of the documentation
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/docs

format: setup ## format the code and mend what ruff can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: setup ## write the generated pages anew: commands, formats, JSON Schemas, OpenAPI, the Wireshark dissector
	$(BIN)/python scripts/document_commands.py
	$(BIN)/python scripts/generate_ffd_docs.py
	$(BIN)/python scripts/document_api.py
	$(BIN)/python scripts/generate_fns_openapi.py
	$(BIN)/python scripts/generate_wireshark.py

bench: setup ## measure decoding, storing and confirming, and print the ratios
	$(BIN)/python -m benchmarks $(ARGS)

fuzz: setup ## look for input that breaks a promise, 60 s a target (ARGS="qr reading --seconds 600")
	@env -u VIRTUAL_ENV UV_PROJECT_ENVIRONMENT=.venv UV_LINK_MODE=copy \
		$(BIN)/python -m uv sync --quiet --frozen --inexact --group fuzz --python $(BIN)/python
	$(BIN)/python -m fuzz $(ARGS)

soak: setup ## load, kills and cut connections for a quarter of an hour, everything checked (ARGS="--minutes 2 --seed 7")
	$(BIN)/python -m endurance $(ARGS)

bench-full: setup ## sweeps, latency, costs and growth; writes docs/performance.md anew (ten minutes)
	@$(BIN)/python -c "import matplotlib" 2>/dev/null || $(BIN)/python -m pip install -q "matplotlib>=3.10,<4"
	$(BIN)/python -m benchmarks.full --json build/bench-full.json $(ARGS)
	$(BIN)/python -m benchmarks.report build/bench-full.json

lock: setup ## resolve uv.lock anew, from the public index alone
	env -u UV_INDEX -u UV_INDEX_URL -u UV_DEFAULT_INDEX -u UV_EXTRA_INDEX_URL -u UV_FIND_LINKS \
		$(BIN)/python -m uv lock --no-config --upgrade --python $(BIN)/python

clean: ## remove .venv and every cache
	rm -rf .venv .coverage .coverage.* .hypothesis .mypy_cache .ruff_cache .pytest_cache .import_linter_cache dist build
