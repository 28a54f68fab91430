"""Batches of cached cubes: from memory where they fit, else in shuffled blocks from disk.

The order of an epoch is a function of seed and epoch only. Every cube is seen once per epoch. A run
that was killed goes on at the next batch.
"""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from vadbench.artefacts import open_artefact
from vadbench.errors import VadbenchError

__all__ = ["CubeBatches", "CubeSet"]

log = logging.getLogger(__name__)
_BLOCK = 512  # cubes read at a time; a multiple of the rows of a stored chunk
Arrays = dict[str, npt.NDArray[Any]]


class CubeSet:
    """The cubes of several clips as one numbered sequence.

    Args:
        paths: Cubes artefacts, in order.
        fields: Which of their arrays are read, of `frames` and `flow`.
        extra: Further arrays with a row per cube: name of a field to the artefact that holds it.

    Raises:
        VadbenchError: An artefact is damaged, there are no cubes at all, or a further array has
            another number of rows.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        fields: Sequence[str] = ("frames", "flow"),
        extra: Mapping[str, Path] | None = None,
    ) -> None:
        self.paths, self.fields, self.extra = list(paths), list(fields), dict(extra or {})
        counts, self.row_bytes = [], 0
        for path in self.paths:
            with open_artefact(path, "cubes") as cubes:
                counts.append(len(cubes["boxes"]))
                self.row_bytes = sum(_row_bytes(cubes[name]) for name in fields)
        self.starts = np.concatenate([[0], np.cumsum(counts)]).astype(int)
        if len(self) == 0:
            raise VadbenchError(
                f"{self.paths[0].parent}: no clip has any objects, so there is nothing to learn "
                "from; look at the objects' settings"
            )
        for name, path in self.extra.items():
            with open_artefact(path) as artefact:
                self.row_bytes += _row_bytes(artefact[name])
                if len(artefact[name]) != len(self):
                    raise VadbenchError(
                        f"{path}: {len(artefact[name])} rows of {name!r} for {len(self)} cubes; "
                        "delete the file and run again"
                    )

    def __len__(self) -> int:
        return int(self.starts[-1])

    def blocks(self) -> list[tuple[int, int]]:
        """Ranges of at most `_BLOCK` cubes, none across two files."""
        return [
            (first, min(first + _BLOCK, int(end)))
            for start, end in zip(self.starts, self.starts[1:], strict=False)
            for first in range(int(start), int(end), _BLOCK)
        ]

    def read(self, start: int, stop: int) -> Arrays:
        """Reads cubes start to stop, which lie in one file."""
        place = int(np.searchsorted(self.starts, start, side="right")) - 1
        base = int(self.starts[place])
        with open_artefact(self.paths[place], "cubes") as cubes:
            arrays: Arrays = {name: cubes[name][start - base : stop - base] for name in self.fields}
        for name, path in self.extra.items():
            with open_artefact(path) as artefact:
                arrays[name] = artefact[name][start:stop]
        return arrays

    def read_all(self) -> Arrays:
        """Reads everything into memory."""
        whole: Arrays = {}
        for start, stop in self.blocks():
            for name, values in self.read(start, stop).items():
                if name not in whole:
                    whole[name] = np.empty((len(self), *values.shape[1:]), values.dtype)
                whole[name][start:stop] = values
        return whole

    def in_order(self, batch_size: int) -> Iterator[dict[str, Tensor]]:
        """Yields all cubes in order, the next block being read meanwhile; logs its progress."""
        done, told = 0, time.monotonic()
        with ThreadPoolExecutor(1) as pool:
            waiting = [pool.submit(self.read, *block) for block in self.blocks()[:1]]
            for block in [*self.blocks()[1:], None]:
                arrays = waiting.pop().result()
                if block is not None:
                    waiting.append(pool.submit(self.read, *block))
                count = len(next(iter(arrays.values())))
                for first in range(0, count, batch_size):
                    yield {
                        name: torch.from_numpy(values[first : first + batch_size])
                        for name, values in arrays.items()
                    }
                done += count
                if time.monotonic() - told > 30:
                    log.info("%d of %d cubes", done, len(self))
                    told = time.monotonic()


def _row_bytes(dataset: h5py.Dataset) -> int:
    return int(np.prod(dataset.shape[1:])) * int(dataset.dtype.itemsize)


class CubeBatches:
    """Shuffled batches of an epoch; iterating again gives the next epoch.

    Args:
        cubes: The cubes.
        batch_size: Cubes per batch; the last batch of an epoch may be smaller.
        seed: Seed of the order.
        samples_per_epoch: Cubes seen per epoch, another random choice in each; all if None.
        memory_gb: Most memory for cubes. If they do not fit, an epoch goes through blocks in
            random order, and batches are drawn from as many blocks as half of the memory holds,
            while the other half is being filled.
    """

    def __init__(
        self,
        cubes: CubeSet,
        batch_size: int,
        *,
        seed: int,
        samples_per_epoch: int | None = None,
        memory_gb: float = 4.0,
    ) -> None:
        self.cubes, self.batch_size, self.seed = cubes, batch_size, seed
        self.samples = min(samples_per_epoch or len(cubes), len(cubes))
        self.epoch, self.next_batch = 0, 0
        budget = memory_gb * 1e9
        self._whole: Arrays | None = None
        self._fits = len(cubes) * cubes.row_bytes <= budget
        self._pool_blocks = max(1, int(budget / 2 / (cubes.row_bytes * _BLOCK)))

    def __len__(self) -> int:
        return -(-self.samples // self.batch_size)

    def go_to(self, step: int) -> None:
        """Makes the batch of a step, counted from 0 over all epochs, the next one."""
        self.epoch, self.next_batch = divmod(step, len(self))

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        """Yields what is left of the epoch: `index` and the arrays of the cube set, as tensors."""
        if self.next_batch >= len(self):
            self.epoch, self.next_batch = self.epoch + 1, 0
        rng = np.random.default_rng([self.seed, self.epoch])
        batches = self._from_memory(rng) if self._fits else self._from_disk(rng)
        for number, batch in enumerate(batches):
            if number < self.next_batch:
                continue
            self.next_batch = number + 1
            yield {name: torch.from_numpy(values) for name, values in batch().items()}

    def _from_memory(self, rng: np.random.Generator) -> Iterator["_Batch"]:
        if self._whole is None:
            self._whole = self.cubes.read_all()
        order = rng.permutation(len(self.cubes))[: self.samples]
        for start in range(0, self.samples, self.batch_size):
            yield _Batch(self._whole, order[start : start + self.batch_size])

    def _from_disk(self, rng: np.random.Generator) -> Iterator["_Batch"]:
        blocks = self.cubes.blocks()
        blocks = [blocks[place] for place in rng.permutation(len(blocks))]
        groups = [
            blocks[first : first + self._pool_blocks]
            for first in range(0, len(blocks), self._pool_blocks)
        ]
        left: Arrays | None = None
        seen = 0
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(self._read_group, groups[0])
            for number in range(len(groups)):
                pooled = waiting.result()
                if number + 1 < len(groups):
                    waiting = pool.submit(self._read_group, groups[number + 1])
                if left is not None:
                    pooled = {n: np.concatenate([left[n], pooled[n]]) for n in pooled}
                count = len(pooled["index"])
                order = rng.permutation(count)
                last = number + 1 == len(groups)
                whole = count if last else count - count % self.batch_size
                for start in range(0, whole, self.batch_size):
                    if seen >= self.samples:
                        return
                    chosen = order[start : min(start + self.batch_size, whole)]
                    chosen = chosen[: self.samples - seen]
                    seen += len(chosen)
                    yield _Batch(pooled, chosen)
                rest = order[whole:]
                left = {name: values[rest] for name, values in pooled.items()}

    def _read_group(self, blocks: Sequence[tuple[int, int]]) -> Arrays:
        parts = [self.cubes.read(*block) | {"index": np.arange(*block)} for block in blocks]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


class _Batch:
    """Rows of arrays, gathered only when the batch is used: skipped batches cost nothing."""

    def __init__(self, arrays: Arrays, rows: npt.NDArray[np.int64]) -> None:
        self._arrays, self._rows = arrays, rows

    def __call__(self) -> Arrays:
        batch = {name: values[self._rows] for name, values in self._arrays.items()}
        return {"index": self._rows} | batch
