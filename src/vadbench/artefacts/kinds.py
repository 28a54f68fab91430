"""What each kind of artefact holds: the schema that the store writes and checks.

Sizes in the comments: T frames, N objects, C channels (1 grey, 3 BGR), H x W pixels.
"""

from dataclasses import dataclass, field

__all__ = ["KINDS", "RECORDS", "Field", "Kind"]


@dataclass(frozen=True)
class Field:
    """One array of an artefact.

    Attributes:
        dtype: NumPy dtype name, or "str".
        ndim: Number of axes.
        rows: What axis 0 counts: "frame", "frame+1", "object", "object+1", "clip", "clip+1",
            "panel" or "free".
        unit: Unit of the values in words.
        required: Whether an artefact without it is incomplete.
        within: Least and greatest value that make sense. Of a float16 field the least is zero or
            the greatest with a minus.
        varies: Whether an artefact in which all values are the same is a sign of a fault.
    """

    dtype: str
    ndim: int
    rows: str
    unit: str
    required: bool = True
    within: tuple[float, float] | None = None
    varies: bool = False


@dataclass(frozen=True)
class Kind:
    """A kind of artefact: its schema version and its fields.

    `prefixes` name families of fields whose last part is free, such as `object/<component>`.
    """

    version: int
    fields: dict[str, Field]
    prefixes: dict[str, Field] = field(default_factory=dict)


_PIXELS = (-4096.0, 4096.0)  # no frame is wider, and nothing moves farther between two of them
_OFFSETS = Field("int64", 1, "frame+1", "index of each frame's first object", within=(0, 2**40))
_BOXES = Field("float32", 2, "object", "x1 y1 x2 y2, pixels of the frame", within=(-1.0, 65536.0))
_CLASSES = Field("int16", 1, "object", "COCO category, -1 unknown", within=(-1, 1000))
_CONFIDENCE = Field("float32", 1, "object", "confidence, 0 to 1", within=(0.0, 1.0))
_DEPTH_UNIT = "relative inverse depth, 1 nearest, 0 farthest"

