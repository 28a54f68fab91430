"""Pictures of chosen frames: what a method was shown, expected and made, and where it was wrong."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from vadbench.artefacts import Artefact
from vadbench.report.pictures import ABNORMAL, HIGHEST, enlarged, outline, rectangle

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from vadbench.datasets import Clip
    from vadbench.datasets.masks import Mask

__all__ = ["draw_panels", "draw_variants"]

Floats = npt.NDArray[np.float32]
Frames = Callable[[str], tuple["Clip", "Mask | None"]]
_TOP = 99.9  # percentile of a component's maps that is drawn brightest


def draw_panels(artefact: Artefact, folder: Path, title: str, frames: Frames | None) -> list[Path]:
    """Draws every frame of a `panels` artefact into `<folder>/<number>_<clip>_<frame>.png`.

    Args:
        artefact: The artefact.
        folder: Where the pictures go.
        title: What the scores are of.
        frames: Opens a clip and its masks, for the whole frame with its box and the outline of
            what is abnormal; None leaves it out.

    Returns:
        The pictures, highest-scoring frame first.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = _rows(artefact)
    scale = _scales(artefact, rows)
    paths = []
    for number in range(artefact.n_frames):
        clip, t = str(artefact["clips"].asstr()[number]), int(artefact["frames"][number])
        path = folder / f"{number + 1:02d}_{clip}_{t:04d}.png"
        _draw(artefact, number, rows, scale, path, f"{title}: {clip}, frame {t}", frames)
        paths.append(path)
    return paths


