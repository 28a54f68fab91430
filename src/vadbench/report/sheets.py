"""Pictures of cubes and of raw scores, for whoever inspects an artefact."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from vadbench.artefacts import Artefact
from vadbench.report.teachers import code_flow, show_image
from vadbench.scoring.protocol import PROTOCOLS
from vadbench.scoring.scores import Scores
from vadbench.scoring.series import clip_series

__all__ = ["SHEETS"]

_CUBES = 8  # of a clip
_CLIPS = 12  # of a split
_TOP = 99.9  # percentile of the speeds in the pictured cubes that is drawn brightest


def _cubes(artefact: Artefact, folder: Path) -> list[Path]:
    """Draws cubes spread over a clip into a contact sheet: a row of frames and flow for each."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    frames, flow, offsets = artefact["frames"], artefact["flow"], artefact["frame_offsets"][:]
    count = min(_CUBES, len(frames))
    chosen = [int((k + 0.5) * len(frames) / count) for k in range(count)]
    flows = {row: flow[row].astype(np.float32) for row in chosen}
    speeds = [np.linalg.norm(values, axis=-1).ravel() for values in flows.values()]
    largest = max(1e-3, float(np.percentile(np.concatenate(speeds), _TOP))) if speeds else 1.0
    columns = frames.shape[1] + flow.shape[1]
    size = (1.1 * columns, 1.2 * max(1, count) + 0.5)
    figure, axes = plt.subplots(
        max(1, count), columns, figsize=size, dpi=110, layout="constrained", squeeze=False
    )
    owner = artefact.identity
    figure.suptitle(
        f"{owner.dataset} {owner.clip}: {count} of {len(frames)} cubes, frames and flow", fontsize=9
    )
    for panel in axes.flat:
        panel.set_axis_off()
    for row, panels in zip(chosen, axes, strict=False):
        t = int(np.searchsorted(offsets, row, side="right")) - 1
        panels[0].set_title(f"cube {row}, frame {t}", fontsize=7, loc="left")
        parts = iter(panels)
        for image in frames[row]:
            show_image(next(parts), image)
        for values in flows[row]:
            next(parts).imshow(code_flow(values, largest))
    path = folder / f"{owner.clip}_cubes.png"
    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Software": None})
    plt.close(figure)
    return [path]


def _scores(artefact: Artefact, folder: Path) -> list[Path]:
    """Draws the raw score of every frame, a line per component, of the first clips of a split."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    scores = Scores.load(artefact.path)
    folder.mkdir(parents=True, exist_ok=True)
    series = {
        name: clip_series(scores, scores, PROTOCOLS["raw"], {name: 1.0}).scores
        for name in scores.components
    }
    paths = []
    for clip in scores.clips[:_CLIPS]:
        figure, axes = plt.subplots(
            len(series),
            1,
            figsize=(9, 1.6 * len(series) + 0.6),
            dpi=110,
            layout="constrained",
            sharex=True,
            squeeze=False,
        )
        owner, settings = artefact.identity, artefact.settings
        who = " ".join(str(settings[key]) for key in ("method", "variant") if key in settings)
        figure.suptitle(f"{owner.dataset} {clip}: raw scores of {who}", fontsize=9)
        for (name, clips), panel in zip(series.items(), axes[:, 0], strict=True):
            panel.plot(clips[clip], linewidth=1)
            panel.set_ylabel(name.replace("_", " "), fontsize=7)
        axes[-1, 0].set_xlabel("frame")
        paths.append(folder / f"{clip}_scores.png")
        figure.savefig(paths[-1], metadata={"Software": None})
        plt.close(figure)
    return paths


SHEETS: dict[str, Callable[[Artefact, Path], list[Path]]] = {"cubes": _cubes, "scores": _scores}
"""Kinds that are drawn without frames of the clip, and what draws them into a folder."""
