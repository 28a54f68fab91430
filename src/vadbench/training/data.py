"""Batches of cached artefacts: from memory where they fit, else in shuffled blocks from disk.

The order of an epoch is a function of the samples, seed and epoch only, and not of the memory that
there is. Every sample is seen once per epoch. A run that was killed goes on at the next batch.
"""

import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from vadbench.artefacts import open_artefact
from vadbench.errors import VadbenchError

__all__ = ["Batches", "CubeSet", "Samples", "ViewSet"]

log = logging.getLogger(__name__)
_BLOCK = 512  # cubes read at a time; a multiple of the rows of a stored chunk
_VIEW_BLOCK = 64  # frames read at a time
_POOL_BYTES = 0.9e9  # most samples that are shuffled together
LEAST_GB = 2.0  # what two pools take, without which nothing is streamed
Arrays = dict[str, npt.NDArray[Any]]
Rows = npt.NDArray[np.int64]


class Samples(ABC):
    """Samples out of the artefacts of several clips as one numbered sequence.

    Attributes:
        paths: The artefacts, in order.
        starts: (C + 1,) number of each artefact's first sample.
        row_bytes: Bytes of one sample in memory.
        block: Samples that are read at a time.
    """

    def __init__(
        self, paths: Sequence[Path], counts: Sequence[int], row_bytes: int, block: int
    ) -> None:
        self.paths, self.row_bytes, self.block = list(paths), row_bytes, block
        self.starts = np.concatenate([[0], np.cumsum(counts)]).astype(int)

    def __len__(self) -> int:
        return int(self.starts[-1])

    def _add(self, extra: Mapping[str, Path]) -> None:
        """Takes further arrays with a row per sample in."""
        self.extra = dict(extra)
        for name, path in self.extra.items():
            with open_artefact(path) as artefact:
                self.row_bytes += _row_bytes(artefact[name])
                if len(artefact[name]) != len(self):
                    raise VadbenchError(
                        f"{path}: {len(artefact[name])} rows of {name!r} for {len(self)} samples; "
                        "delete the file and run again"
                    )

    def blocks(self) -> list[tuple[int, int]]:
        """Ranges of samples to read at a time, none across two files."""
        return [
            (first, min(first + self.block, int(end)))
            for start, end in zip(self.starts, self.starts[1:], strict=False)
            for first in range(int(start), int(end), self.block)
        ]

    @abstractmethod
    def _read(self, path: Path, start: int, stop: int) -> Arrays:
        """Reads an artefact's own samples start to stop."""

    def read(self, start: int, stop: int) -> Arrays:
        """Reads samples start to stop, which lie in one file."""
        place = int(np.searchsorted(self.starts, start, side="right")) - 1
        base = int(self.starts[place])
        arrays = self._read(self.paths[place], start - base, stop - base)
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
        """Yields all samples in order, the next block being read meanwhile; logs its progress."""
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
                    log.info("%d of %d samples", done, len(self))
                    told = time.monotonic()


