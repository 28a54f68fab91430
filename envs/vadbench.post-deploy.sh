#!/usr/bin/env bash
# Snakemake runs this in an environment made of vadbench.yaml, below .snakemake/conda of the project.
# ptlflow comes without what it requires: that would put another OpenCV over ours (see pyproject.toml).
set -eu
pip install --no-deps -c "$CONDA_PREFIX/../../../constraints.txt" ptlflow
