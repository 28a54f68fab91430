from pathlib import Path
from typing import Any

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


@pytest.fixture(params=[None, 1, 2, 3])
def pool(request: pytest.FixtureRequest, cubes: list[Path], monkeypatch: Any) -> int | None:
    """Blocks that a pool of `CubeSet(cubes, ["flow"])` holds; None: everything."""
    if request.param is not None:
        set_pool(monkeypatch, CubeSet(cubes, ["flow"]), request.param)
    return request.param


def set_pool(monkeypatch: pytest.MonkeyPatch, cubes: CubeSet, blocks: int) -> None:
    monkeypatch.setattr(data, "_POOL_BYTES", blocks * 4 * cubes.row_bytes + 1)


STREAMED = 1e-9  # GB: nothing fits, so that whatever is more than a pool is streamed


@pytest.mark.parametrize("per_epoch", [None, 10, 24])
def test_the_order_is_the_same_in_memory_and_streamed(
    cubes: list[Path], pool: int | None, per_epoch: int | None
) -> None:
    rows = CubeSet(cubes, ["flow"])

    def drawn(memory: float) -> list[dict[str, torch.Tensor]]:
        batches = Batches(rows, 8, seed=3, samples_per_epoch=per_epoch, memory_gb=memory)
        return [batch for _ in range(2) for batch in batches]

    for one, other in zip(drawn(4.0), drawn(STREAMED), strict=True):
        assert torch.equal(one["index"], other["index"])
        assert torch.equal(one["flow"], other["flow"])


@pytest.mark.parametrize("memory", [4.0, STREAMED])
def test_an_epoch_shows_every_cube_once(cubes: list[Path], pool: int | None, memory: float) -> None:
    batches = Batches(CubeSet(cubes), 8, seed=3, memory_gb=memory)
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


def test_the_order_depends_on_seed_and_epoch(cubes: list[Path], pool: int | None) -> None:
    rows = CubeSet(cubes, ["flow"])

    def orders(seed: int) -> list[list[int]]:
        batches = Batches(rows, 8, seed=seed, memory_gb=STREAMED)
        return [torch.cat([batch["index"] for batch in batches]).tolist() for _ in range(2)]

    assert orders(1) == orders(1)
    assert orders(1) != orders(2)


def test_cubes_of_different_clips_are_mixed_when_they_are_streamed(
    cubes: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = CubeSet(cubes, ["flow"])
    set_pool(monkeypatch, rows, 3)
    batches = Batches(rows, 8, seed=0, memory_gb=STREAMED)
    clip = np.repeat(np.arange(len(COUNTS)), COUNTS)
    mixed = [len(set(clip[batch["index"].numpy()])) > 1 for batch in batches]
    assert sum(mixed) >= 2


@pytest.mark.parametrize("seen", [0, 2, 5])
def test_batches_go_on_where_they_were_with_less_memory(
    cubes: list[Path], pool: int | None, seen: int
) -> None:
    rows = CubeSet(cubes, ["flow"])
    whole = Batches(rows, 8, seed=3)
    expected = [[batch["index"].tolist() for batch in whole] for _ in range(2)]

    other = Batches(rows, 8, seed=3, memory_gb=STREAMED)
    other.go_to(seen)
    rest = [batch["index"].tolist() for batch in other]
    if seen == 5:
        assert rest == expected[1]
    else:
        assert rest == expected[0][seen:]
        assert [batch["index"].tolist() for batch in other] == expected[1]


def test_fewer_samples_are_another_choice_in_each_epoch(
    cubes: list[Path], pool: int | None
) -> None:
    rows = CubeSet(cubes, ["flow"])
    batches = Batches(rows, 4, seed=0, samples_per_epoch=10, memory_gb=STREAMED)
    assert len(batches) == 3
    chosen = [torch.cat([batch["index"] for batch in batches]).tolist() for _ in range(2)]
    assert [len(set(order)) for order in chosen] == [10, 10]
    assert set(chosen[0]) != set(chosen[1])


def test_streaming_stays_within_its_memory(
    cubes: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = CubeSet(cubes)
    set_pool(monkeypatch, rows, 2)
    batches = Batches(rows, 4, seed=0, memory_gb=STREAMED)
    sizes = []
    read = Batches._read_pool

    def watched(self: Batches, pool: Any) -> dict[str, np.ndarray]:
        arrays = read(self, pool)
        sizes.append(sum(values.nbytes for values in arrays.values()))
        return arrays

    monkeypatch.setattr(Batches, "_read_pool", watched)
    for _ in batches:
        pass
    # A pool, and the part of a batch that the one before left.
    assert len(sizes) > 2
    assert max(sizes) <= (2 * 4 + 3) * rows.row_bytes


def test_further_arrays_follow_the_cubes(
    cubes: list[Path], tmp_path: Path, pool: int | None
) -> None:
    made = np.arange(33 * 6, dtype=np.float16).reshape(33, 1, 1, 1, 6)
    path = tmp_path / "made.h5"
    write_reconstructions(path, made)
    rows = CubeSet(cubes, ["flow"], {"reconstructed": path})
    for memory in (4.0, STREAMED):
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
