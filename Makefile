# Each target sets up .venv by itself, but `make card`: it takes the machine's own python3, with PyTorch and pytest, and
# installs nothing. PIP_ARGS goes to every pip install, e.g. an index of CPU-only builds of torch.
# ARGS goes to the lab and the explorer: `make lab ARGS="--language es"`.
# `make test-card-versions PYTHON=python3.12` has an environment of its own, .venv-card.
PYTHON ?= python3
PIP_ARGS ?=
ARGS ?=
VENV := .venv
RUN := $(VENV)/bin/python
INSTALLED := $(VENV)/installed
CARD_VENV := .venv-card
CARD_RUN := $(CARD_VENV)/bin/python
CARD_INSTALLED := $(CARD_VENV)/installed
LOWEST_VENV := .venv-lowest
LOWEST_RUN := $(LOWEST_VENV)/bin/python
LOWEST_INSTALLED := $(LOWEST_VENV)/installed

.PHONY: lab explore test test-long test-narrow test-card-versions test-lowest test-environments mutants bench publish card \
	publish-card docs lint clean

lab: $(INSTALLED)
	$(RUN) -m logreg lab $(ARGS)

# ARGS: more options, e.g. `make explore ARGS="--language es --data breast_cancer"`.
explore: $(INSTALLED)
	$(RUN) -m logreg explore --web $(ARGS)

test: $(INSTALLED)
	$(RUN) -m pytest -m "not long" -n 2 --dist worksteal

test-long: $(INSTALLED)
	$(RUN) -m pytest -m long -n 2 --dist worksteal

# What kernels compute, with kernels for narrower registers than this machine's: AVX2's on AVX-512, else SSE2's.
test-narrow: $(INSTALLED)
	$(RUN) -m tests.narrow -n 2 --dist worksteal

# Which slips no test sees: sources with one place changed at a time, each tried in a copy. Takes hours, and goes on where
# it was when it ended; MUTANTS: other options, e.g. "--number 40 --only viz".
MUTANTS ?= --number 140 --seed 0 --workers 2 --skip-done --report docs/mutants.md

mutants: $(INSTALLED)
	$(RUN) -m tests.mutation $(MUTANTS)

# Only measures, into the folder of this processor in bench/results; `make bench BENCH="plane run"` some files of them.
BENCH ?=

bench: $(INSTALLED)
	$(RUN) -m bench $(BENCH)

# The tables and the plots in README and docs, from bench/results as they are; errors of elementary functions and peaks
# of memory, which don't depend on what else a machine does.
publish: $(INSTALLED)
	$(RUN) -m bench.report
	$(RUN) -m bench.plots
	$(RUN) -m bench.accuracy
	$(RUN) -m bench.peaks
	$(RUN) -m bench.scale

# What runs on a card, tested without one, with a card machine's versions of everything. Of the long tests those that
# compile Triton kernels, whose registers go by its version; the others are `make test-long`'s.
COMPILED_FOR_CARD := tests/kernels/test_triton.py tests/kernels/test_one_pass.py tests/kernels/test_triton_surface.py

test-card-versions: $(CARD_INSTALLED)
	$(CARD_RUN) -m pytest -m "not cuda and not long" -n 2 --dist worksteal @tests/cuda.txt
	$(CARD_RUN) -m pytest -m "long and not cuda" -n 2 --dist worksteal $(COMPILED_FOR_CARD)

# Every public function with the oldest versions that are allowed, on Python 3.11 or 3.12. The oldest torch, 2.6.0, comes
# from the package index as a build for CUDA, of gigabytes, so it has to be asked for: `make test-lowest TORCH=2.6.0`.
TORCH ?= $(patsubst torch==%,%,$(filter torch==%,$(shell cat constraints.txt)))

test-lowest: $(LOWEST_INSTALLED)
	PYTHONPATH=. $(LOWEST_RUN) tests/smoke.py $(LOWEST_VENV)

# Wheel and sdist outside a checkout, under other Pythons too where they are found.
PYTHONS ?= 3.12 3.13 3.14

test-environments: $(INSTALLED)
	$(RUN) tests/environments.py $(PYTHONS)

# `make card OUT=DIR` on a machine with one; `make card CARD=cpu OUT=DIR` goes the same way on any. CARD_ARGS: more
# options of bench.card, e.g. "--skip-done DIR". `make publish-card OUT=DIR` takes the results of a card into the tables.
CARD ?= cuda
OUT ?= out/card
CARD_ARGS ?=

card: $(if $(filter cpu,$(CARD)),$(INSTALLED))
	$(if $(filter cpu,$(CARD)),$(RUN),$(PYTHON)) -m bench.card --out "$(OUT)" --device $(CARD) $(CARD_ARGS)

publish-card: $(INSTALLED)
	$(RUN) -m bench.card.publish "$(OUT)"

# The pages, into docs/_build/html: what Sphinx warns of, a link that leads nowhere, and anything to be fetched from a
# network are errors.
docs: $(INSTALLED)
	$(RUN) -m sphinx --nitpicky --fail-on-warning --quiet -d docs/_build/doctrees docs docs/_build/html
	$(RUN) -m tests.links docs/_build/html

lint: $(INSTALLED)
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy

clean:
	rm -rf $(VENV) $(CARD_VENV) $(LOWEST_VENV) build dist docs/_build docs/gallery docs/reference/generated *.egg-info

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet -c constraints.txt $(PIP_ARGS) torch
	$(RUN) -m pip install --quiet -c constraints.txt $(PIP_ARGS) --editable ".[test,bench,docs,lint]"
	touch $(INSTALLED)

$(CARD_INSTALLED): constraints-card.txt
	$(PYTHON) -m venv $(CARD_VENV)
	$(CARD_RUN) -m pip install --quiet $(PIP_ARGS) -r constraints-card.txt
	touch $(CARD_INSTALLED)

$(LOWEST_INSTALLED): constraints-lowest.txt
	$(PYTHON) -m venv $(LOWEST_VENV)
	$(LOWEST_RUN) -m pip install --quiet $(PIP_ARGS) -r constraints-lowest.txt torch==$(TORCH)
	touch $(LOWEST_INSTALLED)
