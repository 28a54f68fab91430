"""Pictures of chosen frames, and maps of all of them, of a branch that is not trained."""

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from tests.views import write_views
from vadbench.artefacts import open_artefact
from vadbench.methods import ExplainJob, get_method
from vadbench.methods.object_class_aware.branches import BRANCHES
from vadbench.methods.object_class_aware.settings import ObjectClassAwareSettings
from vadbench.scoring.choose import Chosen

SETTINGS = ObjectClassAwareSettings(encoder_weights="none")
LENGTHS = [5, 4]


def job(folder: Path, settings: ObjectClassAwareSettings = SETTINGS, **outputs: Path) -> ExplainJob:
    views = write_views(folder, LENGTHS, size=64, split="test")
    torch.manual_seed(0)
    weights = {}
    for name, kind in BRANCHES.items():
        weights[name] = folder / f"{name}.safetensors"
        state = kind(settings).state_dict()
        save_file({key: value.contiguous() for key, value in state.items()}, weights[name])
    chosen = Chosen(
        ["00", "01"], np.array([0, 5, 9]), np.array([1, 0]), np.array([0, 3]), np.array([-1, -1]),
        np.array([2.0, 1.0]), np.array([1, 0], np.uint8), np.zeros((2, 4), np.float32),
    )  # fmt: skip
    return ExplainJob(
        dataset="made", method="object_class_aware", variant="full", split="test",
        settings=settings, seed=0, weights=weights, cubes=[], views=views, chosen=chosen,
        scores=[], size=32, precision="32", **outputs,
    )  # fmt: skip


def test_maps_cover_every_frame_and_pictures_are_of_the_chosen_ones(tmp_path: Path) -> None:
    panels, maps = tmp_path / "panels.h5", tmp_path / "maps.h5"
    get_method("object_class_aware").explain(job(tmp_path, panels=panels, maps=maps))
    with open_artefact(maps, "maps") as every, open_artefact(panels, "panels") as pictures:
        for name in BRANCHES:
            found = every[f"map/{name}"][:].astype(np.float32)
            assert found.shape == (sum(LENGTHS), 32, 32)
            assert np.isfinite(found).all()
            refined = pictures[f"picture/{name}/refined/map"][:, ..., 0].astype(np.float32)
            # Frame 0 of the second clip, and frame 3 of the first.
            np.testing.assert_allclose(refined, found[[5, 3]], atol=1e-2, rtol=1e-2)
            raw = pictures[f"picture/{name}/map/map"][:, ..., 0].astype(np.float32)
            assert raw.mean() >= refined.mean()
        motion = every["map/motion"][:]
        # No flow leads into a clip's first frame: it has the second's map.
        np.testing.assert_array_equal(motion[[0, 5]], motion[[1, 6]])
        assert (motion[1] != motion[2]).any()
        assert pictures["picture/appearance/target/classes"].shape == (2, 32, 32, 1)


def test_a_colour_target_is_pictured_as_it_is(tmp_path: Path) -> None:
    panels = tmp_path / "panels.h5"
    settings = ObjectClassAwareSettings(encoder_weights="none", target="colour")
    get_method("object_class_aware").explain(job(tmp_path, settings, panels=panels))
    with open_artefact(panels, "panels") as pictures:
        for item in ("target", "estimate"):
            assert pictures[f"picture/appearance/{item}/image"].shape == (2, 32, 32, 3)
