# `make demo` and `make test` set everything up by themselves; nothing else has to be typed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt
OUT ?= runs/demo
WEIGHTS := src/vulngames/tiny/weights
# One thread a process, several processes: measured faster than several threads a process.
export OMP_NUM_THREADS := 1
export TOKENIZERS_PARALLELISM := false

.PHONY: demo test check ends tiny clean

demo: $(VENV)/.demo  ## train every game, flawed and patched, and write the report
	$(BIN)/vulngames study emergence --out $(OUT)
	$(BIN)/vulngames report $(OUT)

test: $(VENV)/.test  ## everything but lint
	$(BIN)/python -m pytest -n 2

check: $(VENV)/.test  ## lint and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

ends: $(VENV)/.demo  ## the wheel outside this folder, without constraints.txt: the newest versions it allows, and the oldest
	rm -rf dist
	$(BIN)/pip wheel --quiet --no-deps --wheel-dir dist .
	.ci/end newest dist/*.whl
	.ci/end oldest dist/*.whl

tiny: $(VENV)/.demo  ## rebuild the built-in policies and their cards
	$(BIN)/python -m vulngames.tiny $(WEIGHTS)/medium
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

clean:
	rm -rf $(VENV) runs
