from pathlib import Path

import numpy as np
import pytest
import torch

from tests.cubes import write_cubes
from vadbench.artefacts import ArtefactWriter, Identity, open_artefact
from vadbench.errors import VadbenchError
from vadbench.training import data
from vadbench.training.data import Batches, CubeSet

COUNTS = [7, 0, 21, 5]


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "_BLOCK", 4)


@pytest.fixture
def cubes(tmp_path: Path) -> list[Path]:
    return write_cubes(tmp_path, COUNTS)


def stored(paths: list[Path], field: str) -> np.ndarray:
    parts = []
    for path in paths:
        with open_artefact(path) as artefact:
            parts.append(artefact[field][:])
    return np.concatenate(parts)


def budget(cubes: CubeSet, blocks: int) -> float:
    """Memory, GB, that lets batches be drawn from so many blocks at a time."""
    return 2 * blocks * 4 * cubes.row_bytes / 1e9 + 1e-9


@pytest.mark.parametrize("blocks", [None, 1, 3])
def test_an_epoch_shows_every_cube_once(cubes: list[Path], blocks: int | None) -> None:
    rows = CubeSet(cubes)
    memory = 4.0 if blocks is None else budget(rows, blocks)
    batches = Batches(rows, 8, seed=3, memory_gb=memory)
    flow, frames = stored(cubes, "flow"), stored(cubes, "frames")
    orders = []
    for _ in range(3):
        epoch = list(batches)
        assert [len(batch["index"]) for batch in epoch] == [8, 8, 8, 8, 1]
        order = torch.cat([batch["index"] for batch in epoch]).tolist()
        assert sorted(order) == list(range(33))
        orders.append(tuple(order))
        np.testing.assert_array_equal(torch.cat([b["flow"] for b in epoch]), flow[order])
        np.testing.assert_array_equal(torch.cat([b["frames"] for b in epoch]), frames[order])
    assert len(set(orders)) == 3


@pytest.mark.parametrize("blocks", [None, 2])
def test_the_order_depends_on_seed_and_epoch_alone(cubes: list[Path], blocks: int | None) -> None:
    rows = CubeSet(cubes, ["flow"])
    memory = 4.0 if blocks is None else budget(rows, blocks)

    def orders(seed: int) -> list[list[int]]:
        batches = Batches(rows, 8, seed=seed, memory_gb=memory)
        return [torch.cat([batch["index"] for batch in batches]).tolist() for _ in range(2)]

    assert orders(1) == orders(1)
    assert orders(1) != orders(2)


def test_cubes_of_different_clips_are_mixed_when_they_are_streamed(cubes: list[Path]) -> None:
    rows = CubeSet(cubes, ["flow"])
    batches = Batches(rows, 8, seed=0, memory_gb=budget(rows, 3))
    clip = np.repeat(np.arange(len(COUNTS)), COUNTS)
    mixed = [len(set(clip[batch["index"].numpy()])) > 1 for batch in batches]
    assert sum(mixed) >= 2


@pytest.mark.parametrize("blocks", [None, 2])
@pytest.mark.parametrize("seen", [0, 2, 5])
def test_batches_go_on_where_they_were(cubes: list[Path], blocks: int | None, seen: int) -> None:
    rows = CubeSet(cubes, ["flow"])
    memory = 4.0 if blocks is None else budget(rows, blocks)
    whole = Batches(rows, 8, seed=3, memory_gb=memory)
    expected = [[batch["index"].tolist() for batch in whole] for _ in range(2)]

    other = Batches(rows, 8, seed=3, memory_gb=memory)
    other.go_to(seen)
    rest = [batch["index"].tolist() for batch in other]
    if seen == 5:
        assert rest == expected[1]
    else:
        assert rest == expected[0][seen:]
        assert [batch["index"].tolist() for batch in other] == expected[1]


@pytest.mark.parametrize("blocks", [None, 2])
def test_fewer_samples_are_another_choice_in_each_epoch(
    cubes: list[Path], blocks: int | None
) -> None:
    rows = CubeSet(cubes, ["flow"])
    memory = 4.0 if blocks is None else budget(rows, blocks)
    batches = Batches(rows, 4, seed=0, samples_per_epoch=10, memory_gb=memory)
    assert len(batches) == 3
    chosen = [torch.cat([batch["index"] for batch in batches]).tolist() for _ in range(2)]
    assert [len(set(order)) for order in chosen] == [10, 10]
    assert set(chosen[0]) != set(chosen[1])


def test_streaming_stays_within_its_memory(
    cubes: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = CubeSet(cubes)
    batches = Batches(rows, 4, seed=0, memory_gb=budget(rows, 2))
    largest = 0
    read = Batches._read_group

    def watched(self: Batches, blocks: list[tuple[int, int]]) -> dict[str, np.ndarray]:
        nonlocal largest
        group = read(self, blocks)
        largest = max(largest, sum(group[name].nbytes for name in rows.fields))
        return group

    monkeypatch.setattr(Batches, "_read_group", watched)
    for _ in batches:
        pass
    assert 0 < largest <= budget(rows, 2) / 2 * 1e9


def test_further_arrays_follow_the_cubes(cubes: list[Path], tmp_path: Path) -> None:
    made = np.arange(33 * 6, dtype=np.float16).reshape(33, 1, 1, 1, 6)
    path = tmp_path / "made.h5"
    write_reconstructions(path, made)
    rows = CubeSet(cubes, ["flow"], {"reconstructed": path})
    for memory in (4.0, budget(rows, 2)):
        for batch in Batches(rows, 8, seed=0, memory_gb=memory):
            np.testing.assert_array_equal(batch["reconstructed"], made[batch["index"].numpy()])


def test_further_arrays_of_other_cubes_are_refused(cubes: list[Path], tmp_path: Path) -> None:
    write_reconstructions(tmp_path / "made.h5", np.zeros((32, 1, 1, 1, 6)))
    with pytest.raises(VadbenchError, match="32 rows of 'reconstructed' for 33 samples"):
        CubeSet(cubes, ["flow"], {"reconstructed": tmp_path / "made.h5"})


def write_reconstructions(path: Path, made: np.ndarray) -> None:
    owner = Identity("made", "train")
    with ArtefactWriter(path, "reconstructions", owner, 0, settings={}) as writer:
        writer.put("reconstructed", made)
        writer.put("errors", np.zeros(len(made)))


def test_in_order_reads_everything_in_order(cubes: list[Path]) -> None:
    flow = torch.cat([batch["flow"] for batch in CubeSet(cubes, ["flow"]).in_order(3)])
    np.testing.assert_array_equal(flow, stored(cubes, "flow"))


def test_a_data_set_without_objects_says_so(tmp_path: Path) -> None:
    with pytest.raises(VadbenchError, match="nothing to learn from; look at the objects' settings"):
        CubeSet(write_cubes(tmp_path, [0, 0]))
