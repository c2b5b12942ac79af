# `make demo` and `make test` make the environment if it is missing; they need Python 3.11 or newer and make.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# Two test processes with one thread each: threads of BLAS that wait for a busy core take several times as long.
TEST := OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses=auto --dist=loadscope --no-loadscope-reorder

.PHONY: demo docs lint test test-slow test-all check
.NOTPARALLEL:

demo: digits.toml
	$(BIN)/tiernas search digits.toml

digits.toml: | $(INSTALLED)
	$(BIN)/tiernas example digits --output $@

docs: $(INSTALLED)
	$(BIN)/mkdocs build --strict

check: lint test

lint: $(INSTALLED)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

test: $(INSTALLED)
	$(TEST) -m "not slow"

test-slow: $(INSTALLED)
	$(TEST) -m slow

test-all: $(INSTALLED)
	$(TEST)

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.version_info < (3, 11) and sys.exit("tiernas needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@
