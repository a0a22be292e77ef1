# The one door for people and CI. Every target sets up by itself what it needs: with Python (3.11 or later), a Rust
# toolchain and make there, `make demo` and `make test` work in a fresh clone.

PYTHON ?= $(shell for p in python3.11 python3 python3.14 python3.13 python3.12 python; do \
    "$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done)
PROFILE ?= dev
FUZZ_SECONDS ?= 60
PYTEST_ARGS ?=
DEMO_ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
EXTENSION := python/keepset/_core

# Everything runs in this checkout's own environment, whatever the caller's shell has activated.
export VIRTUAL_ENV := $(CURDIR)/$(VENV)
unexport CONDA_PREFIX PYTHONHOME PYTHONPATH
# Exact versions for every installation, also the one that maturin does.
export PIP_CONSTRAINT := $(CURDIR)/constraints.txt
# What maturin sets: with it, cargo and maturin share one build of PyO3 instead of undoing each other's.
export PYO3_BUILD_EXTENSION_MODULE := 1
export PYO3_PYTHON := $(CURDIR)/$(BIN)/python

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL: # one checkout holds one compiled extension
.PHONY: help demo test check bench fuzz docs wheel wheel-check build browser lint-rust lint-python leftovers lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

## The targets of every day

demo: ## Run the guided tour on a real manifest (release build; DEMO_ARGS=--quick for fewer files)
	@$(MAKE) --no-print-directory build PROFILE=release
	$(BIN)/python scripts/demo.py $(DEMO_ARGS)

test: ## Run the Rust and the Python tests (development build)
	@$(MAKE) --no-print-directory build PROFILE=dev
	cargo test --workspace --locked
	@$(MAKE) --no-print-directory browser
	KEEPSET_ALLOW_DEBUG=1 $(BIN)/python -m pytest $(PYTEST_ARGS)

check: lint-rust lint-python leftovers ## Format, lints, types, stub against module, spelling

bench: ## Measure against the official client, then the engine alone (release build)
	@$(MAKE) --no-print-directory build PROFILE=release
	$(BIN)/python -m pytest benches/python -o python_files='bench_*.py' -o timeout=0 --benchmark-only $(PYTEST_ARGS)
	cargo bench --locked -p keepset-benches

fuzz: ## Run each fuzz target for FUZZ_SECONDS (60)
	@command -v cargo-fuzz >/dev/null || cargo install --locked cargo-fuzz
	$(PYTHON) rust/fuzz/seeds.py
	@set -e; targets=$$(cargo fuzz list --fuzz-dir rust/fuzz); for target in $$targets; do \
	    echo "fuzz $$target for $(FUZZ_SECONDS) s"; \
	    RUSTC_BOOTSTRAP=1 cargo fuzz run --fuzz-dir rust/fuzz $$target -- -max_total_time=$(FUZZ_SECONDS) \
	        -timeout=10 -max_len=4096 -dict=rust/fuzz/dictionary; \
	done

docs: $(VENV)/.docs ## Build the site into site/
	@$(MAKE) --no-print-directory build PROFILE=dev
	NO_MKDOCS_2_WARNING=1 KEEPSET_ALLOW_DEBUG=1 $(BIN)/python -m mkdocs build --strict --quiet

wheel: $(VENV)/.dev ## Build the wheel and the source distribution into dist/
	rm -f $(EXTENSION)*.so dist/keepset-*
	$(BIN)/maturin sdist --out dist
	$(BIN)/maturin build --release --out dist

clean: ## Remove all that make has made (the fuzzing corpus stays)
	rm -rf $(VENV) target rust/fuzz/target dist site .benchmarks .hypothesis .mypy_cache .pytest_cache .ruff_cache
	rm -f $(EXTENSION)*.so
	find python tests benches scripts docs -name __pycache__ -type d -prune -exec rm -rf {} +

## Their parts

build: $(VENV)/.dev ## Compile the extension in place (PROFILE=dev or release)
	@command -v cargo >/dev/null || { echo "keepset: no Rust toolchain found (cargo is not on the PATH)" >&2; exit 1; }
	@# Whatever lies there may be of another profile, Python or commit, and one name shadows another: all go. Cargo
	@# knows what is up to date, so that a build with nothing to do takes a second.
	@rm -f $(EXTENSION)*.so
	PIP_QUIET=1 $(BIN)/maturin develop --profile $(PROFILE)

browser: # for the tests of the web page, which are skipped where none can be installed
	@command -v chromium >/dev/null && command -v chromedriver >/dev/null || { \
	    test "$$(id -u)" = 0 && test -e /etc/debian_version || exit 0; \
	    apt-get update -qq && apt-get install -qq --no-install-recommends chromium chromium-driver || \
	    echo "keepset: no chromium: the tests in a browser will be skipped" >&2; }

lint-rust: $(VENV)/.dev
	cargo fmt --all --check
	cargo fmt --manifest-path rust/fuzz/Cargo.toml --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --quiet -p keepset-core

lint-python:
	@$(MAKE) --no-print-directory build PROFILE=dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	KEEPSET_ALLOW_DEBUG=1 MYPYPATH=python $(BIN)/python -m mypy.stubtest keepset._core
	$(BIN)/typos

leftovers: # files that tools make and nobody should commit
	@if git rev-parse --git-dir >/dev/null 2>&1; then \
	    found=$$(git ls-files | grep -E '\.(so|pyd|pyc|orig|rej|whl)$$|(^|/)(uv\.lock|Pipfile\.lock|poetry\.lock|setup\.py|setup\.cfg|\.venv|site|dist|target)(/|$$)'); \
	    if [ -n "$$found" ]; then echo "not to be committed:" >&2; echo "$$found" >&2; exit 1; fi; \
	fi

wheel-check: wheel ## Install wheel and source distribution into empty environments and use them
	rm -rf target/wheel-check
	@set -e; for package in dist/keepset-*.whl dist/keepset-*.tar.gz; do \
	    echo "install $$package"; \
	    $(PYTHON) -m venv --clear target/wheel-check; \
	    target/wheel-check/bin/python -m pip install --quiet $$package; \
	    target/wheel-check/bin/keepset ls tests/data/1000G_ref_manifest >/dev/null; \
	    (cd target && wheel-check/bin/python -I -W error -c 'import keepset; print(keepset.__file__, keepset.__version__)'); \
	done

lock: ## Write constraints.txt anew, with today's versions
	$(PYTHON) -m venv --clear target/lock
	PIP_CONSTRAINT= target/lock/bin/python -m pip install --quiet --upgrade pip
	PIP_CONSTRAINT= target/lock/bin/python -m pip install --quiet --group dev --group docs "platformdirs>=4.3" "rich>=13.9" "typer>=0.19" "urllib3>=2.2"
	{ echo "# The versions that make installs; written by 'make lock'."; \
	    target/lock/bin/python -m pip freeze --all --exclude setuptools; } > constraints.txt

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "keepset: no Python 3.11 or later found; name one with PYTHON=" >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)

$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	$(BIN)/python -m pip install --quiet --group dev platformdirs rich typer urllib3
	@touch $@

$(VENV)/.docs: pyproject.toml constraints.txt | $(VENV)/.dev
	$(BIN)/python -m pip install --quiet --group docs
	@touch $@
