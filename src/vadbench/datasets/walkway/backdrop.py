"""The camera and the static part of the scene: ground, lawn, facade, trees, lamp posts.

World axes in metres: x along the walkway, y away from the camera, z up. The camera stands above
the origin. The backdrop is drawn once per clip by intersecting a ray per subpixel with ground and
facade; it depends on the seed and the image size alone, so that all clips share it.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from vadbench.datasets.walkway.layout import (
    BRANCH,
    FACADE,
    HEDGE,
    MAIN_PATH,
    SUN,
    Camera,
    on_path,
)

__all__ = ["MARGIN", "SUPERSAMPLE", "Backdrop", "draw_backdrop"]

SUPERSAMPLE = 3
"""Subpixels per pixel side; odd, so that one of them is the pixel's centre."""
MARGIN = 8
"""Pixels that the backdrop is larger than the frame on each side, for the camera's sway."""

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Backdrop:
    """The empty scene, larger than a frame by `MARGIN` pixels on each side.

    Attributes:
        image: (H + 2m, W + 2m, 3) float32, BGR 0 to 255.
        depth: (H + 2m, W + 2m) float32, metres.
        standing: (3 (H + 2m), 3 (W + 2m)) float32, depth of trees and posts that can hide a
            pedestrian, per subpixel, metres; infinite elsewhere.
    """

    image: Array
    depth: Array
    standing: Array


