"""One picture per test clip: score curve, abnormal intervals, highest-scoring frames."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from vadbench.datasets.intervals import intervals
from vadbench.report.pictures import HIGHEST, OTHER, enlarged, rectangle
from vadbench.scoring.choose import top_frames
from vadbench.scoring.metrics import macro_auc
from vadbench.scoring.protocol import Protocol
from vadbench.scoring.scores import Scores
from vadbench.scoring.series import clip_series, object_scores

if TYPE_CHECKING:
    from vadbench.datasets import Clip

__all__ = ["draw_clip", "draw_run"]

Floats = npt.NDArray[np.float64]
# Okabe and Ito's palette, told apart by colour-blind readers and in grey print.
_SCORE, _ABNORMAL, _PARTS = "#0072B2", "#E69F00", ("#009E73", "#CC79A7", "#56B4E9", "#D55E00")
_THUMBNAILS = 4


def draw_clip(
    path: Path,
    title: str,
    scores: Mapping[str, Floats],
    labels: npt.NDArray[np.uint8],
    first: int,
    clip: "Clip",
    test: Scores,
    order: Floats | None,
    *,
    known: bool,
) -> None:
    """Draws one clip.

    Args:
        path: The PNG.
        title: Line above the curve.
        scores: Frame scores by name; the first is the method's, the others its components.
        labels: (T,) 0/1 of the whole clip.
        first: Frame of the clip at which the scores start.
        clip: The clip's frames.
        test: Raw scores of the split, for the boxes.
        order: A score per object of the split, by which each frame's highest box is marked.
        known: Whether there are labels.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt
    from matplotlib.patches import Patch

    figure = plt.figure(figsize=(9, 4.6), dpi=110, layout="constrained")
    grid = figure.add_gridspec(2, _THUMBNAILS, height_ratios=[1.5, 1])
    axes = figure.add_subplot(grid[0, :])
    for start, end in intervals(labels):
        axes.axvspan(start - 0.5, end + 0.5, color=_ABNORMAL, alpha=0.25, linewidth=0)
    (name, main), *parts = scores.items()
    time = np.arange(first, first + len(main))
    for (part, values), colour in zip(parts, _PARTS, strict=False):
        axes.plot(time, _scaled(values), color=colour, linewidth=0.8, alpha=0.8, label=part)
    axes.plot(time, _scaled(main), color=_SCORE, linewidth=1.8, label=name)
    marked = [first + t for t in top_frames(main, _THUMBNAILS, max(1, len(main) // 12))]
    axes.plot(marked, _scaled(main)[np.array(marked) - first], "v", color=_SCORE, markersize=7)
    figure.suptitle(title)
    axes.set(
        xlabel="frame",
        ylabel="score, scaled to the clip",
        xlim=(-0.5, len(labels) - 0.5),
        ylim=(-0.03, 1.08),
    )
    handles, _ = axes.get_legend_handles_labels()
    if labels.any():
        handles.append(Patch(color=_ABNORMAL, alpha=0.25, label="abnormal (ground truth)"))
    # Above the axes, where it hides no curve.
    axes.legend(
        handles=handles,
        fontsize=8,
        ncols=len(handles),
        loc="lower center",
        bbox_to_anchor=(0.5, 1.0),
        borderaxespad=0.1,
        frameon=False,
    )
    axes.spines[["top", "right"]].set_visible(False)
    clip_number = list(test.clips).index(path.stem)
    start_frame = int(test.clip_offsets[clip_number])
    for column, t in enumerate(marked):
        image, factor = enlarged(clip.frame(t))
        a, b = test.object_offsets[start_frame + t : start_frame + t + 2]
        best = a + int(np.argmax(order[a:b])) if order is not None and b > a else -1
        for item in range(a, b):
            bgr, width = (HIGHEST, 3) if item == best else (OTHER, 1)
            rectangle(image, test.boxes[item], factor, bgr, width)
        panel = figure.add_subplot(grid[1, column])
        panel.imshow(image[..., ::-1])
        panel.set_axis_off()
        truth = ", abnormal" if labels[t] else ", normal"
        panel.set_title(f"frame {t}{truth if known else ''}", fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Without a date and a version in it, the same scores give the same file.
    figure.savefig(path, metadata={"Software": None})
    plt.close(figure)


def _scaled(values: Floats) -> Floats:
    width = np.ptp(values)
    return (values - values.min()) / width if width > 0 else np.zeros_like(values)


def draw_run(
    folder: Path,
    title: str,
    train: Scores,
    test: Scores,
    labels: Mapping[str, npt.NDArray[np.uint8]],
    protocol: Protocol,
    weights: Mapping[str, float],
    open_clip: Callable[[str], "Clip"],
    *,
    known: bool = True,
) -> None:
    """Draws every test clip that the protocol scores into `<folder>/<clip>.png`.

    Args:
        folder: Where the pictures go.
        title: What the scores are of.
        train: Raw scores of the training clips.
        test: Raw scores of the test clips.
        labels: Labels by test clip.
        protocol: The protocol whose frame scores are drawn.
        weights: Fusion weights; empty if each component stands alone.
        open_clip: Opens a test clip by name.
        known: Whether there are labels; if not, they are zeros that mean nothing.
    """
    parts = {name: clip_series(train, test, protocol, {name: 1.0}) for name in test.components}
    fused = clip_series(train, test, protocol, weights) if weights else None
    shown = fused or next(iter(parts.values()))
    aucs = None
    if known:
        kept = {clip: labels[clip][shown.first :][: len(s)] for clip, s in shown.scores.items()}
        aucs = macro_auc(kept, shown.scores, "skip")[1]
    order = object_scores(train, test, protocol, weights) if weights else None
    # A clip too short for the protocol has no scores to draw; the metrics' notes name it.
    for clip in shown.scores:
        series = {name: result.scores[clip] for name, result in parts.items()}
        if fused is not None:
            rest = series if len(series) > 1 else {}
            series = {"score": fused.scores[clip]} | rest
        if aucs is None:
            words = "no labels"
        else:
            words = f"AUC {100 * aucs[clip]:.1f}" if clip in aucs else "one class only"
        draw_clip(
            folder / f"{clip}.png",
            f"{title}: {clip}, {words}",
            series,
            labels[clip],
            shown.first,
            open_clip(clip),
            test,
            order,
            known=known,
        )