class CubeSet(Samples):
    """The cubes of several clips.

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
        counts, row_bytes = [], 0
        for path in paths:
            with open_artefact(path, "cubes") as cubes:
                counts.append(len(cubes["boxes"]))
                row_bytes = sum(_row_bytes(cubes[name]) for name in fields)
        super().__init__(paths, counts, row_bytes, _BLOCK)
        self.fields = list(fields)
        if len(self) == 0:
            raise VadbenchError(
                f"{self.paths[0].parent}: no clip has any objects, so there is nothing to learn "
                "from; look at the objects' settings"
            )
        self._add(extra or {})

    def _read(self, path: Path, start: int, stop: int) -> Arrays:
        with open_artefact(path, "cubes") as cubes:
            return {name: cubes[name][start:stop] for name in self.fields}


class ViewSet(Samples):
    """Whole frames of several clips, each with what lies some frames before or after it.

    Args:
        paths: Views artefacts, in order.
        windows: For each array that is read, its frames relative to the sample's own frame. A
            clip has a sample for each frame whose windows lie inside the clip.
        extra: Further arrays with a row per sample; see `CubeSet`.
        reach: First and last frame, relative to the sample's own, that must lie inside the clip
            too, so that different windows have the same samples.

    Raises:
        VadbenchError: An artefact is damaged or has not all of the arrays, a clip is shorter than
            the windows, or a further array has another number of rows.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        windows: Mapping[str, Sequence[int]],
        extra: Mapping[str, Path] | None = None,
        reach: tuple[int, int] = (0, 0),
    ) -> None:
        self.windows = {name: tuple(window) for name, window in windows.items()}
        offsets = [*reach, *(offset for window in self.windows.values() for offset in window)]
        self.first, last = max(0, -min(offsets)), max(0, *offsets)
        counts, row_bytes = [], 0
        for path in paths:
            with open_artefact(path, "views") as views:
                counts.append(views.n_frames - self.first - last)
                row_bytes = sum(len(w) * _row_bytes(views[n]) for n, w in self.windows.items())
                if counts[-1] < 1:
                    raise VadbenchError(
                        f"{path}: the clip has {views.n_frames} frames, fewer than a sample needs"
                    )
        super().__init__(paths, counts, row_bytes, _VIEW_BLOCK)
        self._add(extra or {})

    def _read(self, path: Path, start: int, stop: int) -> Arrays:
        arrays: Arrays = {}
        with open_artefact(path, "views") as views:
            for name, window in self.windows.items():
                low = start + self.first + min(window)
                stored = views[name][low : stop + self.first + max(window)]
                shifts = [offset - min(window) for offset in window]
                arrays[name] = np.stack([stored[k : k + stop - start] for k in shifts], axis=1)
        return arrays


def _row_bytes(dataset: h5py.Dataset) -> int:
    return int(np.prod(dataset.shape[1:])) * int(dataset.dtype.itemsize)


