# make help shows what there is.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CORES ?= all
STAMP := $(VENV)/.installed
CLUSTER := $(VENV)/.installed-cluster

.DEFAULT_GOAL := help
.PHONY: help install demo test test-slow test-browser test-slurm lint bench schema clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install: $(STAMP)  ## create .venv and install everything, pinned

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11, 4) <= sys.version_info < (3, 14))' \
	  || { echo "vadbench needs Python 3.11.4 or later, below 3.14; set PYTHON=/path/to/python3.12"; exit 1; }
	@echo "installing into $(VENV): some gigabytes, some minutes"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,flow]'
	@# Without what it requires: that would put another OpenCV over ours (see pyproject.toml).
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --no-deps ptlflow
	@touch $@

demo: install  ## run the benchmark on the synthetic scene and print the table
	$(BIN)/snakemake --cores $(CORES) --no-hooks
	@$(BIN)/vadbench table

lint: install  ## format, lint and type checks, of Python and of the workflow
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint

test: lint  ## lint and run the whole test suite
	$(BIN)/pytest

test-slow: install  ## the tests that take minutes
	$(BIN)/pytest -m slow

test-browser: install  ## test the report in headless Chromium (Debian: chromium, chromium-driver)
	@# Without what it requires, a browser of its own: only axe-core's script in it is used.
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --no-deps axe-playwright-python
	$(BIN)/pytest -m browser -n 0 tests/browser

$(CLUSTER): $(STAMP)
	@# Not part of make install: Snakemake imports every plugin at each start of each job.
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[cluster,s3,cluster-test]'
	@touch $@

test-slurm: install $(CLUSTER)  ## the workflow on a Slurm that runs on this host, as root; and results in S3
	@missing=; for program in munged slurmctld slurmd; do command -v $$program >/dev/null || missing="$$missing $$program"; done; \
	if [ -n "$$missing" ]; then \
	  if [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then \
	    echo "make test-slurm misses$$missing: run 'apt-get install slurm-wlm munge' on a Debian, and this as root"; exit 1; \
	  fi; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
	    apt-get install -qq -y --no-install-recommends slurm-wlm munge; \
	fi
	$(BIN)/pytest -n 0 -m slurm tests/slurm

bench: install  ## measure speed and size against their peers
	$(BIN)/python benchmarks/run.py

schema: install  ## write the JSON schema of config.yaml anew
	$(BIN)/vadbench schema > workflow/schemas/config.schema.json

clean:  ## remove results and logs, keep data and .venv
	rm -rf results/*/ logs .snakemake
