"""Pictures of what was found in a clip: flow, masks, depth and objects beside its frames."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from vadbench.artefacts import Artefact
from vadbench.report.pictures import ABNORMAL, HIGHEST, OTHER, enlarged, outline, rectangle
from vadbench.teachers.segmentation.instances import UNKNOWN
from vadbench.teachers.segmentation.masks import unpack_mask

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from vadbench.datasets import Clip

__all__ = ["TEACHERS", "code_flow", "draw_teacher", "show_image"]

Image = npt.NDArray[np.uint8]
_TOP = 99.9  # percentile of the speeds in the pictured frames that is drawn brightest
_PANEL = 4.2  # width of a panel, inches
_SIDE = 1000  # longer side that the frame below instances is enlarged to, pixels
_TINT = 0.4  # how much of a class's colour lies over the frame


def draw_teacher(
    artefact: Artefact, folder: Path, clip: "Clip | None", count: int = 6
) -> list[Path]:
    """Draws frames of a flow, segmentation, depth or objects artefact, spread over the clip.

    Args:
        artefact: Of a kind in `TEACHERS`.
        folder: The pictures are `<folder>/<clip>_<frame>.png`.
        clip: The frames that it was made from; None leaves them out.
        count: Most pictures.

    Returns:
        The pictures in order of frames.

    Raises:
        VadbenchError: A frame cannot be read.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    folder.mkdir(parents=True, exist_ok=True)
    number = min(count, artefact.n_frames)
    chosen = [int((k + 0.5) * artefact.n_frames / number) for k in range(number)]
    panels = TEACHERS[artefact.kind](artefact, chosen)
    owner = artefact.identity
    made_by = artefact.settings.get("backend") or artefact.settings.get("source", "")
    # Runs put it into <data set>/<kind>/<name in the configuration>/<split>.
    *_, entry, split = "", "", *artefact.path.parent.parts
    parts = owner.dataset, artefact.kind, entry if split == owner.split else "", owner.split
    stem = "_".join([*filter(None, parts), str(owner.clip)])
    paths = []
    for t in chosen:
        frame = None if clip is None else clip.frame(t)
        drawn = panels(t, frame)
        if frame is not None:
            drawn.insert(0, ("frame", partial(show_image, image=enlarged(frame)[0])))
        height, width = _size(artefact, frame)
        figure, axes = plt.subplots(
            1,
            len(drawn),
            figsize=(_PANEL * len(drawn), _PANEL * height / width + 0.8),
            dpi=150,
            layout="constrained",
            squeeze=False,
        )
        figure.suptitle(
            f"{owner.dataset} {owner.clip}, frame {t}: {artefact.kind} by {made_by}", fontsize=10
        )
        for panel, (words, draw) in zip(axes[0], drawn, strict=True):
            draw(panel)
            panel.set_axis_off()
            panel.set_title(words, fontsize=8)
        paths.append(folder / f"{stem}_{t:04d}.png")
        figure.savefig(paths[-1], metadata={"Software": None})
        plt.close(figure)
    return paths


Draw = Callable[["Axes"], Any]
Panels = Callable[[int, Image | None], list[tuple[str, Draw]]]


def show_image(panel: "Axes", image: Image) -> None:
    """Shows a picture (H, W, 1 or 3), grey or BGR."""
    panel.imshow(np.repeat(image, 3, axis=2) if image.shape[2] == 1 else image[..., ::-1])


def _size(artefact: Artefact, frame: Image | None) -> tuple[int, int]:
    """Height and width of a clip's frames; of objects without a frame, what holds all boxes."""
    if artefact.kind in _FIELDS:
        height, width = artefact[_FIELDS[artefact.kind]].shape[1:3]
    elif frame is not None:
        height, width = frame.shape[:2]
    else:
        boxes = artefact["boxes"][:]
        width, height = (int(side) + 1 for side in boxes[:, 2:].max(axis=0, initial=63))
    return height, width


