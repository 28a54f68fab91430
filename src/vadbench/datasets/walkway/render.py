"""Draws a clip and writes its ground truth.

Every frame is drawn into a map of part numbers at three times the resolution, far people first.
Whatever is needed is then looked up by part number: colour at each subpixel, flow, depth and
instance at each pixel's centre.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from vadbench.artefacts import ArtefactWriter, Identity
from vadbench.datasets.walkway.backdrop import MARGIN, SUPERSAMPLE, Backdrop, draw_backdrop
from vadbench.datasets.walkway.crowd import Actor, Crowd, plan_events
from vadbench.datasets.walkway.figures import OUTLINES, RING, TEXELS, pose
from vadbench.datasets.walkway.layout import SUN, Camera
from vadbench.datasets.walkway.settings import (
    ANOMALY_KINDS,
    CLASS_NAMES,
    Split,
    WalkwaySettings,
    clip_number,
)

__all__ = ["MIN_VISIBLE", "Frame", "render", "render_frames"]

MIN_VISIBLE = 12
"""Visible pixels below which an instance is not annotated."""

_BATCH = 16
_CENTRE = SUPERSAMPLE // 2

Floats = npt.NDArray[np.float64]
Affine = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Frame:
    """One frame with its ground truth; H x W pixels, N visible instances.

    Attributes:
        image: (H, W, 3) uint8, BGR.
        flow: (H, W, 2) float32, pixels, from the frame before to this one, on its grid.
        depth: (H, W) float32, metres.
        instance_map: (H, W) uint8, track of the visible instance, 0 none.
        abnormal_mask: (H, W) uint8.
        boxes: (N, 4) float32, x1 y1 x2 y2.
        track_ids, classes, abnormal, kinds: (N,) integers.
    """

    image: npt.NDArray[np.uint8]
    flow: npt.NDArray[np.float32]
    depth: npt.NDArray[np.float32]
    instance_map: npt.NDArray[np.uint8]
    abnormal_mask: npt.NDArray[np.uint8]
    boxes: npt.NDArray[np.float32]
    track_ids: npt.NDArray[np.int32]
    classes: npt.NDArray[np.int16]
    abnormal: npt.NDArray[np.uint8]
    kinds: npt.NDArray[np.int16]


@dataclass(frozen=True)
class _Placed:
    """All parts of all actors in the image at one moment, row by row.

    Attributes:
        place: (P, 2, 3) maps (u, v, 1) of a part to the pixel x, y.
        shadow: (P, 2, 3) the same for the part's shadow on the ground.
        distance: (P,) from the camera, metres.
    """

    place: Affine
    shadow: Affine
    distance: Floats

    def rows(self, keep: slice | npt.NDArray[np.bool_]) -> "_Placed":
        """Some of the parts."""
        return _Placed(self.place[keep], self.shadow[keep], self.distance[keep])


@dataclass(frozen=True)
class _Canvas:
    """Which part is visible where.

    Attributes:
        parts: (3 H, 3 W) uint16, number of the visible part + 1 at each subpixel, 0 backdrop.
        drawn: (n,) indices of the subpixels that show a part.
    """

    parts: npt.NDArray[np.uint16]
    drawn: npt.NDArray[np.int64]

    @property
    def numbers(self) -> npt.NDArray[np.int64]:
        """(n,) number of the part at each of `drawn`."""
        return self.parts.ravel()[self.drawn].astype(np.int64) - 1

    @property
    def centres(self) -> npt.NDArray[np.uint16]:
        """(H, W) number of the part + 1 at the centre of each pixel."""
        return self.parts[_CENTRE::SUPERSAMPLE, _CENTRE::SUPERSAMPLE]


def render(
    settings: WalkwaySettings, dataset: str, split: Split, clip: str, path: Path, *, code: str = ""
) -> None:
    """Renders one clip into a `scene` artefact; see `vadbench.datasets.walkway`."""
    attributes = {
        "fps": settings.fps,
        "class_names": {str(number): name for number, name in CLASS_NAMES.items()},
        "anomaly_kinds": list(ANOMALY_KINDS),
    }
    with ArtefactWriter(
        path,
        "scene",
        Identity(dataset, split, clip),
        settings.frames,
        settings=settings.plain(),
        code=code,
        attributes=attributes,
    ) as writer:
        offsets, waiting = [0], list[Frame]()
        for frame in render_frames(settings, split, clip):
            offsets.append(offsets[-1] + len(frame.boxes))
            waiting.append(frame)
            if len(waiting) == _BATCH:
                _write(writer, waiting)
                waiting = []
        if waiting:
            _write(writer, waiting)
        writer.put("frame_offsets", np.array(offsets, np.int64))


def _write(writer: ArtefactWriter, frames: list[Frame]) -> None:
    writer.append("frames", np.stack([f.image for f in frames]))
    writer.append("flow", np.stack([f.flow for f in frames]).astype(np.float16))
    writer.append("depth", np.stack([f.depth for f in frames]).astype(np.float16))
    for name in ("instance_map", "abnormal_mask"):
        writer.append(name, np.stack([getattr(f, name) for f in frames]))
    for name in ("boxes", "track_ids", "classes", "abnormal", "kinds"):
        writer.append(name, np.concatenate([getattr(f, name) for f in frames]))
    writer.append("labels", np.array([f.abnormal.any() for f in frames], np.uint8))


def render_frames(settings: WalkwaySettings, split: Split, clip: str) -> Iterator[Frame]:
    """Yields the frames of a clip in order.

    Raises:
        ValueError: The split has no such clip.
    """
    number = clip_number(split, clip)
    keys = {"train": 1, "test": 2}
    own, seen = np.random.SeedSequence([settings.seed, keys[split], number]).spawn(2)
    behaviour, sensor = np.random.default_rng(own), np.random.default_rng(seen)
    camera = Camera(settings.height, settings.width)
    scenery = np.random.default_rng(np.random.SeedSequence([settings.seed, 0]))
    painter = _Painter(settings, camera, draw_backdrop(camera, scenery))
    events = plan_events(settings, number) if split == "test" else []
    crowd = Crowd(settings, camera, behaviour, events)
    sway, light = _Sway(settings, camera, sensor), _Light(settings, sensor)

    actors, view = list(crowd.actors), sway.step()
    placed = _place(camera, actors, view)
    flow = np.zeros((settings.height, settings.width, 2), np.float32)
    for _ in range(settings.frames):
        canvas = painter.draw(actors, placed, view)
        yield painter.finish(canvas, actors, placed, view, flow, light, sensor)
        # The flow out of this frame needs where the same parts are in the next one; who has left
        # the picture by then is dropped after that.
        crowd.step()
        view_before, view = view, sway.step()
        entered = [actor for actor in crowd.actors if actor not in actors]
        moved = _place(camera, [*actors, *entered], view)
        flow = painter.flow(
            canvas, placed, moved.rows(slice(len(placed.distance))), view_before, view
        )
        staying = [actor for actor in [*actors, *entered] if not actor.gone]
        sizes = [len(actor.figure.shapes) for actor in [*actors, *entered]]
        kept = [not actor.gone for actor in [*actors, *entered]]
        placed = moved.rows(np.repeat(np.array(kept, bool), sizes))
        actors = staying


class _Sway:
    """The camera's sway: a damped random motion of the picture, with gusts.

    Its state is an affine map from the still picture to the swaying one.
    """

    def __init__(self, settings: WalkwaySettings, camera: Camera, rng: np.random.Generator) -> None:
        self._size, self._rng, self._centre = settings.camera_shake, rng, camera.centre
        self._reach = max(camera.height, camera.width) / 2
        self._state, self._speed = np.zeros(3), np.zeros(3)
        self._gust = 0.5
        self._decay = math.exp(-1.0 / (3.0 * settings.fps))

    def step(self) -> Affine:
        """Returns (2, 3), pixels to pixels."""
        rng = self._rng
        # A stiff mast: the sway returns, swings for a second, and wind comes and goes.
        self._gust = self._decay * self._gust + (1 - self._decay) * rng.exponential(1.0)
        push = rng.standard_normal(3) * np.array([1.0, 0.7, 0.5]) * self._size * 0.42 * self._gust
        self._speed = 0.72 * self._speed - 0.12 * self._state + push
        self._state = np.clip(self._state + self._speed, -MARGIN / 4, MARGIN / 4)
        x, y, roll = self._state
        angle = roll / self._reach
        sin, cos = math.sin(angle), math.cos(angle)
        cx, cy = self._centre
        return np.array(
            [[cos, -sin, cx - cos * cx + sin * cy + x], [sin, cos, cy - sin * cx - cos * cy + y]]
        )


class _Light:
    """Slow clouds and the flicker of the exposure."""

    def __init__(self, settings: WalkwaySettings, rng: np.random.Generator) -> None:
        self._settings, self._rng, self._frame = settings, rng, 0
        self._periods = rng.uniform(6, 40, 3)
        self._phases = rng.uniform(0, 2 * math.pi, 3)
        self._level = rng.uniform(-1, 1)

    def step(self) -> tuple[float, float]:
        """Returns gain and strength of the shadows, both relative."""
        seconds = self._frame / self._settings.fps
        self._frame += 1
        waves = np.sin(2 * math.pi * seconds / self._periods + self._phases)
        cloud = float(np.array([0.3, 0.3, 0.2]) @ waves + 0.5 * self._level)
        flicker = self._settings.flicker * self._rng.standard_normal()
        return 1.0 + self._settings.light_change * cloud + flicker, 1.0 + 0.35 * cloud


def _compose(first: Affine, second: Affine) -> Affine:
    """The affine maps (..., 2, 3) that apply `second` after `first`."""
    linear = second[..., :2] @ first[..., :2]
    shift = np.einsum("...ij,...j->...i", second[..., :2], first[..., 2]) + second[..., 2]
    return np.concatenate([linear, shift[..., None]], axis=-1)


def _inverse(maps: Affine) -> Affine:
    linear = np.linalg.inv(maps[..., :2])
    shift = -np.einsum("...ij,...j->...i", linear, maps[..., 2])
    return np.concatenate([linear, shift[..., None]], axis=-1)


def _place(camera: Camera, actors: list[Actor], view: Affine) -> _Placed:
    """Projects all parts of the actors."""
    if not actors:
        return _Placed(np.zeros((0, 2, 3)), np.zeros((0, 2, 3)), np.zeros(0))
    points, halves = [], []
    for actor in actors:
        sin, cos = math.sin(actor.heading), math.cos(actor.heading)
        local = pose(actor.figure, actor.motion)
        turned = local @ np.array([[cos, sin, 0.0], [-sin, cos, 0.0], [0.0, 0.0, 1.0]])
        turned[..., 0] += actor.place[0]
        turned[..., 1] += actor.place[1]
        points.append(turned)
        # Half-width of the elliptic section as seen along the line of sight.
        sight = math.atan2(actor.place[1], actor.place[0]) - actor.heading
        front, side = actor.figure.halves[:, 0], actor.figure.halves[:, 1]
        halves.append(np.hypot(front * math.cos(sight), side * math.sin(sight)))
    world = np.concatenate(points)
    half = np.concatenate(halves)
    plates = np.concatenate([actor.figure.plates for actor in actors])
    shapes = np.concatenate([actor.figure.shapes for actor in actors])
    ground = world.copy()
    ground[..., :2] += world[..., 2:] * np.array(SUN)
    ground[..., 2] = 0.0
    distance = camera.distance(world[:, :2].mean(axis=1))
    return _Placed(
        _patches(camera, world, half, plates, shapes, view),
        _patches(camera, ground, half, plates, shapes, view),
        distance,
    )


def _patches(
    camera: Camera,
    world: Floats,
    half: Floats,
    plates: npt.NDArray[np.bool_],
    shapes: npt.NDArray[np.int64],
    view: Affine,
) -> Affine:
    """(P, 2, 3) maps of parts spanned by world points (P, 3, 3) to pixels."""
    image, depth = camera.project(world)
    start, end = image[:, 0], image[:, 1]
    width = half * camera.focal / depth[:, :2].mean(axis=1)
    along = end - start
    # A part seen end on keeps a direction.
    along[:, 1] += np.where(np.abs(along).sum(axis=1) < 1e-3, 1e-2, 0.0)
    length = np.linalg.norm(along, axis=1)
    direction = along / length[:, None]
    # Limbs end in round caps, shapes 0 only; nothing is flatter than it is wide by a fifth.
    cap = np.where(shapes == 0, 0.8 * width, np.maximum(0.0, 0.2 * width - length))
    cap = np.where(plates, 0.0, np.maximum(cap, 1e-2))[:, None] * direction
    across = (
        np.stack([-direction[:, 1], direction[:, 0]], axis=1) * np.maximum(width, 1e-3)[:, None]
    )
    plate_side = image[:, 2] - start
    # A plate seen edge on would have no inverse.
    area = along[:, 0] * plate_side[:, 1] - along[:, 1] * plate_side[:, 0]
    edge_on = np.abs(area) < 0.05 * length
    normal = np.stack([-direction[:, 1], direction[:, 0]], axis=1)
    plate_side = (
        plate_side + np.where(edge_on, np.where(area < 0, -0.1, 0.1), 0.0)[:, None] * normal
    )
    side = np.where(plates[:, None], plate_side, across)
    still = np.stack([end - start + 2 * cap, side, start - cap], axis=-1)
    return _compose(still, view)


class _Painter:
    """Draws frames of a clip; keeps buffers of the frame's size."""

    def __init__(self, settings: WalkwaySettings, camera: Camera, backdrop: Backdrop) -> None:
        self._settings, self._camera, self._backdrop = settings, camera, backdrop
        height, width = settings.height, settings.width
        self._fine = (height * SUPERSAMPLE, width * SUPERSAMPLE)
        self._colour = np.zeros((*self._fine, 4), np.uint8)
        self._tracks: dict[tuple[int, int], int] = {}
        rows, columns = np.indices((height, width), np.float64)
        self._grid = np.stack([columns, rows], axis=-1)

    def draw(self, actors: list[Actor], placed: _Placed, view: Affine) -> _Canvas:
        """Finds out which part is visible at each subpixel."""
        canvas = np.zeros(self._fine, np.uint16)
        order, shapes = _painting_order(actors, placed, self._camera)
        if not len(order):
            return _Canvas(canvas, np.zeros(0, np.int64))
        corners = _corners(placed.place, shapes)
        fine = np.round((corners * SUPERSAMPLE + _CENTRE) * 16).astype(np.int32)
        height, width = self._fine
        low, high = fine.min(axis=1) // 16, fine.max(axis=1) // 16
        seen = (low[:, 0] < width) & (low[:, 1] < height) & (high[:, 0] >= 0) & (high[:, 1] >= 0)
        rings = shapes == RING
        for part in order:
            if not seen[part]:
                continue
            number = int(part) + 1
            if rings[part]:
                centre = fine[part].mean(axis=0)
                inner = np.round(centre + 0.8 * (fine[part] - centre)).astype(np.int32)
                cv2.fillPoly(canvas, [fine[part], inner], number, cv2.LINE_8, 4)
            else:
                cv2.fillConvexPoly(canvas, fine[part], number, cv2.LINE_8, 4)
        # Indices of a boolean array are found ten times as fast.
        drawn = np.flatnonzero((canvas != 0).ravel())
        hidden = self._hidden(canvas, drawn, placed, view)
        canvas.ravel()[drawn[hidden]] = 0
        return _Canvas(canvas, drawn[~hidden])

    def _hidden(
        self,
        canvas: npt.NDArray[np.uint16],
        drawn: npt.NDArray[np.int64],
        placed: _Placed,
        view: Affine,
    ) -> npt.NDArray[np.bool_]:
        """Which of the subpixels `drawn` lie behind a tree or a lamp post."""
        # Fine coordinates of the still backdrop, as an affine map of fine coordinates here.
        back = _inverse(view)
        shift = SUPERSAMPLE * (back[:, 2] + MARGIN) + _CENTRE - back[:, :2].sum(axis=1) * _CENTRE
        maps = np.concatenate([back[:, :2], shift[:, None]], axis=1).astype(np.float32)
        rows, columns = (index.astype(np.float32) for index in np.divmod(drawn, self._fine[1]))
        x = (maps[0, 0] * columns + maps[0, 1] * rows + maps[0, 2] + 0.5).astype(np.int32)
        y = (maps[1, 0] * columns + maps[1, 1] * rows + maps[1, 2] + 0.5).astype(np.int32)
        limit = self._backdrop.standing[y, x]
        hidden = np.isfinite(limit)
        ours = placed.distance[canvas.ravel()[drawn[hidden]].astype(np.int64) - 1]
        hidden[hidden] = ours > limit[hidden]
        return hidden

    def flow(
        self,
        canvas: _Canvas,
        placed: _Placed,
        moved: _Placed,
        view: Affine,
        next_view: Affine,
    ) -> npt.NDArray[np.float32]:
        """(H, W, 2) displacement of the surface visible at each pixel, to the next frame."""
        part = canvas.centres
        camera = _compose(_inverse(view), next_view)
        flow = self._grid @ camera[:, :2].T + camera[:, 2] - self._grid
        rows, columns = np.nonzero(part != 0)
        if len(rows):
            motion = _compose(_inverse(placed.place), moved.place)[part[rows, columns] - 1]
            points = self._grid[rows, columns]
            flow[rows, columns] = (
                np.einsum("nij,nj->ni", motion[:, :, :2], points) + motion[:, :, 2] - points
            )
        return flow.astype(np.float32)

    def finish(
        self,
        canvas: _Canvas,
        actors: list[Actor],
        placed: _Placed,
        view: Affine,
        flow: npt.NDArray[np.float32],
        light: _Light,
        sensor: np.random.Generator,
    ) -> Frame:
        """Colours the map of parts and looks the annotation up."""
        gain, shadow_gain = light.step()
        settings, size = self._settings, (self._settings.width, self._settings.height)
        moving = view.copy()
        # Backdrop coordinates start MARGIN pixels before the frame's.
        moving[:, 2] -= view[:, :2] @ np.array([MARGIN, MARGIN])
        image = cv2.warpAffine(self._backdrop.image, moving, size, flags=cv2.INTER_CUBIC)
        depth = cv2.warpAffine(self._backdrop.depth, moving, size, flags=cv2.INTER_NEAREST)
        if settings.shadows and actors:
            shade = self._shade(actors, placed)
            image *= 1.0 - np.float32(settings.shadows * shadow_gain / 255) * shade[..., None]

        if len(canvas.drawn):
            self._colour[...] = 0
            self._colour.reshape(-1, 4)[canvas.drawn] = _texels(
                actors, placed.place, canvas, self._fine[1]
            )
            colour = cv2.resize(self._colour, size, interpolation=cv2.INTER_AREA)
            cover = colour[..., 3]
            covered = cover > 0
            image[covered] *= 1.0 - cover[covered, None].astype(np.float32) / 255
            image[covered] += colour[covered, :3]
        image *= np.float32(gain)
        if settings.sensor_noise:
            noise = sensor.standard_normal(image.shape, np.float32)
            image += np.float32(settings.sensor_noise) * noise

        part = canvas.centres
        rows, columns = np.nonzero(part != 0)
        instances = np.zeros(part.shape, np.int32)
        if len(rows):
            depth[rows, columns] = placed.distance[part[rows, columns] - 1]
            offset = 0
            slots = []
            for actor in actors:
                slots.append(actor.figure.slots + offset)
                offset += len(actor.figure.classes)
            instances[rows, columns] = np.concatenate(slots)[part[rows, columns] - 1] + 1
        return self._annotate(
            cv2.convertScaleAbs(np.maximum(image, 0)), flow, depth, instances, actors
        )

    def _shade(self, actors: list[Actor], placed: _Placed) -> npt.NDArray[np.float32]:
        """(H, W) share of the sun that people take away, 0 to 255."""
        shade = np.zeros(self._grid.shape[:2], np.uint8)
        drawn = np.flatnonzero(_visible_parts(actors))
        shapes = np.concatenate([actor.figure.shapes for actor in actors])
        fine = np.round(_corners(placed.shadow, shapes) * 16).astype(np.int32)
        height, width = self._grid.shape[:2]
        low, high = fine.min(axis=1) // 16, fine.max(axis=1) // 16
        seen = (low[:, 0] < width) & (low[:, 1] < height) & (high[:, 0] >= 0) & (high[:, 1] >= 0)
        for part in drawn[seen[drawn]]:
            cv2.fillConvexPoly(shade, fine[part], 255, cv2.LINE_AA, 4)
        return cv2.GaussianBlur(shade, (0, 0), 0.9 * height / 160).astype(np.float32)

    def _annotate(
        self,
        image: npt.NDArray[np.uint8],
        flow: npt.NDArray[np.float32],
        depth: npt.NDArray[np.float32],
        instances: npt.NDArray[np.int32],
        actors: list[Actor],
    ) -> Frame:
        owners = [
            (a, slot) for a, actor in enumerate(actors) for slot in range(len(actor.figure.classes))
        ]
        counts = np.bincount(instances.ravel(), minlength=len(owners) + 1)
        tracks = np.zeros(len(owners) + 1, np.uint8)
        marks = np.zeros(len(owners) + 1, np.uint8)
        table: list[tuple[int, int, int, int]] = []
        boxes = []
        for index, (owner, slot) in enumerate(owners, start=1):
            if counts[index] < MIN_VISIBLE:
                continue
            actor = actors[owner]
            track = self._tracks.setdefault((actor.number, slot), len(self._tracks) + 1)
            tracks[index], marks[index] = track, actor.abnormal
            kind = actor.kind if actor.abnormal else -1
            table.append((track, actor.figure.classes[slot], int(actor.abnormal), kind))
            boxes.append(_bounds(instances == index))
        rows = np.array(table, np.int64).reshape(-1, 4)
        return Frame(
            image=image,
            flow=flow,
            depth=depth,
            instance_map=tracks[instances],
            abnormal_mask=marks[instances],
            boxes=np.array(boxes, np.float32).reshape(-1, 4),
            track_ids=rows[:, 0].astype(np.int32),
            classes=rows[:, 1].astype(np.int16),
            abnormal=rows[:, 2].astype(np.uint8),
            kinds=rows[:, 3].astype(np.int16),
        )


