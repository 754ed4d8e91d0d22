# Two commands: `make demo` sets up and runs the main job, `make test` sets up and runs the tests.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SETUP := $(VENV)/set-up
DEMO_ARGS ?=

export PIP_CONSTRAINT := $(CURDIR)/constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export OMP_WAIT_POLICY := PASSIVE
export HF_HUB_OFFLINE := 1
export MPLBACKEND := Agg

.PHONY: demo test test-slow lint types doctest check clean

demo: $(SETUP)
	$(BIN)/python examples/medical_diagnosis.py $(DEMO_ARGS)

# one process a core, one thread a process
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --dist worksteal

test: $(SETUP)
	$(PYTEST) tests

test-slow: $(SETUP)
	$(PYTEST) tests --slow

doctest: $(SETUP)
	$(PYTEST) graphfuse docs README.md

lint: $(SETUP)-lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(SETUP)-lint
	$(BIN)/mypy

check: test lint types doctest

$(SETUP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if v >= (3, 11) else "PYTHON must be Python 3.11 or newer; got %d.%d (choose one with: make PYTHON=python3.11)" % v)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet torch -e ".[test]"
	@touch $@

$(SETUP)-lint: $(SETUP)
	$(BIN)/python -m pip install --quiet -e ".[lint]"
	@touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
