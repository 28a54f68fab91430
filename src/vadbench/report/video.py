"""A test clip as a video: boxes by score, outline of what is abnormal, running score below."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from vadbench.config import read_config_file
from vadbench.datasets import open_source
from vadbench.datasets.index import index_labels, load_json
from vadbench.datasets.intervals import intervals
from vadbench.datasets.masks import Mask, open_masks
from vadbench.errors import VadbenchError
from vadbench.methods import get_method, nearest
from vadbench.plan import Plan, Run
from vadbench.report.pictures import ABNORMAL, HIGHEST, OTHER, enlarged, outline, rectangle
from vadbench.scoring.protocol import protocol_name
from vadbench.scoring.scores import Scores
from vadbench.scoring.series import clip_series, object_scores

if TYPE_CHECKING:
    from vadbench.datasets import Clip

__all__ = ["write_run_video", "write_video"]

Floats = npt.NDArray[np.float64]
_STRIP = 110  # height of the score below the frame, pixels
_WHITE, _GREY, _SHADE, _INK = (255, 255, 255), (190, 190, 190), (190, 235, 255), (40, 40, 40)


def write_run_video(
    run: Path, clip: str, config: Path, protocol: str | None, output: Path | None
) -> Path:
    """Writes the video of a test clip with the scores of a run.

    Args:
        run: `results/<dataset>/<method>/<variant>/seed<seed>`.
        clip: Name of a test clip.
        config: The configuration that the run belongs to.
        protocol: Name of a protocol; the method's own if None.
        output: The video; `<run>/videos/<clip>.mp4` if None.

    Raises:
        VadbenchError: There is no such run, clip or protocol, or no video can be written.
    """
    plan = Plan(read_config_file(config))
    known = {item.folder: item for item in plan.runs}
    found: Run | None = known.get(run.as_posix().rstrip("/"))
    if found is None:
        raise VadbenchError(f"{config} has no run {run}{nearest(str(run), list(known))}")
    files = {split: run / "scores" / f"{split}.h5" for split in ("train", "test")}
    for file in files.values():
        if not file.is_file():
            raise VadbenchError(f"{file}: no such file; run snakemake --cores all first")
    train, test = Scores.load(files["train"]), Scores.load(files["test"])
    if clip not in test.clips:
        raise VadbenchError(
            f"{found.dataset} has no test clip {clip!r}{nearest(clip, list(test.clips))}"
        )
    own = get_method(found.method).card.protocol
    protocols = plan.protocols(found, every=True)
    name = protocol_name(protocol or own, protocols)
    if name not in protocols:
        raise VadbenchError(f"there is no protocol {name!r}{nearest(name, list(protocols))}")
    weights = get_method(found.method).fusion_weights(plan.settings(found), found.variant)
    weights = weights or dict.fromkeys(test.components[:1], 1.0)
    index = load_json(Path(f"results/{found.dataset}/index.json"))
    labels = index_labels(index)
    chosen = protocols[name]
    result = clip_series(train, test, chosen, weights)
    if clip not in result.scores:
        raise VadbenchError(f"the protocol drops every frame of clip {clip}")
    number = list(test.clips).index(clip)
    start, end = (int(value) for value in test.clip_offsets[number : number + 2])
    source = plan.config.datasets[found.dataset].source_settings()
    path = output or run / "videos" / f"{clip}.mp4"
    write_video(
        path,
        open_source(source, found.dataset, "test", clip),
        _whole(result.scores[clip], result.first, end - start),
        labels[clip] if index["labels"]["known"] else None,
        _boxes(test, object_scores(train, test, chosen, weights), start),
        open_masks(plan.mask_source(found.dataset), found.dataset, clip),
        float(index["fps"]),
        f"{found.method} {found.variant}: {clip}",
    )
    return path


def _whole(scores: Floats, first: int, length: int) -> Floats:
    """Frames that the protocol drops have no score."""
    values = np.full(length, np.nan)
    values[first : first + len(scores)] = scores
    return values


def _boxes(
    test: Scores, per_object: Floats | None, start: int
) -> Callable[[int], tuple[npt.NDArray[np.float32], int]]:
    """Returns a function that tells the boxes of a frame and which of them is highest."""

    def boxes(t: int) -> tuple[npt.NDArray[np.float32], int]:
        a, b = (int(value) for value in test.object_offsets[start + t : start + t + 2])
        best = int(np.argmax(per_object[a:b])) if per_object is not None and b > a else -1
        return test.boxes[a:b], best

    return boxes


def write_video(
    path: Path,
    clip: "Clip",
    scores: Floats,
    labels: npt.NDArray[np.uint8] | None,
    boxes: Callable[[int], tuple[npt.NDArray[np.float32], int]],
    masks: Mask | None,
    fps: float,
    title: str,
) -> None:
    """Writes a video, whole or not at all.

    Args:
        path: The video (.mp4, MPEG-4).
        clip: The frames.
        scores: (T,) score of each frame, not a number where it has none.
        labels: (T,) 0/1, or None where there are none.
        boxes: Boxes (N, 4) of a frame, and the highest-scoring one, -1 for none.
        masks: Masks of what is abnormal, if there are any.
        fps: Frames per second.
        title: A line in the picture.

    Raises:
        VadbenchError: The video cannot be written.
    """
    import cv2

    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.part{path.suffix or '.mp4'}")
    writer: Any = None
    try:
        strip = None
        for t, frame in enumerate(clip):
            image, factor = enlarged(frame)
            if masks is not None:
                outline(image, masks(t), factor, ABNORMAL)
            found, best = boxes(t)
            for item, box in enumerate(found):
                colour, width = (HIGHEST, 2) if item == best else (OTHER, 1)
                rectangle(image, box, factor, colour, width)
            if strip is None:
                strip = _strip(scores, labels, image.shape[1])
            below = strip.copy()
            at = round(t * (image.shape[1] - 1) / max(1, len(scores) - 1))
            cv2.line(below, (at, 0), (at, _STRIP - 1), _INK, 1)
            told = "no score" if np.isnan(scores[t]) else f"{scores[t]:.2f}"
            truth = "" if labels is None else ("normal", "abnormal")[labels[t]]
            text = f"{title}  frame {t}  {told}  {truth}"
            cv2.putText(below, text, (6, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.42, _INK, 1, cv2.LINE_AA)
            picture = np.vstack([image, below])
            # MPEG-4 wants even sides.
            picture = picture[: picture.shape[0] // 2 * 2, : picture.shape[1] // 2 * 2]
            if writer is None:
                size = (picture.shape[1], picture.shape[0])
                code = cv2.VideoWriter.fourcc(*"mp4v")
                writer = cv2.VideoWriter(str(temporary), code, fps, size)
                if not writer.isOpened():
                    raise VadbenchError(
                        f"{path}: cannot be written; the name must end in .mp4 and the folder be "
                        "writable"
                    )
            writer.write(np.ascontiguousarray(picture))
        if writer is not None:
            writer.release()
            os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _strip(
    scores: Floats, labels: npt.NDArray[np.uint8] | None, width: int
) -> npt.NDArray[np.uint8]:
    """The whole clip's score with its abnormal intervals, (_STRIP, width, 3)."""
    import cv2

    strip = np.full((_STRIP, width, 3), _WHITE, np.uint8)
    place = np.arange(len(scores)) * (width - 1) / max(1, len(scores) - 1)
    for start, end in intervals(labels) if labels is not None else []:
        strip[20:, int(place[start]) : int(place[end]) + 1] = _SHADE
    known = ~np.isnan(scores)
    low, high = scores[known].min(), scores[known].max()
    height = (scores[known] - low) / (high - low or 1.0)
    points = np.stack([place[known], _STRIP - 6 - height * (_STRIP - 32)], axis=1)
    cv2.line(strip, (0, _STRIP - 6), (width, _STRIP - 6), _GREY, 1)
    cv2.polylines(strip, [np.round(points).astype(np.int32)], False, OTHER, 2, cv2.LINE_AA)
    return strip
