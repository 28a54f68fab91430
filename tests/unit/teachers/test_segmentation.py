from itertools import pairwise
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vadbench.artefacts import Identity, open_artefact
from vadbench.datasets.walkway import WalkwaySettings, render_clip
from vadbench.teachers.segmentation.annotations import segment_annotations
from vadbench.teachers.segmentation.masks import pack_mask, unpack_mask


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
