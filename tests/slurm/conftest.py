"""The cluster that the tests here share, and the environment that a run on it starts from."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.slurm.cluster import Slurm, SlurmError, running


@pytest.fixture(scope="session")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slurm]:
    """Two nodes, up and idle."""
    try:
        with running(tmp_path_factory.mktemp("slurm")) as cluster:
            yield cluster
    except SlurmError as error:
        pytest.fail(str(error))


@pytest.fixture
def documented_environment(tmp_path: Path) -> dict[str, str]:
    """What docs/cluster.md says that a job takes from the shell that submits it, and no more."""
    home = tmp_path / "home"
    home.mkdir()
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
        "HOME": str(home),
        "VADBENCH_DATA": "data",
    }
