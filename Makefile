PYTHON ?= python3
BIN := .venv/bin

.PHONY: install test demo lint live bench storm clean

install: .venv/.installed

# The stamp makes a second install cost nothing; what it depends on is what decides the environment.
.venv/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(not ((3, 11) <= sys.version_info[:2] <= (3, 12)))' \
		|| { echo "Stepfarm needs Python 3.11 or 3.12: make PYTHON=python3.11 install"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv \
		|| { echo "No venv module: apt install python3-venv"; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt \
		--editable '.[worker,local,dev]'
	@touch $@

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: lint
	$(BIN)/pytest -n 2 tests/farm tests/workers
	$(BIN)/pytest tests/live

demo: install
	$(BIN)/farm demo

clean:
	rm -rf .venv .farm farm-output build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
