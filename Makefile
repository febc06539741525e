# `make demo` and `make test` are all a newcomer needs: each does its own set-up.
PYTHON ?= python3
FUZZ_SECONDS ?= 600
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: setup demo test check bench fuzz wheel clean

setup: $(STAMP)

$(STAMP): pyproject.toml hatch_build.py $(shell find src/lightship/protos -name '*.proto' 2>/dev/null)
	@scripts/make-venv "$(PYTHON)" "$(VENV)"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[tensorflow,docker]" --group dev
	@touch $(STAMP)

demo: setup
	@$(BIN)/python -m demo.demo

check: setup
	$(BIN)/ruff check --no-cache .
	$(BIN)/ruff format --no-cache --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/architecture

test: check
	$(BIN)/python -m pytest -q --ignore=tests/architecture

bench: setup
	$(BIN)/python -m benchmarks.rest

fuzz: setup
	$(BIN)/python -m fuzz --seconds $(FUZZ_SECONDS)

wheel: setup
	$(BIN)/python -m build --wheel --outdir dist

clean:
	rm -rf $(VENV) dist models photos
