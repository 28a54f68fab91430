"""Cutting cubes on one core, flow ready: frames/s and bytes per cube.

The peer is the plain way: a crop and a resize per box, frame and flow field out of per-frame
.npy files of 32-bit flow, kept as 32-bit arrays and saved by numpy.
"""

import math
import tempfile
from pathlib import Path

import cv2
import numpy as np
from rows import Row, ped2_like, random_boxes, seconds

from vadbench.artefacts import ArtefactWriter, Identity, open_artefact
from vadbench.objects.cubes import cut_cubes
from vadbench.objects.settings import CubesSettings
from vadbench.teachers.flow import compute_flow
from vadbench.teachers.flow.settings import FlowSettings


def measure() -> list[Row]:
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clip = ped2_like(folder)
        owner = Identity("ped2", "test", "Test001")
        compute_flow(clip, FlowSettings(), owner, folder / "flow.h5")
        boxes = random_boxes(clip.n_frames, 14)
        flat = np.concatenate(boxes)
        with ArtefactWriter(
            folder / "objects.h5", "objects", owner, clip.n_frames, settings={}
        ) as writer:
            writer.put("frame_offsets", np.cumsum([0] + [len(item) for item in boxes]))
            writer.put("boxes", flat)
            writer.put("sources", np.full(len(flat), 2))
            writer.put("classes", np.full(len(flat), -1))
            writer.put("scores", np.ones(len(flat)))
        with open_artefact(folder / "flow.h5") as flow:
            for t in range(clip.n_frames):
                np.save(folder / f"flow{t:03d}.npy", flow["flow"][t].astype(np.float32))

        def ours() -> None:
            with (
                open_artefact(folder / "flow.h5") as flow,
                open_artefact(folder / "objects.h5") as objects,
            ):
                settings = CubesSettings(objects="boxes", flow="farneback")
                cut_cubes(clip, flow, objects, settings, owner, folder / "cubes.h5")

        def plain() -> None:
            frames, flows = [], []
            for t, found in enumerate(boxes):
                window = [max(0, t - 4 + k) for k in range(5)]
                # The target's colour image, as the data sets' usual readers give it.
                images = [cv2.imread(str(clip.files[i])) for i in window]
                fields = [np.load(folder / f"flow{i:03d}.npy") for i in window]
                for box in found:
                    x1, y1, x2, y2 = (math.ceil(value) for value in box)
                    frames.append([cv2.resize(item[y1:y2, x1:x2], (32, 32)) for item in images])
                    flows.append([cv2.resize(item[y1:y2, x1:x2], (32, 32)) for item in fields])
            np.save(folder / "frames.npy", np.array(frames))
            np.save(folder / "flows.npy", np.array(flows))

        fast, slow = seconds(ours), seconds(plain, 1)
        stored = (folder / "cubes.h5").stat().st_size / len(flat)
        peer = sum((folder / f"{n}.npy").stat().st_size for n in ("frames", "flows")) / len(flat)
        return [
            Row(
                "cutting cubes, 14 boxes a frame",
                clip.n_frames / fast,
                clip.n_frames / slow,
                "frames/s",
                "plain crop and resize from per-frame .npy flow",
            ),
            Row("size of a cube", stored / 1e3, peer / 1e3, "kB", "the same as .npy"),
            Row("size of a cube, limit", stored / 1e3, 18, "kB", "limit set for the project"),
        ]
