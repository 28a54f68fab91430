"""Results in object storage: moto's S3 on the loopback interface."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.slurm.test_slurm import small
from tests.workflow.conftest import Tree

pytestmark = pytest.mark.slurm
KEYS = {"SNAKEMAKE_STORAGE_S3_ACCESS_KEY": "mine", "SNAKEMAKE_STORAGE_S3_SECRET_KEY": "secret"}


@pytest.fixture
def endpoint(tmp_path: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with open(tmp_path / "moto", "w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
            stdout=log,
            stderr=log,
        )
    try:
        end = time.monotonic() + 120
        while time.monotonic() < end and server.poll() is None:
            with socket.socket() as knock:
                if knock.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.2)
        else:
            pytest.fail(f"moto's server did not start: {(tmp_path / 'moto').read_text()}")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.kill()
        server.wait()


def test_results_are_kept_in_a_bucket_and_a_second_run_does_nothing(
    endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import boto3  # of the extra cluster-test: other test runs collect this file without it

    tree = Tree(tmp_path / "project")
    config = small()
    config["methods"] = {"baselines": {"cubes": "stc"}}
    tree.configure(config)
    for key, value in KEYS.items():
        monkeypatch.setenv(key, value)
    monkeypatch.setenv("VADBENCH_RESULTS", ".snakemake/storage/s3/vad/campaign/results")
    options = (
        *("--profile", "workflow/profiles/s3", "--default-storage-prefix", "s3://vad/campaign"),
        *("--storage-s3-endpoint-url", endpoint),
    )
    tree.run(*options)
    bucket = boto3.resource(
        "s3", endpoint_url=endpoint, aws_access_key_id="mine", aws_secret_access_key="secret"
    ).Bucket("vad")
    keys = {item.key for item in bucket.objects.all()}
    for path in (
        "tables/benchmark.csv",
        "walkway/index.json",
        "walkway/cubes/stc/test/test01.h5",
        "walkway/baselines/untrained/seed0/metrics.json",
        "walkway/baselines/untrained/seed0/curves/test01.png",
    ):
        assert f"campaign/results/{path}" in keys
    table = bucket.Object("campaign/results/tables/benchmark.csv").get()["Body"].read().decode()
    assert "auc_micro" in table
    # Nothing of it is left here: the bucket is the only place.
    assert not list((tree.folder / "results").rglob("*.h5"))
    assert not tree.planned(*options)

    bucket.Object("campaign/results/tables/benchmark.csv").delete()
    assert dict(tree.planned(*options)) == {"tabulate": 1}
