# Each target sets up .venv by itself. PIP_ARGS goes to every pip install, e.g. an index of CPU-only builds of torch.
PYTHON ?= python3
PIP_ARGS ?=
VENV := .venv
RUN := $(VENV)/bin/python
INSTALLED := $(VENV)/installed

.PHONY: lab test test-long bench lint clean

lab: $(INSTALLED)
	$(RUN) -m logreg lab

test: $(INSTALLED)
	$(RUN) -m pytest -m "not long"

test-long: $(INSTALLED)
	$(RUN) -m pytest -m long

# `make bench BENCH="plane run"` runs some of them; the report reads the last results of each.
BENCH ?= surface plane run gradient ensemble

bench: $(INSTALLED)
	for name in $(BENCH); do \
		$(RUN) -m pytest bench/test_$$name.py --benchmark-only --benchmark-json=bench/results/$$name.json || exit 1; \
	done
	$(RUN) -m bench.report
	$(RUN) -m bench.plots

lint: $(INSTALLED)
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy

clean:
	rm -rf $(VENV) build *.egg-info

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet -c constraints.txt $(PIP_ARGS) torch
	$(RUN) -m pip install --quiet -c constraints.txt $(PIP_ARGS) --editable ".[test,bench,lint]"
	touch $(INSTALLED)
