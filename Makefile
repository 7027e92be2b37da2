# Two commands do all the set-up on a fresh machine: `make quickstart` and `make test`.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
RUN := $(VENV)/bin/python
LHL := $(VENV)/bin/lhl
INSTALLED := $(VENV)/.installed
SITE := $(RUN) -m sphinx --fail-on-warning --quiet --doctree-dir docs/_build/.doctrees
# It would not warn a second time of what it has kept.
OR_FORGET := || { rm -rf docs/_build/.doctrees; exit 1; }
QUICKSTART := work_dirs/quickstart
# What is imported leaves its compiled file, whatever the shell asks for: compiling all of it again takes 10 s per process.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: quickstart test collect-tests test-slow check check-code check-types check-docs docs benchmark wheel clean

# The two runs share the machine, one thread each: on two cores that takes two thirds of the time of one after the other.
quickstart: $(INSTALLED)  ## learn three tasks one after the other, without and with HAD, and show on a page what happened
	$(LHL) convert synth-rooms data/synth_rooms_tiny --train 600 --val 120 --size 72 96
	mkdir -p $(QUICKSTART)
	@echo "training vanilla beside HAD, log in $(QUICKSTART)/vanilla.log"
	OMP_NUM_THREADS=1 $(call train,vanilla) > $(QUICKSTART)/vanilla.log 2>&1 & VANILLA=$$!; \
	OMP_NUM_THREADS=1 $(call train,had) || { kill $$VANILLA; exit 1; }; \
	wait $$VANILLA || { tail -n 1 $(QUICKSTART)/vanilla.log; exit 1; }
	$(LHL) report $(QUICKSTART)/vanilla $(QUICKSTART)/had --out $(QUICKSTART)

# Start the tiny run of a method, or continue it where it was interrupted.
# After the benchmark's 14 epochs normals are still rough, and depth not much forgotten.
train = $(LHL) train --no-page configs/$(1)/$(1)_tiny_synthrooms.py --work-dir $(QUICKSTART)/$(1) \
	--cfg-options phases.2.train_cfg.max_epochs=24 \
	$(if $(wildcard $(QUICKSTART)/$(1)/results.json),--resume)

# One process more than cores, as tests wait for children and files, one thread each; a file stays in one process, as its
# tests share what they have trained.
WORKERS = $$(( $$($(RUN) -c 'import os; print(os.cpu_count())') + 1 ))

test: $(INSTALLED)  ## the checks and all tests but the slow ones
	$(MAKE) --no-print-directory -j 2 $(CHECKS) collect-tests
	OMP_NUM_THREADS=1 $(RUN) -m pytest -m "not slow" -n $(WORKERS) --dist loadfile

# Once, while the documents' check takes one core alone: pytest then keeps the tests compiled, which takes each of its
# processes 12 s otherwise.
collect-tests: $(INSTALLED)
	@COLLECTED=$$($(RUN) -m pytest --collect-only -qq) || { echo "$$COLLECTED"; exit 1; }

test-slow: $(INSTALLED)  ## the tests that train for minutes
	$(RUN) -m pytest -m slow

# Two at a time: each takes one core, and the longest comes first.
CHECKS := check-docs check-types check-code

check: $(INSTALLED)  ## style, docstrings, which room imports which, types, unused code; docs: links, and names that exist
	$(MAKE) --no-print-directory -j 2 $(CHECKS)

check-code: $(INSTALLED)
	$(RUN) -m ruff check .
	$(VENV)/bin/lint-imports
	$(RUN) -m vulture

check-types: $(INSTALLED)
	$(RUN) -m mypy

check-docs: $(INSTALLED)
	$(SITE) --write-all -b dummy docs docs/_build/check $(OR_FORGET)

# Formulas, search and pages of files are made here alone; all warnings of texts, links and names come from both.
docs: $(INSTALLED)  ## the documents as a site, docs/_build/index.html
	$(SITE) -b html docs docs/_build $(OR_FORGET)

benchmark: $(INSTALLED)  ## where a training step's time goes, and its ratio to a bare loop
	$(RUN) tools/benchmarks/step.py

wheel: $(INSTALLED)  ## a wheel in dist/, which carries the configs
	$(RUN) -m build --wheel

clean:  ## remove the environment; data and runs stay
	rm -rf $(VENV)

# torch first and exactly this version: a resolver that is free to choose may take gigabytes of CUDA. Files are compiled
# when they are first imported: most never are, and all of them take a minute.
$(INSTALLED): pyproject.toml setup.py constraints.txt
	test -x $(RUN) || $(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --no-compile torch==2.13.0
	$(RUN) -m pip install --quiet --no-compile -e '.[dev]' -c constraints.txt
	touch $@
