# Every target makes its own virtual environment; nothing but Python 3.11+ with venv is needed.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin

.PHONY: quickstart paper test test-full lint bench pictures clean

# A file marks each installed set, so that make installs again only when pyproject.toml changes.
$(VENV)/.installed-base: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[corruptions]'
	touch $@

$(VENV)/.installed-dev: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@ $(VENV)/.installed-base

$(VENV)/.installed-bench: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[bench]'
	touch $@ $(VENV)/.installed-base

quickstart: $(VENV)/.installed-base
	$(BIN)/prunesweep run quickstart

# The paper's experiments in short, on real images without a download, and every table and figure from them.
PAPER_STORE ?= store-paper
paper: $(VENV)/.installed-base
	$(BIN)/prunesweep run paper/cifar10_short --store $(PAPER_STORE)
	$(BIN)/prunesweep run paper/imagenet_short --store $(PAPER_STORE)
	$(BIN)/prunesweep reproduce all --fill --store $(PAPER_STORE)

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -m 'not full'

test-full: $(VENV)/.installed-dev
	$(BIN)/python -m pytest

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.installed-bench
	$(BIN)/python -m benchmarks

# The pictures of docs/pictures, recorded in a terminal while the quickstart runs.
pictures: $(VENV)/.installed-dev
	$(BIN)/python -m tests.pictures

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
