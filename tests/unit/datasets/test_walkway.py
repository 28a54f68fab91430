from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from vadbench.artefacts import file_digest, open_artefact
from vadbench.datasets import read_labels
from vadbench.datasets.sections import WalkwaySection
from vadbench.datasets.walkway import ANOMALY_KINDS, WalkwaySettings, list_clips, render_clip
from vadbench.datasets.walkway.crowd import plan_events
from vadbench.datasets.walkway.render import MIN_VISIBLE, Frame, render_frames

SMALL = WalkwaySettings(frames=40, height=96, width=144)
STILL = SMALL.model_copy(
    update={"sensor_noise": 0.0, "light_change": 0.0, "flicker": 0.0, "shadows": 0.0}
)


@pytest.fixture(scope="module")
def test_clips() -> dict[str, list[Frame]]:
    return {name: list(render_frames(SMALL, "test", name)) for name in ("test01", "test02")}


def test_equal_settings_give_equal_files(tmp_path: Path) -> None:
    few = SMALL.model_copy(update={"frames": 20})
    # A clip depends neither on the number of clips nor on the order of rendering.
    more = few.model_copy(update={"train_clips": 3, "test_clips": 9})
    render_clip(few, "walkway", "test", "test02", tmp_path / "one.h5")
    render_clip(few, "walkway", "test", "test02", tmp_path / "two.h5")
    assert file_digest(tmp_path / "one.h5") == file_digest(tmp_path / "two.h5")
    first = next(iter(render_frames(few, "test", "test02")))
    np.testing.assert_array_equal(
        first.image, next(iter(render_frames(more, "test", "test02"))).image
    )


def test_seed_clip_and_split_change_the_clip() -> None:
    def first(settings: WalkwaySettings, split: str, clip: str) -> bytes:
        return next(iter(render_frames(settings, split, clip))).image.tobytes()

    other = SMALL.model_copy(update={"seed": 1})
    images = {
        first(SMALL, "train", "train01"),
        first(SMALL, "train", "train02"),
        first(SMALL, "test", "test01"),
        first(other, "train", "train01"),
    }
    assert len(images) == 4


def test_what_is_written_fits_the_schema(tmp_path: Path) -> None:
    render_clip(SMALL, "walkway", "train", "train01", tmp_path / "clip.h5", code="c")
    with open_artefact(tmp_path / "clip.h5", "scene") as scene:
        assert scene["frames"].shape == (40, 96, 144, 3)
        assert scene["flow"].shape == (40, 96, 144, 2)
        assert scene["frame_offsets"][-1] == len(scene["boxes"])


def test_training_clips_are_normal() -> None:
    for frame in render_frames(SMALL, "train", "train01"):
        assert not frame.abnormal.any()
        assert not frame.abnormal_mask.any()
        assert (frame.kinds == -1).all()


def test_labels_masks_and_tables_agree(test_clips: dict[str, list[Frame]]) -> None:
    seen = set()
    for frames in test_clips.values():
        labels = [bool(frame.abnormal.any()) for frame in frames]
        assert 0 < sum(labels) < len(labels)
        for frame in frames:
            seen |= set(frame.classes.tolist())
            np.testing.assert_array_equal(frame.abnormal == 1, frame.kinds >= 0)
            marked = np.isin(frame.instance_map, frame.track_ids[frame.abnormal == 1])
            np.testing.assert_array_equal(frame.abnormal_mask == 1, marked)
            assert set(np.unique(frame.instance_map)) - {0} == set(frame.track_ids.tolist())
            for track, box in zip(frame.track_ids, frame.boxes, strict=True):
                rows, columns = np.nonzero(frame.instance_map == track)
                assert len(rows) >= MIN_VISIBLE
                tight = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
                np.testing.assert_array_equal(box, tight)
    assert 1 in seen


def test_three_clips_show_all_anomalies_in_intervals_that_do_not_meet() -> None:
    for seed in range(5):
        settings = WalkwaySettings(seed=seed)
        kinds = []
        for number in range(3):
            events = plan_events(settings, number)
            kinds += [event.kind for event in events]
            for event in events:
                assert 0 <= event.start < event.stop <= settings.frames
            for first, second in pairwise(events):
                assert first.stop < second.start
        assert sorted(kinds) == list(range(len(ANOMALY_KINDS)))