def _bounds(mask: npt.NDArray[np.bool_]) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _visible_parts(actors: list[Actor]) -> npt.NDArray[np.bool_]:
    """(P,) whether a part exists: limbs without a width stand for what is not worn."""
    return np.concatenate(
        [actor.figure.plates | (actor.figure.halves[:, 0] > 0) for actor in actors]
    )


def _painting_order(
    actors: list[Actor], placed: _Placed, camera: Camera
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Part numbers from the farthest to the nearest, actor by actor, and all parts' shapes."""
    if not actors:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    shapes = np.concatenate([actor.figure.shapes for actor in actors])
    feet = np.array([(*actor.place, 0.8) for actor in actors])
    sizes = [len(actor.figure.shapes) for actor in actors]
    actor_distance = np.repeat(camera.distance(feet), sizes)
    order = np.lexsort(
        (-placed.distance, np.repeat(np.arange(len(actors)), sizes), -actor_distance)
    )
    return order[_visible_parts(actors)[order]], shapes


def _corners(place: Affine, shapes: npt.NDArray[np.int64]) -> Floats:
    """(P, 16, 2) outlines of parts, pixels."""
    corners: Floats = np.einsum("pij,pkj->pki", place[:, :, :2], OUTLINES[shapes])
    # Far outside the frame the exact place is of no account, and drawing takes 32 bits.
    return np.clip(corners + place[:, None, :, 2], -2e4, 2e4)


def _texels(
    actors: list[Actor], place: Affine, canvas: _Canvas, fine_width: int
) -> npt.NDArray[np.uint8]:
    """(n, 4) BGR and full cover of the drawn subpixels."""
    textures = np.concatenate([actor.figure.textures for actor in actors])
    maps = _inverse(place)
    linear = maps[:, :, :2] / SUPERSAMPLE
    shift = maps[:, :, 2] - linear.sum(axis=2) * _CENTRE
    # From u in 0 .. 1 and v in -1 .. 1 to texels.
    table = np.concatenate([linear, shift[..., None]], axis=2)
    table[:, 1, 2] += 1.0
    table *= np.array([TEXELS, TEXELS / 2])[:, None]
    numbers = canvas.numbers
    m = table.reshape(-1, 6).astype(np.float32)[numbers]
    rows, columns = (index.astype(np.float32) for index in np.divmod(canvas.drawn, fine_width))
    u = (m[:, 0] * columns + m[:, 1] * rows + m[:, 2]).astype(np.int32)
    v = (m[:, 3] * columns + m[:, 4] * rows + m[:, 5]).astype(np.int32)
    np.clip(u, 0, TEXELS - 1, out=u)
    np.clip(v, 0, TEXELS - 1, out=v)
    colours = np.full((len(numbers), 4), 255, np.uint8)
    colours[:, :3] = textures.reshape(-1, 3)[(numbers * TEXELS + u) * TEXELS + v]
    return colours
