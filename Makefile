PYTHON ?= python3
BIN := .venv/bin

# pip compiles nothing, which halves the time it takes: Python does at each first import, if nothing forbids it.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: install test lint unit live demo bench wheel clean

install: .venv/.installed

# The stamp makes a second install cost nothing; what it depends on is what decides the environment.
.venv/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Stepfarm needs Python 3.11 or later: make PYTHON=python3.11 install"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv \
		|| { echo "No venv module: apt install python3-venv"; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --constraint constraints.txt \
		--editable '.[worker,local,dev]'
	@touch $@

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: lint unit live

unit: install
	$(BIN)/pytest -n 2 tests/farm tests/workers tests/deploy tests/bench

# Real Redis, S3 and workers; a process takes a whole file, whose tests may share a farm.
live: install
	$(BIN)/pytest -n 2 --dist loadfile tests/live

# How fast it is, on this machine: ten minutes; `python -m tests.bench --help` measures a part.
bench: install
	$(BIN)/python -m tests.bench

demo: install
	$(BIN)/farm demo

# As a stranger gets it: built, installed from nothing into an environment of its own, tried elsewhere than here.
wheel: install
	rm -rf build dist
	$(BIN)/python -m build --no-isolation
	$(PYTHON) -m venv build/environment
	build/environment/bin/pip install --quiet --disable-pip-version-check --constraint constraints.txt \
		"$$(echo dist/*.whl)[worker,local]"
	build/environment/bin/pip check
	mkdir build/elsewhere && cd build/elsewhere && ../environment/bin/farm demo

clean:
	rm -rf .venv .farm farm-output farm-sweep build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