def code_flow(flow: npt.NDArray[np.float32], largest: float) -> npt.NDArray[np.float32]:
    """Returns flow (H, W, 2) as colours (H, W, 3), RGB; the speed `largest` in full colour."""
    import torch

    from vadbench.networks.flow_colours import flow_colours

    made = flow_colours(torch.from_numpy(flow).permute(2, 0, 1)[None], largest)
    return made[0].permute(1, 2, 0).numpy()


def _scale(panel: "Axes", shown: Any, words: str) -> None:
    figure: Figure = panel.get_figure(root=True)  # type: ignore[assignment]
    bar = figure.colorbar(shown, ax=panel, shrink=0.8, pad=0.02)
    bar.set_label(words, fontsize=8)
    bar.ax.tick_params(labelsize=7)


def _flow(artefact: Artefact, chosen: list[int]) -> Panels:
    """Direction and speed as colour, with the wheel that explains it, and the speed alone."""
    flows = {t: artefact["flow"][t].astype(np.float32) for t in chosen}
    speeds = {t: np.linalg.norm(flow, axis=-1) for t, flow in flows.items()}
    largest = max(1e-3, max(float(np.percentile(speed, _TOP)) for speed in speeds.values()))

    def direction(panel: "Axes", t: int) -> None:
        panel.imshow(code_flow(flows[t], largest))
        across = np.linspace(-largest, largest, 96, dtype=np.float32)
        wheel = np.stack(np.meshgrid(across, across), axis=-1)
        disc = code_flow(wheel, largest)
        inside = np.linalg.norm(wheel, axis=-1, keepdims=True) <= largest
        corner = panel.inset_axes((0.01, 0.01, 0.16, 0.22))
        corner.imshow(np.concatenate([disc, inside], axis=-1))
        corner.set_axis_off()

    def speed(panel: "Axes", t: int) -> None:
        shown = panel.imshow(speeds[t], cmap="magma", vmin=0, vmax=largest)
        _scale(panel, shown, _unit(artefact))

    return lambda t, frame: [
        (f"direction and speed, full colour {largest:.2g}", lambda panel: direction(panel, t)),
        (f"speed, median {np.median(speeds[t]):.2g}", lambda panel: speed(panel, t)),
    ]


def _unit(artefact: Artefact) -> str:
    units = artefact.settings.get("units", "native")
    if units == "network" and artefact.settings.get("working_size"):
        units = artefact.settings["working_size"]
    if isinstance(units, str):
        return "pixels per frame"
    return f"pixels of {units[0]} x {units[1]} per frame"


def _segmentation(artefact: Artefact, chosen: list[int]) -> Panels:
    """The class map in colours over the frame, with the box, class and score of each instance."""
    from matplotlib import colormaps

    names = _category_names()
    # Bold colours before pale ones: people and vehicles have low numbers.
    colours = np.array(colormaps["tab20"].colors)[:, ::-1]  # type: ignore[attr-defined]
    palette = (np.concatenate([colours[::2], colours[1::2]]) * 255).astype(np.uint8)

    def colour(category: int) -> Image:
        picked: Image = palette[category % len(palette)]
        return np.full(3, 160, np.uint8) if category in {UNKNOWN, -1} else picked

    def overlay(panel: "Axes", t: int, frame: Image | None) -> None:
        classes = artefact["class_map"][t]
        grey = np.full((*classes.shape, 1), 30, np.uint8)
        image, factor = enlarged(grey if frame is None else frame, _SIDE)
        large = classes.repeat(factor, axis=0).repeat(factor, axis=1)
        for category in np.unique(classes[classes > 0]):
            there = large == category
            tint = colour(int(category))
            image[there] = ((1 - _TINT) * image[there] + _TINT * tint).astype(np.uint8)
        start, end = (int(value) for value in artefact["frame_offsets"][t : t + 2])
        ends = artefact["mask_offsets"][start : end + 1]
        for row, item in enumerate(range(start, end)):
            box, category = artefact["boxes"][item], int(artefact["classes"][item])
            bits = artefact["mask_bits"][ends[row] : ends[row + 1]]
            blue, green, red = (int(value) for value in colour(category))
            outline(image, unpack_mask(bits, box, *classes.shape), factor, (blue, green, red))
            rectangle(image, box, factor, (blue, green, red), 1)
            words = f"{names.get(category, category)} {artefact['scores'][item]:.2f}"
            panel.text(
                factor * box[0], factor * box[1], words, fontsize=5, color="white", va="bottom"
            )
        show_image(panel, image)

    return lambda t, frame: [
        (_count(artefact, t), lambda panel: overlay(panel, t, frame)),
    ]


