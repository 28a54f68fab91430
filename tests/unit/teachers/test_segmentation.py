from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.clips import ArrayClip
from vadbench.artefacts import Identity, open_artefact
from vadbench.datasets.walkway import WalkwaySettings, render_clip
from vadbench.teachers.segmentation.annotations import segment_annotations
from vadbench.teachers.segmentation.instances import UNKNOWN
from vadbench.teachers.segmentation.masks import pack_mask, unpack_mask
from vadbench.teachers.segmentation.motion import segment_motion
from vadbench.teachers.segmentation.settings import SegmentationSettings


@given(st.integers(0, 2**31), st.integers(3, 40), st.integers(3, 40))
def test_a_mask_comes_back_out_of_its_bits(seed: int, height: int, width: int) -> None:
    rng = np.random.default_rng(seed)
    x1, x2 = sorted(rng.uniform(0, width, 2))
    y1, y2 = sorted(rng.uniform(0, height, 2))
    box = (x1, y1, x2, y2)
    inside = np.zeros((height, width), bool)
    inside[int(y1) : int(np.ceil(y2)), int(x1) : int(np.ceil(x2))] = True
    mask = (rng.uniform(size=(height, width)) < 0.5) & inside
    np.testing.assert_array_equal(unpack_mask(pack_mask(mask, box), box, height, width), mask)


def test_annotations_become_instances(tmp_path: Path) -> None:
    settings = WalkwaySettings(frames=20, height=96, width=144)
    render_clip(settings, "walkway", "test", "test01", tmp_path / "scene.h5")
    with open_artefact(tmp_path / "scene.h5") as scene:
        segment_annotations(scene, Identity("walkway", "test", "test01"), tmp_path / "made.h5")
        maps, tracks = scene["instance_map"][:], scene["track_ids"][:]
        with open_artefact(tmp_path / "made.h5", "segmentation") as made:
            np.testing.assert_array_equal(made["boxes"][:], scene["boxes"][:])
            assert (made["scores"][:] == 1).all()
            bits, ends = made["mask_bits"][:], made["mask_offsets"][:]
            for t, (start, end) in enumerate(pairwise(made["frame_offsets"][:].tolist())):
                class_map = np.zeros((96, 144), np.uint8)
                for item in range(start, end):
                    part = bits[ends[item] : ends[item + 1]]
                    mask = unpack_mask(part, made["boxes"][item], 96, 144)
                    np.testing.assert_array_equal(mask, maps[t] == tracks[item])
                    class_map[mask] = made["classes"][item]
                np.testing.assert_array_equal(made["class_map"][t], class_map)


def test_what_moves_before_a_still_background_is_found(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    background = cv2.GaussianBlur(rng.uniform(60, 120, (48, 64)), (0, 0), 2)
    frames = np.repeat(background[None, ..., None], 40, axis=0)
    for t in range(40):
        frames[t, 10:24, t : t + 9] = 220
        frames[t, 30:44, 52 - t : 60 - t] = 10
    noisy = np.clip(frames + rng.normal(0, 2, frames.shape), 0, 255).astype(np.uint8)
    settings = SegmentationSettings(backend="motion")
    clip = Identity("made", "train", "01")
    segment_motion(ArrayClip(noisy), settings, clip, tmp_path / "segmentation.h5")
    with open_artefact(tmp_path / "segmentation.h5", "segmentation") as artefact:
        offsets, boxes = artefact["frame_offsets"][:], artefact["boxes"][:]
        class_map, bits = artefact["class_map"][:], artefact["mask_bits"][:]
        ends = artefact["mask_offsets"][:]
    assert set(np.unique(class_map)) == {0, UNKNOWN}
    found, both = [], 0
    for t in range(40):
        truth = np.zeros((48, 64), bool)
        truth[10:24, t : t + 9] = True
        truth[30:44, 52 - t : 60 - t] = True
        seen = class_map[t] > 0
        found.append((truth & seen).sum() / (truth | seen).sum())
        both += offsets[t + 1] - offsets[t] == 2
        masks = np.zeros((48, 64), bool)
        for item in range(offsets[t], offsets[t + 1]):
            masks |= unpack_mask(bits[ends[item] : ends[item + 1]], boxes[item], 48, 64)
        np.testing.assert_array_equal(masks, seen)
    assert np.median(found) > 0.8
    assert both > 30
