# Each target sets up .venv by itself, but those for a CUDA device: they take the machine's own python3, with PyTorch
# and pytest, and install nothing. PIP_ARGS goes to every pip install, e.g. an index of CPU-only builds of torch.
PYTHON ?= python3
PIP_ARGS ?=
VENV := .venv
RUN := $(VENV)/bin/python
INSTALLED := $(VENV)/installed

.PHONY: lab test test-long test-cuda bench bench-cuda lint clean

lab: $(INSTALLED)
	$(RUN) -m logreg lab

test: $(INSTALLED)
	$(RUN) -m pytest -m "not long" -n 2 --dist worksteal

test-long: $(INSTALLED)
	$(RUN) -m pytest -m long

# `make bench BENCH="plane run"` runs some of them; the report reads the last results of each.
BENCH ?= surface plane run options gradient loop ensemble

bench: $(INSTALLED)
	for name in $(BENCH); do \
		$(RUN) -m pytest bench/test_$$name.py --benchmark-only --benchmark-json=bench/results/$$name.json || exit 1; \
	done
	$(RUN) -m bench.report
	$(RUN) -m bench.plots
	$(RUN) -m bench.accuracy

test-cuda:
	$(PYTHON) -m pytest -m cuda tests/kernels/test_torch_surface.py tests/kernels/test_torch_update.py \
		tests/kernels/test_torch_ensemble.py tests/kernels/test_one_pass.py tests/kernels/test_triton.py

bench-cuda:
	$(PYTHON) -m bench.cuda

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