def test_a_still_camera_gives_a_still_background() -> None:
    frames = list(render_frames(STILL.model_copy(update={"camera_shake": 0.0}), "train", "train01"))
    for before, now in pairwise(frames):
        empty = before.instance_map == 0
        # Figures of which a few pixels are seen move, but are not annotated.
        moved = np.abs(now.flow[empty]).max(axis=-1) > 1e-4
        assert moved.sum() < 3 * MIN_VISIBLE
        both = empty & (now.instance_map == 0)
        # Half-covered pixels at the edge of a figure show a little of it.
        around = cv2.erode(both.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        difference = np.abs(now.image[around].astype(int) - before.image[around])
        assert np.quantile(difference, 0.99) <= 1


def test_flow_leads_from_each_pixel_to_the_same_surface() -> None:
    frames = list(render_frames(STILL, "test", "test01"))
    assert not frames[0].flow.any()
    rows, columns = np.indices((96, 144), np.float32)
    explained, unexplained, kept, total = [], [], 0, 0
    for before, now in pairwise(frames):
        x, y = columns + now.flow[..., 0], rows + now.flow[..., 1]
        inside = (x >= 0) & (x <= 143) & (y >= 0) & (y <= 95)
        target = np.zeros_like(before.instance_map)
        target[inside] = now.instance_map[
            np.round(y[inside]).astype(int), np.round(x[inside]).astype(int)
        ]
        # The inside of every figure arrives at the same figure.
        for track in before.track_ids:
            mask = (before.instance_map == track).astype(np.uint8)
            core = (cv2.erode(mask, np.ones((3, 3), np.uint8)) > 0) & inside
            kept += int((target[core] == track).sum())
            total += int(core.sum())
        warped = cv2.remap(now.image, x, y, cv2.INTER_LINEAR)
        moving = (before.instance_map > 0) & (target == before.instance_map) & inside
        ours = np.abs(warped[moving].astype(float) - before.image[moving])
        still = np.abs(now.image[moving].astype(float) - before.image[moving])
        explained.append(ours.mean())
        unexplained.append(still.mean())
    assert kept / total > 0.93
    assert np.mean(explained) < 0.6 * np.mean(unexplained)


def test_who_is_nearer_stands_lower_in_the_picture(test_clips: dict[str, list[Frame]]) -> None:
    bottoms, depths = [], []
    for frame in test_clips["test01"]:
        assert np.isfinite(frame.depth).all()
        assert frame.depth.min() > 0
        for track, box, kind in zip(frame.track_ids, frame.boxes, frame.classes, strict=True):
            if kind == 1 and box[3] < 95:
                bottoms.append(box[3])
                depths.append(np.median(frame.depth[frame.instance_map == track]))
    assert np.corrcoef(bottoms, depths)[0, 1] < -0.6


def test_tracks_keep_their_class(test_clips: dict[str, list[Frame]]) -> None:
    classes: dict[int, int] = {}
    for frame in test_clips["test02"]:
        assert len(set(frame.track_ids.tolist())) == len(frame.track_ids)
        for track, kind in zip(frame.track_ids.tolist(), frame.classes.tolist(), strict=True):
            assert classes.setdefault(track, kind) == kind


def test_clip_names() -> None:
    names = list_clips(WalkwaySettings(train_clips=2, test_clips=1))
    assert names == {"train": ["train01", "train02"], "test": ["test01"]}
    with pytest.raises(ValueError, match="walkway has no clip 'test1' in test"):
        next(iter(render_frames(SMALL, "test", "test1")))


def test_labels_say_where_each_kind_of_anomaly_is(tmp_path: Path) -> None:
    few = SMALL.model_copy(update={"test_clips": 3})
    section = WalkwaySection(**few.model_dump())
    for clip in list_clips(few)["test"]:
        render_clip(few, "walkway", "test", clip, tmp_path / "test" / f"{clip}.h5")
    labels = read_labels(section, tmp_path)
    assert set(labels.anomalies) == set(ANOMALY_KINDS)
    for clip, vector in labels.clips.items():
        together = np.maximum.reduce([labels.anomalies[kind][clip] for kind in ANOMALY_KINDS])
        np.testing.assert_array_equal(together, vector)