def _count(artefact: Artefact, t: int) -> str:
    start, end = (int(value) for value in artefact["frame_offsets"][t : t + 2])
    return f"{end - start} instances: class in colour, mask outlined"


def _category_names() -> dict[int, str]:
    from torchvision.models.detection import MaskRCNN_ResNet50_FPN_Weights

    names = MaskRCNN_ResNet50_FPN_Weights.COCO_V1.meta["categories"]
    return dict(enumerate(names)) | {-1: "unknown"}


def _depth(artefact: Artefact, chosen: list[int]) -> Panels:
    """Relative inverse depth by itself, and as colour over the frame."""

    def alone(panel: "Axes", t: int) -> None:
        shown = panel.imshow(artefact["depth"][t].astype(np.float32), "viridis", vmin=0, vmax=1)
        _scale(panel, shown, "relative inverse depth, 1 nearest")

    def over(panel: "Axes", t: int, frame: Image) -> None:
        show_image(panel, frame)
        depth = artefact["depth"][t].astype(np.float32)
        panel.imshow(depth, "viridis", vmin=0, vmax=1, alpha=_TINT)

    def panels(t: int, frame: Image | None) -> list[tuple[str, Draw]]:
        drawn: list[tuple[str, Draw]] = [("depth", lambda panel: alone(panel, t))]
        if frame is not None:
            drawn.append(("over the frame", lambda panel: over(panel, t, frame)))
        return drawn

    return panels


def _objects(artefact: Artefact, chosen: list[int]) -> Panels:
    """Boxes over the frame, a colour for each source."""

    def overlay(panel: "Axes", t: int, frame: Image | None) -> None:
        blank = np.full((*_size(artefact, frame), 1), 30, np.uint8)
        image, factor = enlarged(blank if frame is None else frame, _SIDE)
        start, end = (int(value) for value in artefact["frame_offsets"][t : t + 2])
        for box, source in zip(
            artefact["boxes"][start:end], artefact["sources"][start:end], strict=True
        ):
            rectangle(image, box, factor, _SOURCES[int(source)][1], 2)
        show_image(panel, image)

    def words(t: int) -> str:
        start, end = (int(value) for value in artefact["frame_offsets"][t : t + 2])
        sources = artefact["sources"][start:end].tolist()
        found = {name: sources.count(key) for key, (name, _) in _SOURCES.items() if key in sources}
        told = ", ".join(f"{count} {name}" for name, count in found.items())
        return f"{end - start} objects{f': {told}' if told else ''}"

    return lambda t, frame: [(words(t), lambda panel: overlay(panel, t, frame))]


_SOURCES = {
    0: ("instance (orange)", HIGHEST),
    1: ("motion (blue)", OTHER),
    2: ("imported (green)", ABNORMAL),
    3: ("frame (green)", ABNORMAL),
}
TEACHERS: dict[str, Callable[[Artefact, list[int]], Panels]] = {
    "flow": _flow,
    "segmentation": _segmentation,
    "depth": _depth,
    "objects": _objects,
}
"""Kinds that are drawn, and what makes the panels of a frame for each."""
_FIELDS = {"flow": "flow", "segmentation": "class_map", "depth": "depth"}