KINDS: dict[str, Kind] = {
    "scene": Kind(
        1,
        {
            "frames": Field("uint8", 4, "frame", "BGR intensity", varies=True),
            "flow": Field(
                "float16", 4, "frame", "x y displacement t-1 -> t, pixels per frame", within=_PIXELS
            ),
            "depth": Field(
                "float16",
                3,
                "frame",
                "distance of the visible surface, metres",
                within=(0, 60000),
                varies=True,
            ),
            "instance_map": Field("uint8", 3, "frame", "track of the visible instance, 0 none"),
            "abnormal_mask": Field(
                "uint8", 3, "frame", "1 where an abnormal object is visible", within=(0, 1)
            ),
            "labels": Field("uint8", 1, "frame", "1 for an abnormal frame", within=(0, 1)),
            "frame_offsets": _OFFSETS,
            "boxes": _BOXES,
            "track_ids": Field("int32", 1, "object", "track number"),
            "classes": _CLASSES,
            "abnormal": Field("uint8", 1, "object", "1 for an abnormal object", within=(0, 1)),
            "kinds": Field("int16", 1, "object", "index into anomaly_kinds, -1 normal"),
        },
    ),
    "segmentation": Kind(
        1,
        {
            "frame_offsets": _OFFSETS,
            "boxes": _BOXES,
            "classes": _CLASSES,
            "scores": _CONFIDENCE,
            "track_ids": Field("int32", 1, "object", "track number, -1 unknown"),
            "mask_offsets": Field("int64", 1, "object+1", "index of each mask's first byte"),
            "mask_bits": Field("uint8", 1, "free", "packed bits of each mask inside its box"),
            "class_map": Field("uint8", 3, "frame", "COCO category of the visible instance"),
        },
    ),
    "flow": Kind(
        1,
        {
            "flow": Field(
                "float16",
                4,
                "frame",
                "x y displacement t-1 -> t; see the settings",
                within=_PIXELS,
                varies=True,
            )
        },
    ),
    "depth": Kind(
        1,
        {"depth": Field("float16", 3, "frame", _DEPTH_UNIT, within=(0, 1), varies=True)},
    ),
    "objects": Kind(
        1,
        {
            "frame_offsets": _OFFSETS,
            "boxes": _BOXES,
            "sources": Field(
                "uint8", 1, "object", "0 instance, 1 motion, 2 imported, 3 frame", within=(0, 3)
            ),
            "classes": _CLASSES,
            "scores": _CONFIDENCE,
        },
    ),
    "cubes": Kind(
        1,
        {
            "frame_offsets": _OFFSETS,
            "boxes": _BOXES,
            "frames": Field("uint8", 5, "object", "BGR or grey intensity, frames t-4 .. t"),
            "flow": Field(
                "float16", 5, "object", "flow into each frame of the window", within=_PIXELS
            ),
        },
    ),
    "views": Kind(
        1,
        {
            "frames": Field("uint8", 4, "frame", "BGR or grey intensity, resized", varies=True),
            "flow": Field(
                "float16",
                4,
                "frame",
                "flow t-1 -> t, resized, units unchanged",
                False,
                _PIXELS,
            ),
            "class_map": Field("uint8", 3, "frame", "COCO category, resized", False),
            "depth": Field("float16", 3, "frame", "relative inverse depth, resized", False, (0, 1)),
        },
    ),
    "reconstructions": Kind(
        1,
        {
            "reconstructed": Field("float16", 5, "object", "flow of each cube, reconstructed"),
            "errors": Field("float64", 1, "object", "sum of squared errors of a cube's flows"),
        },
    ),
    "flow_colours": Kind(
        1,
        {"colours": Field("uint8", 4, "free", "predicted flow t -> t+1 as RGB, a row per pair")},
    ),
    "panels": Kind(
        1,
        {
            "clips": Field("str", 1, "panel", "clip of each pictured frame"),
            "frames": Field("int64", 1, "panel", "its number in the clip, from 0"),
            "frame_scores": Field("float64", 1, "panel", "its score under the method's protocol"),
            "labels": Field(
                "uint8",
                1,
                "panel",
                "1 for an abnormal frame, 2 for one without a label",
                within=(0, 2),
            ),
            "boxes": Field("float32", 2, "panel", "its highest object, pixels; 0 where none"),
            "kinds": Field("str", 1, "panel", "what it shows: normal, or the anomaly", False),
        },
        prefixes={
            "picture": Field("float16", 4, "panel", "<component>/<what>/<form>; see docs"),
        },
    ),
    "maps": Kind(
        1,
        {
            "clips": Field("str", 1, "clip", "clip names"),
            "clip_offsets": Field("int64", 1, "clip+1", "index of each clip's first frame"),
        },
        prefixes={"map": Field("float16", 3, "frame", "anomaly map of a component, reduced")},
    ),
    "regions": Kind(
        1,
        {
            "clips": Field("str", 1, "clip", "clip names"),
            "clip_offsets": Field("int64", 1, "clip+1", "index of each clip's first frame"),
            "known": Field("uint8", 1, "clip", "1 where the clip's abnormal regions are known"),
            "sizes": Field("int64", 2, "clip", "height and width of the clip's frames, pixels"),
            "frame_offsets": _OFFSETS,
            "boxes": _BOXES,
            "track_ids": Field("int32", 1, "object", "track number within the clip"),
        },
    ),
    "scores": Kind(
        1,
        {
            "clips": Field("str", 1, "clip", "clip names"),
            "clip_offsets": Field("int64", 1, "clip+1", "index of each clip's first frame"),
            "object_offsets": _OFFSETS,
            "boxes": _BOXES,
        },
        prefixes={
            "object": Field("float64", 1, "object", "raw score of a component per object"),
            "frame": Field("float64", 1, "frame", "raw score of a component per frame"),
        },
    ),
}

RECORDS = {"index.json": 4, "metrics.json": 3, "cost.json": 2, "contents.json": 1}
"""Schema version of each JSON record that has one, by name."""
