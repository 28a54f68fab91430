"""Settings of the synthetic scene, its clips and its anomaly kinds."""

from typing import Literal

from pydantic import Field

from vadbench.settings import Settings

__all__ = ["ANOMALY_KINDS", "CLASS_NAMES", "Split", "WalkwaySettings", "clip_number", "list_clips"]

Split = Literal["train", "test"]

ANOMALY_KINDS = ("cyclist", "skater", "cart", "runner", "off_path", "sudden_turn")
"""Names behind the `kinds` column of a scene artefact; -1 there is a normal object."""

CLASS_NAMES = {
    1: "person",
    2: "bicycle",
    3: "car",
    18: "dog",
    28: "umbrella",
    33: "suitcase",
    41: "skateboard",
}
"""COCO category ids that occur. The cart counts as a car; a pram belongs to who pushes it."""


class WalkwaySettings(Settings):
    """The synthetic surveillance scene; equal settings render equal files."""

    seed: int = Field(0, ge=0, lt=2**32, description="seed of the scene and of all its clips")
    train_clips: int = Field(8, ge=1, le=500, description="training clips, normal only")
    test_clips: int = Field(
        6, ge=1, le=500, description="test clips; three or more show all anomaly kinds"
    )
    frames: int = Field(150, ge=20, le=1800, description="frames per clip")
    height: int = Field(160, ge=64, le=720, description="frame height, pixels")
    width: int = Field(240, ge=96, le=1280, description="frame width, pixels")
    fps: float = Field(10.0, ge=5, le=30, description="frames per second; Ped2 has 10")
    pedestrians: float = Field(
        8.0, gt=0, le=15, description="pedestrians in view, mean over clips and frames"
    )
    sensor_noise: float = Field(
        2.0, ge=0, le=20, description="standard deviation of the sensor noise, grey levels"
    )
    light_change: float = Field(
        0.08, ge=0, le=0.4, description="slow change of the light, relative amplitude"
    )
    flicker: float = Field(
        0.006, ge=0, le=0.1, description="change of exposure from frame to frame, relative"
    )
    camera_shake: float = Field(
        0.25, ge=0, le=1.5, description="standard deviation of the camera's sway, pixels"
    )
    shadows: float = Field(0.38, ge=0, le=0.8, description="light that a shadow takes away, share")


def list_clips(settings: WalkwaySettings) -> dict[str, list[str]]:
    """Returns the clip names of each split: `train01`, ... and `test01`, ..."""
    counts = {"train": settings.train_clips, "test": settings.test_clips}
    return {
        split: [f"{split}{number:02d}" for number in range(1, count + 1)]
        for split, count in counts.items()
    }


def clip_number(split: str, clip: str) -> int:
    """Returns a clip's place in its split, from 0; its content depends on that alone.

    Raises:
        ValueError: `clip` is no clip of this split.
    """
    digits = clip.removeprefix(split)
    if not digits.isdecimal() or f"{split}{int(digits):02d}" != clip or int(digits) == 0:
        raise ValueError(f"walkway has no clip {clip!r} in {split}; clips are named {split}01, ...")
    return int(digits) - 1
