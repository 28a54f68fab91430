"""A method of another package, found through its entry point, runs like those of this one."""

import os
from pathlib import Path

import pandas as pd

from tests.workflow.conftest import PROJECT, SMALL, Tree
from vadbench.artefacts.fingerprint import covered

EXAMPLES = PROJECT / "docs/examples"


def test_an_installed_package_brings_a_method(tmp_path: Path, monkeypatch) -> None:
    about = tmp_path / "site/conv_autoencoder-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: conv-autoencoder\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(
        "[vadbench.methods]\nconv_autoencoder = conv_autoencoder.method\n"
    )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(about.parent), str(EXAMPLES)]))
    tree = Tree(tmp_path / "project")
    config = {
        "datasets": SMALL["datasets"],
        "views": {"small": {"size": 32}},
        "methods": {
            "conv_autoencoder": {
                "views": "small",
                "settings": {"widths": [16, 8, 8], "reconstruct": {"batch_size": 8}},
            }
        },
    }
    tree.configure(config | {"selection": "best_test"})
    refused = tree.run("-n", check=False)
    assert refused.returncode != 0
    assert "conv_autoencoder has no scorer" in refused.stdout + refused.stderr
    tree.configure(config)
    tree.run()
    table = pd.read_csv(tree.folder / "results/tables/benchmark.csv")
    assert set(table["method"]) == {"conv_autoencoder"}
    assert "reconstruction_error" in set(table["score"])
    assert not tree.planned()


def test_the_fingerprint_of_such_a_method_covers_what_it_uses_of_vadbench(monkeypatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    trained = {"conv_autoencoder.network", "vadbench.training.run"}
    scored = {"conv_autoencoder.score", "vadbench.training.scoring", "vadbench.scoring.scores"}
    assert trained < set(covered("conv_autoencoder.network"))
    assert not scored & set(covered("conv_autoencoder.network"))
    assert scored < set(covered("conv_autoencoder.score"))


def test_the_example_is_short() -> None:
    lines = [
        line
        for path in (EXAMPLES / "conv_autoencoder").glob("*.py")
        for line in path.read_text().splitlines()
    ]
    assert len(lines) < 150
