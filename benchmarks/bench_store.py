"""Codecs for flow and cubes: size, and speed of writing and reading, against no compression."""

import tempfile
from itertools import pairwise
from pathlib import Path

import cv2
import h5py
import hdf5plugin
import numpy as np
from rows import Row, ped2_like, seconds

CODECS = {
    "bitshuffle + LZ4 (chosen)": hdf5plugin.Bitshuffle(cname="lz4"),
    "bitshuffle + Zstandard 1": hdf5plugin.Bitshuffle(cname="zstd", clevel=1),
    "Blosc2 LZ4 + bitshuffle": hdf5plugin.Blosc2(
        cname="lz4", clevel=5, filters=hdf5plugin.Blosc2.BITSHUFFLE
    ),
    "shuffle + gzip 1": {"compression": "gzip", "compression_opts": 1, "shuffle": True},
    "LZF + shuffle": {"compression": "lzf", "shuffle": True},
}


def measure() -> list[Row]:
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clip = ped2_like(folder)
        grey = [frame[..., 0] for frame in clip][:60]
        flow = np.stack(
            [
                cv2.calcOpticalFlowFarneback(a, b, None, 0.5, 3, 15, 3, 5, 1.2, 0)
                for a, b in pairwise(grey)
            ]
        ).astype(np.float16)
        path = folder / "codec.h5"

        def write(options: dict[str, object]) -> None:
            with h5py.File(path, "w") as file:
                file.create_dataset("flow", data=flow, chunks=(1, *flow.shape[1:]), **options)

        def read() -> None:
            with h5py.File(path) as file:
                file["flow"][:]

        plain_write = flow.nbytes / seconds(lambda: write({})) / 1e6
        plain_read = flow.nbytes / seconds(read) / 1e6
        for codec, options in CODECS.items():
            written = flow.nbytes / seconds(lambda o=dict(options): write(o)) / 1e6
            rows += [
                Row(f"{codec}: size", path.stat().st_size / 1e6, flow.nbytes / 1e6, "MB", "raw"),
                Row(f"{codec}: write", written, plain_write, "MB/s", "uncompressed"),
                Row(
                    f"{codec}: read",
                    flow.nbytes / seconds(read) / 1e6,
                    plain_read,
                    "MB/s",
                    "uncompressed",
                ),
            ]
    return rows