class Batches:
    """Shuffled batches of an epoch; iterating again gives the next epoch.

    Samples of more than a pool's size are shuffled in blocks: an epoch goes through the blocks in
    random order, and batches are drawn from a pool of as many blocks as fit into it, then from the
    next. So the order is the same whether the samples are held in memory or streamed.

    Args:
        samples: The samples.
        batch_size: Samples per batch; the last batch of an epoch may be smaller.
        seed: Seed of the order.
        samples_per_epoch: Samples seen per epoch, another random choice in each; all if None.
        memory_gb: Most memory for samples. If they do not fit, batches are drawn from one pool
            while the next is read.
    """

    def __init__(
        self,
        samples: Samples,
        batch_size: int,
        *,
        seed: int,
        samples_per_epoch: int | None = None,
        memory_gb: float = 4.0,
    ) -> None:
        self.samples, self.batch_size, self.seed = samples, batch_size, seed
        self.per_epoch = min(samples_per_epoch or len(samples), len(samples))
        self.epoch, self.next_batch = 0, 0
        self.rank, self.ranks = 0, 1
        size = len(samples) * samples.row_bytes
        self._whole: Arrays | None = None
        self._one_pool = size <= _POOL_BYTES
        self._fits = self._one_pool or size <= memory_gb * 1e9
        self._pool_blocks = max(1, int(_POOL_BYTES / (samples.row_bytes * samples.block)))

    def __len__(self) -> int:
        return -(-self.per_epoch // self.batch_size)

    def go_to(self, step: int) -> None:
        """Makes the batch of a step, counted from 0 over all epochs, the next one."""
        self.epoch, self.next_batch = divmod(step, len(self))

    def share(self, rank: int, ranks: int) -> None:
        """Makes this process one of several, which divide each batch among them in order.

        A batch then holds `share` too: this process' part of the batch, 1 if it is the mean, by
        which to weigh its loss so that the mean over processes is that over samples.
        """
        self.rank, self.ranks = rank, ranks

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        """Yields what is left of the epoch: `index` and the arrays of the samples, as tensors."""
        if self.next_batch >= len(self):
            self.epoch, self.next_batch = self.epoch + 1, 0
        rng = np.random.default_rng([self.seed, self.epoch])
        pools = self._pools(rng)
        batches = self._from_memory(pools) if self._fits else self._from_disk(pools)
        for number, batch in enumerate(batches):
            if number < self.next_batch:
                continue
            self.next_batch = number + 1
            mine, share = batch.part(self.rank, self.ranks)
            tensors = {name: torch.from_numpy(values) for name, values in mine().items()}
            if self.ranks > 1:
                # Twice as exact as what is computed with, so that it adds no rounding of its own.
                tensors["share"] = torch.tensor(share, dtype=torch.float64)
            yield tensors

    def _pools(self, rng: np.random.Generator) -> Iterator["_Pool"]:
        """Yields the order of an epoch, pool by pool."""
        blocks = self.samples.blocks()
        if self._one_pool:
            index = np.arange(len(self.samples))
            yield _Pool(blocks, index, rng.permutation(len(index)), self.per_epoch)
            return
        blocks = [blocks[place] for place in rng.permutation(len(blocks))]
        left: Rows = np.zeros(0, np.int64)
        missing = self.per_epoch
        for first in range(0, len(blocks), self._pool_blocks):
            group = blocks[first : first + self._pool_blocks]
            index = np.concatenate([left, *(np.arange(*block) for block in group)])
            # What makes no whole batch goes into the next pool, if there is one.
            rest = len(index) % self.batch_size
            whole = len(index) - (rest if first + len(group) < len(blocks) else 0)
            pool = _Pool(group, index, rng.permutation(len(index)), min(whole, missing))
            yield pool
            missing -= pool.whole
            if missing == 0:
                return
            left = index[pool.order[pool.whole :]]

    def _from_memory(self, pools: Iterator["_Pool"]) -> Iterator["_Batch"]:
        if self._whole is None:
            self._whole = self.samples.read_all()
        for pool in pools:
            for rows in pool.batches(self.batch_size):
                yield _Batch(self._whole, pool.index[rows], pool.index[rows])

    def _from_disk(self, pools: Iterator["_Pool"]) -> Iterator["_Batch"]:
        left: Arrays = {}
        pool = next(pools)
        with ThreadPoolExecutor(1) as thread:
            waiting = thread.submit(self._read_pool, pool)
            for following in chain(pools, [None]):
                arrays = waiting.result()
                if following is not None:
                    waiting = thread.submit(self._read_pool, following)
                for name, values in left.items():
                    arrays[name][: len(values)] = values
                for rows in pool.batches(self.batch_size):
                    yield _Batch(arrays, rows, pool.index[rows])
                if following is None:
                    return
                rows = pool.order[pool.whole :]
                left = {name: values[rows] for name, values in arrays.items()}
                pool = following

    def _read_pool(self, pool: "_Pool") -> Arrays:
        """Reads a pool's blocks, with room before them for what the last pool left."""
        place = len(pool.index) - sum(stop - start for start, stop in pool.blocks)
        pooled: Arrays = {}
        for start, stop in pool.blocks:
            for name, values in self.samples.read(start, stop).items():
                if name not in pooled:
                    pooled[name] = np.empty((len(pool.index), *values.shape[1:]), values.dtype)
                pooled[name][place : place + len(values)] = values
            place += stop - start
        return pooled


@dataclass(frozen=True)
class _Pool:
    """Samples that are shuffled together.

    Attributes:
        blocks: What is read of the samples for it.
        index: (P,) numbers of its samples: what the pool before left, then those of the blocks.
        order: (P,) the order in which they are drawn.
        whole: How many are; the others go into the next pool.
    """

    blocks: list[tuple[int, int]]
    index: Rows
    order: Rows
    whole: int

    def batches(self, size: int) -> Iterator[Rows]:
        """Yields the rows of each batch within the pool."""
        for start in range(0, self.whole, size):
            yield self.order[start : min(start + size, self.whole)]


class _Batch:
    """Rows of arrays, gathered only when the batch is used: skipped batches cost nothing."""

    def __init__(self, arrays: Arrays, rows: Rows, index: Rows) -> None:
        self._arrays, self._rows, self._index = arrays, rows, index

    def part(self, rank: int, ranks: int) -> tuple["_Batch", float]:
        """What one of several processes takes of the batch, and how large that is to the mean."""
        if len(self._rows) < ranks:
            # Nobody can compute on nothing, and the mean of equals is what they are.
            return self, 1.0
        rows = np.array_split(self._rows, ranks)[rank]
        index = np.array_split(self._index, ranks)[rank]
        return _Batch(self._arrays, rows, index), ranks * len(rows) / len(self._rows)

    def __call__(self) -> Arrays:
        batch = {name: values[self._rows] for name, values in self._arrays.items()}
        return {"index": self._index} | batch