def draw_variants(path: Path, title: str, variants: Mapping[str, Artefact]) -> None:
    """Draws what variants make of the same frames, a row for each, as in HF2-VAD's Figure 4.

    Args:
        path: The PNG.
        title: Line above.
        variants: `panels` artefacts with `kinds`, by what their rows are called.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    lines: list[tuple[str, Artefact, str, str, float]] = []
    for number, (words, artefact) in enumerate(variants.items()):
        rows = _rows(artefact)
        scale = _scales(artefact, rows)
        for component, pictures in rows.items():
            for what, form in pictures:
                # What goes in and should come out is the same for all variants.
                shown = what == "estimate" or (not number and what == "target") or not lines
                if shown:
                    name = f"picture/{component}/{what}/{form}"
                    called = words if what == "estimate" else what
                    if len(rows) > 1 and what != "input":
                        called += f"\n{component.replace('_', ' ')}"
                    largest = scale.get((component, _scaled_like(what, form)), 1.0)
                    lines.append((called, artefact, name, form, largest))
    columns = next(iter(variants.values())).n_frames
    figure, axes = plt.subplots(
        len(lines),
        columns,
        figsize=(1.1 * columns + 1.6, 1.1 * len(lines) + 0.5),
        dpi=100,
        layout="constrained",
        squeeze=False,
    )
    figure.suptitle(title, fontsize=10)
    for row, (called, artefact, name, form, largest) in enumerate(lines):
        for column in range(columns):
            panel = axes[row, column]
            _show(panel, artefact[name][column].astype(np.float32), form, largest)
            panel.set(xticks=[], yticks=[])
            panel.spines[:].set_visible(False)
            if row == 0:
                panel.set_title(str(artefact["kinds"].asstr()[column]), fontsize=8)
        axes[row, 0].set_ylabel(called, rotation=0, ha="right", va="center", fontsize=8, labelpad=6)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Software": None})
    plt.close(figure)


def _rows(artefact: Artefact) -> dict[str, list[tuple[str, str]]]:
    """For each component its pictures, as (what, form), in the order of looking."""
    order = ["input", "motion", "predicted flow", "target", "estimate", "map", "refined"]
    rows: dict[str, list[tuple[str, str]]] = {}
    for name in artefact.fields:
        if name.startswith("picture/"):
            _, component, what, form = name.split("/")
            rows.setdefault(component, []).append((what, form))
    known = {what: place for place, what in enumerate(order)}
    return {
        component: sorted(pictures, key=lambda item: (known.get(item[0], len(order)), item))
        for component, pictures in rows.items()
    }


def _scales(
    artefact: Artefact, rows: dict[str, list[tuple[str, str]]]
) -> dict[tuple[str, str], float]:
    """The value that is drawn brightest, one for all frames so that they compare."""
    found: dict[tuple[str, str], float] = {}
    for component, pictures in rows.items():
        for what, form in pictures:
            if form in {"map", "flow"}:
                values = artefact[f"picture/{component}/{what}/{form}"][:].astype(np.float32)
                strength = np.linalg.norm(values, axis=-1) if form == "flow" else values
                key = (component, _scaled_like(what, form))
                found[key] = max(found.get(key, 1e-6), float(np.percentile(strength, _TOP)))
    return found


def _scaled_like(what: str, form: str) -> str:
    """Target and estimate share a scale, and so do the map and the refined map."""
    return "errors" if what in {"map", "refined"} else form


def _draw(
    artefact: Artefact,
    number: int,
    rows: dict[str, list[tuple[str, str]]],
    scale: dict[tuple[str, str], float],
    path: Path,
    title: str,
    frames: Frames | None,
) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    columns = max(len(pictures) for pictures in rows.values())
    whole = 0 if frames is None else 1
    figure = plt.figure(
        figsize=(1.9 * columns + 3.2 * whole, 0.75 + 2.05 * len(rows)),
        dpi=100,
        layout="constrained",
    )
    grid = figure.add_gridspec(
        len(rows), columns + whole, width_ratios=[1.7] * whole + [1.0] * columns
    )
    truth = ("normal", "abnormal", "no label")[artefact["labels"][number]]
    figure.suptitle(f"{title}, {truth}, score {artefact['frame_scores'][number]:.3g}", fontsize=10)
    if frames is not None:
        panel = figure.add_subplot(grid[:, 0])
        panel.imshow(_frame(artefact, number, frames)[..., ::-1])
        panel.set_axis_off()
        outlined = "" if truth == "no label" else ", truth outlined"
        panel.set_title(f"frame, box{outlined}", fontsize=8)
    for row, (component, pictures) in enumerate(rows.items()):
        for column, (what, form) in enumerate(pictures):
            panel = figure.add_subplot(grid[row, column + whole])
            values = artefact[f"picture/{component}/{what}/{form}"][number].astype(np.float32)
            _show(panel, values, form, scale.get((component, _scaled_like(what, form)), 1.0))
            words = what if column else f"{component.replace('_', ' ')}\n{what}"
            panel.set_title(words, fontsize=8)
            panel.set_axis_off()
    figure.savefig(path, metadata={"Software": None})
    plt.close(figure)


def _frame(artefact: Artefact, number: int, frames: Frames) -> npt.NDArray[np.uint8]:
    clip, masks = frames(str(artefact["clips"].asstr()[number]))
    t = int(artefact["frames"][number])
    image, factor = enlarged(clip.frame(t))
    if masks is not None:
        outline(image, masks(t), factor, ABNORMAL)
    box = artefact["boxes"][number]
    if box[2] > box[0]:
        rectangle(image, box, factor, HIGHEST, 2)
    return image


def _show(panel: "Axes", values: Floats, form: str, largest: float) -> None:
    options: dict[str, Any] = {"interpolation": "nearest"}
    if form == "image":
        panel.imshow(np.clip(values[..., ::-1], 0, 1), **options)
    elif form == "flow":
        import torch

        from vadbench.networks.flow_colours import flow_colours

        made = flow_colours(torch.from_numpy(values).permute(2, 0, 1)[None], largest)
        panel.imshow(made[0].permute(1, 2, 0).numpy(), **options)
    elif form == "classes":
        panel.imshow(values[..., 0], cmap="tab10", vmin=0, vmax=9, **options)
    else:
        panel.imshow(values[..., 0], cmap="magma", vmin=0, vmax=largest, **options)
