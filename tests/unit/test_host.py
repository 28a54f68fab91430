import json
import subprocess
from pathlib import Path

import pytest

from vadbench.freeze import freeze
from vadbench.host import commit_of
from vadbench.logs import job_log


def git(folder: Path, *words: str) -> str:
    who = ["-c", "user.name=n", "-c", "user.email=e@example.org"]
    command = ["git", *who, *words]
    return subprocess.run(
        command, cwd=folder, check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "Snakefile").write_text("rule all:\n")
    git(folder, "init", "-q")
    git(folder, "add", "Snakefile")
    git(folder, "commit", "-qm", "one")
    return folder


def test_a_commit_is_the_projects_own(project: Path, tmp_path: Path) -> None:
    head = git(project, "rev-parse", "HEAD")
    assert commit_of(project) == head
    (project / "Snakefile").write_text("rule other:\n")
    assert commit_of(project) == f"{head} with uncommitted changes"
    # A tree inside of the repository that the repository does not hold, and one outside of any.
    copy = project / "copy"
    copy.mkdir()
    (copy / "Snakefile").write_text("rule all:\n")
    assert commit_of(copy) == ""
    assert commit_of(tmp_path) == ""


def test_a_frozen_copy_keeps_the_commit_that_it_was_made_from(project: Path) -> None:
    head = git(project, "rev-parse", "HEAD")
    frozen = project / "campaign"
    freeze(frozen, project=project)
    git(project, "commit", "-q", "--allow-empty", "-m", "two")
    assert commit_of(project) != head
    assert commit_of(frozen) == head


def test_a_job_records_machine_and_commit_beside_its_log(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    with job_log("logs/score/clip.1.log"):
        pass
    facts = json.loads(Path("logs/score/clip.1.json").read_text())
    assert facts["commit"] == git(project, "rev-parse", "HEAD")
    text = Path("logs/score/clip.1.log").read_text()
    assert f"on {facts['host']}, {facts['processor']}; commit {facts['commit']}" in text
    assert text.rstrip().endswith("finished")