def draw_backdrop(camera: Camera, rng: np.random.Generator) -> Backdrop:
    """Draws the empty scene.

    Args:
        camera: Gives the view and the frame size.
        rng: Decides textures and the places of trees.
    """
    scale = SUPERSAMPLE
    rows = (np.arange((camera.height + 2 * MARGIN) * scale) - scale // 2) / scale - MARGIN
    columns = (np.arange((camera.width + 2 * MARGIN) * scale) - scale // 2) / scale - MARGIN
    rays = camera.rays(*np.meshgrid(columns, rows))
    grain = _tile(rng, 512, (2, 4, 8, 32, 128), (1.0, 1.0, 0.8, 0.7, 0.8))
    mottle = _tile(rng, 512, (16, 48, 128), (0.6, 1.0, 1.0))

    falling = rays[..., 2] < -1e-3
    to_ground = np.where(falling, camera.elevation / np.maximum(-rays[..., 2], 1e-3), np.inf)
    to_facade = FACADE / rays[..., 1]
    to_hedge = HEDGE / rays[..., 1]
    hedge_x = to_hedge * rays[..., 0]
    hedge_top = 0.95 + 0.22 * _sample(mottle, hedge_x * 40, hedge_x * 0 + 7)
    hedge_z = camera.elevation + to_hedge * rays[..., 2]
    is_hedge = (
        (to_hedge < to_ground)
        & (hedge_z < hedge_top)
        & ~((hedge_x > BRANCH[0]) & (hedge_x < BRANCH[1]))
    )
    is_facade = ~is_hedge & (to_facade < to_ground)
    along = np.where(is_hedge, to_hedge, np.where(is_facade, to_facade, to_ground))
    points = rays * along[..., None]
    points[..., 2] += camera.elevation
    x, y, z = points[..., 0], points[..., 1], points[..., 2]

    image = _ground(x, y, grain, mottle, rng)
    image[is_facade] = _facade(x[is_facade], z[is_facade], grain, mottle, rng)
    image[is_hedge] = _hedge(x[is_hedge], z[is_hedge], grain, mottle)
    depth = (along * np.linalg.norm(rays, axis=-1)).astype(np.float32)
    standing = np.full(depth.shape, np.inf, np.float32)
    _plant(camera, image, standing, grain, rng)

    small = (camera.width + 2 * MARGIN, camera.height + 2 * MARGIN)
    image = cv2.resize(np.clip(image, 0, 255), small, interpolation=cv2.INTER_AREA)
    centre = np.minimum(depth, standing)[scale // 2 :: scale, scale // 2 :: scale]
    return Backdrop(image, np.ascontiguousarray(centre), standing)


def _tile(
    rng: np.random.Generator, size: int, cells: tuple[int, ...], weights: tuple[float, ...]
) -> Array:
    """A periodic noise texture of mean 0 and deviation 1; `cells` are its grain sizes."""
    total = np.zeros((size, size), np.float32)
    for cell, weight in zip(cells, weights, strict=True):
        coarse = rng.standard_normal((size // cell, size // cell)).astype(np.float32)
        padded = np.pad(coarse, 2, mode="wrap")
        fine = cv2.resize(padded, None, fx=cell, fy=cell, interpolation=cv2.INTER_CUBIC)
        total += weight * fine[2 * cell : 2 * cell + size, 2 * cell : 2 * cell + size]
    return (total - total.mean()) / total.std()


def _sample(tile: Array, u: npt.ArrayLike, v: npt.ArrayLike) -> Array:
    """Nearest texels of a periodic texture at any coordinates, in texels."""
    rows = np.floor(np.asarray(v)).astype(np.int64) % tile.shape[0]
    columns = np.floor(np.asarray(u)).astype(np.int64) % tile.shape[1]
    return tile[rows, columns]


def _colour(bgr: tuple[float, float, float], light: npt.ArrayLike) -> Array:
    return np.asarray(light, np.float32)[..., None] * np.array(bgr, np.float32)


def _ground(
    x: npt.NDArray[np.float64],
    y: npt.NDArray[np.float64],
    grain: Array,
    mottle: Array,
    rng: np.random.Generator,
) -> Array:
    """Slabs in courses on the paths, a kerb at their edges, grass beside them."""
    x, y = np.clip(x, -80, 80), np.clip(y, 0, 80)
    fine, broad = _sample(grain, x * 60, y * 60), _sample(mottle, x * 24, y * 24)
    blades = _sample(grain, x * 55 + 91, y * 18 + 13)
    dry = np.clip(0.5 + 0.5 * broad, 0, 1)[..., None]
    lawn = (1 - dry) * _colour((58, 112, 84), 1 + 0.16 * blades + 0.05 * fine)
    lawn += dry * _colour((74, 124, 112), 1 + 0.16 * blades + 0.05 * fine)

    course = np.floor(y / 0.9)
    shifted = x / 1.35 + 0.5 * (course % 2)
    tone = rng.standard_normal((64, 64)).astype(np.float32)
    slab = tone[course.astype(int) % 64, np.floor(shifted).astype(int) % 64]
    to_joint = np.minimum(
        0.5 * 0.9 - np.abs(y - (course + 0.5) * 0.9),
        1.35 * (0.5 - np.abs(shifted - np.floor(shifted) - 0.5)),
    )
    joint = np.clip(1 - to_joint / 0.035, 0, 1)
    worn = 1 + 0.055 * slab + 0.035 * fine + 0.06 * broad - 0.30 * joint
    paving = _colour((150, 158, 163), worn)

    inside, kerb = on_path(x, y), on_path(x, y, 0.16)
    image = np.where(inside[..., None], paving, lawn)
    image = np.where((kerb & ~inside)[..., None], _colour((168, 174, 178), 1 + 0.04 * fine), image)
    # Soil below the hedge and the dusk at the foot of the facade.
    shade = np.clip((HEDGE - y) / 0.6, 0.45, 1)
    image *= shade[..., None]
    return image.astype(np.float32)


def _facade(
    x: npt.NDArray[np.float64],
    z: npt.NDArray[np.float64],
    grain: Array,
    mottle: Array,
    rng: np.random.Generator,
) -> Array:
    """A brick wall with a plinth, rows of windows and a door at the end of the branch."""
    x = np.clip(x, -80, 80)
    course = np.floor(z / 0.28)
    shifted = x / 0.75 + 0.5 * (course % 2)
    tone = rng.standard_normal((64, 64)).astype(np.float32)
    brick = tone[course.astype(int) % 64, np.floor(shifted).astype(int) % 64]
    broad = _sample(mottle, x * 20, z * 20)
    image = _colour((92, 104, 138), 1 + 0.08 * brick + 0.07 * broad)
    image[z < 0.7] = _colour((120, 124, 126), 1 + 0.05 * broad)[z < 0.7]

    period, width = 2.9, 1.7
    bay = np.floor(x / period)
    across = x - (bay + 0.5) * period
    storey = np.floor((z - 1.1) / 3.1)
    up = z - 1.1 - storey * 3.1
    window = (np.abs(across) < width / 2) & (up > 0) & (up < 1.6) & (z > 1.1)
    frame = window & (
        (np.abs(across) > width / 2 - 0.1)
        | (up < 0.1)
        | (up > 1.5)
        | (np.abs(np.abs(across) - 0.02) < 0.05)
    )
    curtain = tone[(bay.astype(int) * 7) % 64, (storey.astype(int) * 5 + 3) % 64]
    glass = _colour((104, 88, 74), 0.85 + 0.22 * np.tanh(curtain) + 0.22 * up)
    image[window] = glass[window]
    image[frame] = _colour((186, 190, 192), np.ones_like(x))[frame]
    sill = (np.abs(across) < width / 2 + 0.1) & (up < 0) & (up > -0.12)
    image[sill] = _colour((160, 166, 170), np.ones_like(x))[sill]

    middle = (BRANCH[0] + BRANCH[1]) / 2
    door = (np.abs(x - middle) < 1.15) & (z < 2.5)
    surround = (np.abs(x - middle) < 1.35) & (z < 2.7)
    leaf = np.abs(np.abs(x - middle) - 0.55) < 0.45
    image[surround] = _colour((168, 172, 176), np.ones_like(x))[surround]
    image[door] = _colour((66, 62, 70), 1 + 0.35 * (leaf & (z > 0.9) & (z < 2.2)))[door]
    return image


def _hedge(
    x: npt.NDArray[np.float64], z: npt.NDArray[np.float64], grain: Array, mottle: Array
) -> Array:
    leaves = _sample(grain, x * 45 + 31, z * 45)
    light = 0.62 + 0.42 * np.clip(z, 0, 1) + 0.17 * leaves + 0.06 * _sample(mottle, x * 30, z * 30)
    return _colour((44, 86, 60), np.clip(light, 0.2, 1.6))


def _plant(
    camera: Camera, image: Array, standing: Array, grain: Array, rng: np.random.Generator
) -> None:
    """Puts trees on the lawn and lamp posts at the kerb, with the shade they cast."""
    trees = [
        (x + rng.uniform(-0.6, 0.6), y + rng.uniform(-0.5, 0.5), rng.uniform(0.85, 1.1))
        for x, y in ((-4.6, 16.2), (8.4, 16.4), (14.5, 17.2), (-11.5, 17.0))
    ]
    lamps = [(-1.2, MAIN_PATH[1] + 0.45), (6.9, MAIN_PATH[1] + 0.45), (-9.3, MAIN_PATH[1] + 0.45)]
    shade = np.ones(image.shape[:2], np.float32)
    for x, y, size in trees:
        _cast(camera, shade, x, y, 3.6 * size, 1.7 * size, 0.62)
    for x, y in lamps:
        _cast_pole(camera, shade, x, y, 4.6)
    image *= cv2.GaussianBlur(shade, (0, 0), 2.0)[..., None]
    for x, y, size in sorted(trees, key=lambda tree: -tree[1]):
        _tree(camera, image, standing, grain, rng, x, y, size)
    for x, y in lamps:
        _lamp(camera, image, standing, x, y)


def _subpixels(camera: Camera, points: npt.ArrayLike) -> npt.NDArray[np.int32]:
    """Positions of world points (N, 3) in the supersampled backdrop, in 1/16 subpixel."""
    image, _ = camera.project(np.asarray(points, np.float64))
    fine = (image + MARGIN) * SUPERSAMPLE + SUPERSAMPLE // 2
    return np.round(np.clip(fine, -4000, 8000) * 16).astype(np.int32)


def _cast(
    camera: Camera, shade: Array, x: float, y: float, height: float, radius: float, light: float
) -> None:
    angles = np.linspace(0, 2 * math.pi, 40)
    x, y = x + SUN[0] * height, y + SUN[1] * height
    wavy = radius * (1 + 0.14 * np.sin(5 * angles) + 0.08 * np.sin(11 * angles + 1))
    rim = np.stack([x + wavy * np.cos(angles), y + wavy * np.sin(angles), 0 * angles], -1)
    cv2.fillPoly(shade, [_subpixels(camera, rim)], light, cv2.LINE_8, 4)


def _cast_pole(camera: Camera, shade: Array, x: float, y: float, height: float) -> None:
    end = (x + SUN[0] * height, y + SUN[1] * height)
    strip = [
        (x - 0.05, y, 0),
        (x + 0.05, y, 0),
        (end[0] + 0.05, end[1], 0),
        (end[0] - 0.05, end[1], 0),
    ]
    cv2.fillPoly(shade, [_subpixels(camera, strip)], 0.7, cv2.LINE_8, 4)


def _stand(
    camera: Camera,
    image: Array,
    standing: Array,
    outline: npt.ArrayLike,
    bgr: tuple[float, float, float],
    light: float = 1.0,
    texture: Array | None = None,
) -> None:
    """Paints an upright polygon (N, 3) and notes its distance."""
    outline = np.asarray(outline, np.float64)
    corners = _subpixels(camera, outline)
    height, width = image.shape[:2]
    left, top = np.maximum(corners.min(axis=0) // 16 - 1, 0)
    right, bottom = np.minimum(corners.max(axis=0) // 16 + 2, (width, height))
    if left >= right or top >= bottom:
        return
    mask = np.zeros((bottom - top, right - left), np.uint8)
    cv2.fillPoly(mask, [corners - np.array([left, top]) * 16], 1, cv2.LINE_8, 4)
    inside = mask > 0
    shade: Array | float = light
    if texture is not None:
        rows, columns = np.nonzero(inside)
        shade = np.clip(light + _sample(texture, columns + left, rows + top), 0.25, 1.7)
    image[top:bottom, left:right][inside] = _colour(bgr, shade)
    standing[top:bottom, left:right][inside] = camera.distance(outline.mean(axis=0))


def _tree(
    camera: Camera,
    image: Array,
    standing: Array,
    grain: Array,
    rng: np.random.Generator,
    x: float,
    y: float,
    size: float,
) -> None:
    trunk = [
        (x - 0.16 * size, y, 0),
        (x + 0.16 * size, y, 0),
        (x + 0.1 * size, y, 2.6 * size),
        (x - 0.1 * size, y, 2.6 * size),
    ]
    leaves, bark = 0.13 * grain, 0.16 * np.repeat(grain, 4, axis=0)
    _stand(camera, image, standing, trunk, (52, 66, 80), 1.0, bark)
    angles = np.linspace(0, 2 * math.pi, 14)[:-1]
    for _ in range(75):
        direction, out = rng.uniform(0, 2 * math.pi), math.sqrt(rng.uniform())
        across, up = (
            1.35 * size * out * math.cos(direction),
            1.15 * size * out * math.sin(direction),
        )
        radius = size * rng.uniform(0.16, 0.34)
        light = 0.82 + 0.24 * (up - across) / size + rng.uniform(-0.13, 0.13)
        rim = [
            (x + across + radius * math.cos(a), y, 3.35 * size + up + radius * math.sin(a))
            for a in angles
        ]
        _stand(camera, image, standing, rim, (46, 104, 76), light, leaves)


def _lamp(camera: Camera, image: Array, standing: Array, x: float, y: float) -> None:
    for half, low, high in ((0.11, 0.0, 0.35), (0.055, 0.35, 4.4), (0.2, 4.4, 4.75)):
        post = [(x - half, y, low), (x + half, y, low), (x + half, y, high), (x - half, y, high)]
        _stand(camera, image, standing, post, (78, 76, 72))
