# `make` lists the targets. Each sets up by itself what it needs; nothing else has to be typed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt
OUT ?= runs/demo
WEIGHTS := src/vulngames/tiny/weights
# One thread a process, several processes: measured faster than several threads a process.
export OMP_NUM_THREADS := 1
export TOKENIZERS_PARALLELISM := false

.PHONY: help demo test quick check mutants golden coverage ends tiny clean

help:
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.demo  ## train every game, flawed and patched, and write the report
	$(BIN)/vulngames study emergence --seeds 3 --no-variants --out $(OUT)
	$(BIN)/vulngames report $(OUT)

test: $(VENV)/.test  ## all tests
	$(BIN)/pytest -n 2

quick: $(VENV)/.test  ## the tests that are not marked slow: the loop of editing and testing
	$(BIN)/pytest -n 2 -m "not slow"

check: $(VENV)/.test  ## lint and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

mutants: $(VENV)/.test  ## faults planted in the science core, each of which a test has to see
	$(BIN)/python benchmarks/mutants.py $(MUTANTS)

golden: $(VENV)/.demo  ## rewrite tests/golden; CHANGELOG.md says why
	$(BIN)/python tests/golden/make.py tests/golden

coverage: $(VENV)/.test  ## statements that the tests run, child processes too; the sandbox's locked-down ones apart
	rm -f .coverage .coverage.*
	$(BIN)/coverage run -m pytest -n 2
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

ends: $(VENV)/.demo  ## the wheel outside this folder, without constraints.txt: the newest versions it allows, and the oldest
	rm -rf dist
	$(BIN)/pip wheel --quiet --no-deps --wheel-dir dist .
	.ci/end newest dist/*.whl
	.ci/end oldest dist/*.whl

tiny: $(VENV)/.demo  ## rebuild the built-in policies and their cards
	$(BIN)/python -m vulngames.tiny $(WEIGHTS)/medium --clean $(WEIGHTS)/clean
	$(BIN)/python -m vulngames.tiny $(WEIGHTS)/small --recipe.hidden 64 --recipe.layers 2 --recipe.inner 176
	$(BIN)/python -m vulngames.tiny $(WEIGHTS)/large --recipe.hidden 144 --recipe.layers 4 --recipe.heads 3 --recipe.inner 384

# torch first, so that nothing asks for another build of it.
$(VENV)/.demo: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) torch
	$(PIP) --editable '.[train,data,report]'
	touch $@

$(VENV)/.test: $(VENV)/.demo
	$(PIP) --editable '.[train,data,report,tracking,dev]'
	touch $@

clean:  ## remove the environment and all runs
	rm -rf $(VENV) runs
