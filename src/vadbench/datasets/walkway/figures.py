"""Bodies, what people carry, and vehicles, as flat parts with joints in three dimensions.

A part is a patch with its own texture. A limb is spanned by two points and a half-width and faces
the camera; a plate (a wheel, a side of the cart) is spanned by three points. Local axes in metres:
forward, left, up, from the ground below the figure.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

__all__ = ["OUTLINES", "RING", "TEXELS", "Figure", "Gear", "Motion", "Style", "make_figure", "pose"]

Point = tuple[float, float, float]
Bgr = tuple[float, float, float]
Style = Literal["walk", "run", "ride", "skate", "sit"]
Gear = Literal["", "pram", "suitcase", "umbrella", "dog", "roll", "bicycle", "skateboard", "cart"]

TEXELS = 16
"""Side of a part's texture."""

LIMB, TORSO, ELLIPSE, BOX, SKIRT, RING = range(6)


def _outline(rim: Sequence[tuple[float, float]]) -> npt.NDArray[np.float64]:
    """Closes half an outline, (u, v) with v >= 0, by its mirror image."""
    return np.array([*rim, *((u, -v) for u, v in reversed(rim))])


_LIMB_RIM = [
    (0, 0.35), (0.03, 0.7), (0.1, 1), (0.4, 1), (0.7, 0.88), (0.9, 0.8), (0.97, 0.55), (1, 0.3),
]  # fmt: skip
_TORSO_RIM = [
    (0, 0.38), (0.03, 0.62), (0.07, 0.86), (0.14, 1), (0.4, 0.99), (0.7, 0.94),
    (0.97, 0.85), (1, 0.8),
]  # fmt: skip
_CIRCLE = [(0.5 - 0.5 * math.cos(a), math.sin(a)) for a in np.linspace(0.13, math.pi - 0.13, 8)]
OUTLINES = np.stack(
    [
        _outline(_LIMB_RIM),
        _outline(_TORSO_RIM),
        _outline(_CIRCLE),
        _outline([(u, 1.0) for u in np.linspace(0, 1, 8)]),
        _outline([(u, 0.62 + 0.38 * u) for u in np.linspace(0, 1, 8)]),
        _outline(_CIRCLE),
    ]
)  # fmt: skip
"""(shapes, 16, 2): each shape's outline in its own u (0 to 1) and v (-1 to 1), convex."""


@dataclass(frozen=True)
class Motion:
    """What a body does at one moment.

    Attributes:
        style: Kind of movement.
        phase: Of the gait or the cranks, radians.
        speed: Metres per second.
        travelled: Metres rolled, for wheels.
        gesture: Phase of the hands of somebody who stands and talks, radians.
    """

    style: Style
    phase: float
    speed: float
    travelled: float = 0.0
    gesture: float = 0.0


@dataclass(frozen=True)
class Figure:
    """The unchanging part of a figure.

    Attributes:
        height: Of the person, metres.
        gear: What the person carries, pushes or rides.
        shapes: (P,) index into `OUTLINES`.
        plates: (P,) whether the third point counts.
        halves: (P, 2) half-widths across, seen from the front and from the side, metres.
        slots: (P,) 0 for the person, 1 for what is an instance of its own.
        textures: (P, TEXELS, TEXELS, 3) uint8, BGR over u and v.
        classes: COCO category of each slot.
        talks: Whether the person moves the hands while standing.
    """

    height: float
    gear: Gear
    shapes: npt.NDArray[np.int64]
    plates: npt.NDArray[np.bool_]
    halves: npt.NDArray[np.float64]
    slots: npt.NDArray[np.int64]
    textures: npt.NDArray[np.uint8]
    classes: tuple[int, ...]
    talks: bool


@dataclass(frozen=True)
class _Look:
    """One part before the figure is put together."""

    shape: int
    half: float | tuple[float, float]
    bgr: Bgr
    pattern: str = "plain"
    second: Bgr = (0, 0, 0)
    plate: bool = False
    slot: int = 0


@dataclass
class _Parts:
    points: list[tuple[Point, Point, Point]] = field(default_factory=list)

    def limb(self, a: Point, b: Point) -> None:
        self.points.append((a, b, a))

    def plate(self, a: Point, b: Point, c: Point) -> None:
        self.points.append((a, b, c))


SKIN: tuple[Bgr, ...] = ((150, 178, 216), (120, 150, 196), (84, 112, 158), (56, 78, 116))
HAIR: tuple[Bgr, ...] = ((28, 30, 34), (36, 48, 66), (70, 104, 140), (120, 124, 126), (48, 52, 96))
CLOTH: tuple[Bgr, ...] = (
    (42, 40, 40), (74, 60, 52), (116, 76, 52), (150, 110, 70), (60, 58, 140), (48, 92, 150),
    (70, 110, 76), (128, 132, 134), (196, 198, 198), (216, 208, 190), (96, 160, 196),
    (110, 60, 96), (160, 140, 90), (52, 70, 88), (170, 96, 60),
)  # fmt: skip
TROUSERS: tuple[Bgr, ...] = (
    (46, 42, 40), (92, 66, 48), (112, 84, 62), (62, 62, 66), (104, 124, 142), (134, 136, 134),
    (52, 60, 72),
)  # fmt: skip
EXTRA_CLASS: dict[Gear, int] = {
    "suitcase": 33,
    "umbrella": 28,
    "dog": 18,
    "bicycle": 2,
    "skateboard": 41,
    "cart": 3,
}
STEEL: Bgr = (84, 82, 80)


def make_figure(rng: np.random.Generator, gear: Gear = "", *, child: bool = False) -> Figure:
    """Makes up a person: size, build, clothes, and what belongs to the gear."""
    height = (
        rng.uniform(1.05, 1.35) if child else float(np.clip(rng.normal(1.73, 0.08), 1.55, 1.92))
    )
    looks = _body_looks(rng, height) + _gear_looks(rng, gear)
    halves = [(e.half, e.half) if isinstance(e.half, float) else e.half for e in looks]
    return Figure(
        height=height,
        gear=gear,
        shapes=np.array([e.shape for e in looks]),
        plates=np.array([e.plate for e in looks]),
        halves=np.array(halves, np.float64),
        slots=np.array([e.slot for e in looks]),
        textures=np.stack([_texture(e, rng) for e in looks]),
        classes=(1, EXTRA_CLASS[gear]) if gear in EXTRA_CLASS else (1,),
        talks=bool(rng.uniform() < 0.6),
    )


def _pick(rng: np.random.Generator, colours: Sequence[Bgr]) -> Bgr:
    blue, green, red = colours[int(rng.integers(len(colours)))]
    light = rng.uniform(0.82, 1.15)
    return blue * light, green * light, red * light


def _texture(look: _Look, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Bakes colour, pattern, weave and the light on a round surface."""
    steps = (np.arange(TEXELS) + 0.5) / TEXELS
    u, v = np.meshgrid(steps, 2 * steps - 1, indexing="ij")
    first, second = np.array(look.bgr), np.array(look.second)
    share = {
        "plain": np.zeros_like(u),
        "stripes": (np.floor(u * 6) % 2 == 1).astype(float),
        "open": (np.abs(v) < 0.22).astype(float),
        "yoke": (u < 0.3).astype(float),
        "print": ((u > 0.25) & (u < 0.5) & (np.abs(v) < 0.5)).astype(float),
        "end": (u > 0.8).astype(float),
        "sleeve": (u > 0.12).astype(float),
        "gores": (np.floor((v + 1) * 3.5) % 2 == 1).astype(float),
    }[look.pattern][..., None]
    colour = (1 - share) * first + share * second
    light = 1 + 0.05 * rng.standard_normal(u.shape)
    if not look.plate:
        light *= 0.72 + 0.26 * np.sqrt(1 - v**2) + 0.15 * v - 0.06 * u
    return np.clip(np.round(colour * light[..., None]), 0, 255).astype(np.uint8)


def _body_looks(rng: np.random.Generator, h: float) -> list[_Look]:
    """Looks of the parts that `_body` places, in the same order."""
    skin, hair = SKIN[rng.choice(4, p=(0.45, 0.25, 0.18, 0.12))], _pick(rng, HAIR)
    top, second, legs = _pick(rng, CLOTH), _pick(rng, CLOTH), _pick(rng, TROUSERS)
    shoes = _pick(rng, ((34, 34, 36), (50, 60, 80), (190, 190, 188)))
    pattern = str(
        rng.choice(["plain", "stripes", "open", "yoke", "print"], p=(0.4, 0.15, 0.2, 0.1, 0.15))
    )
    build = rng.uniform(0.9, 1.18)
    short_sleeves, bare_legs = rng.uniform() < 0.35, rng.uniform() < 0.2
    below = rng.choice(["none", "skirt", "coat"], p=(0.62, 0.2, 0.18))
    skirt_width = {"none": 0.0, "skirt": 0.115 * h, "coat": 0.12 * h * build}[str(below)]
    bag = rng.choice(["none", "backpack", "handbag"], p=(0.55, 0.27, 0.18))
    backpack = (0.085 * h, 0.055 * h) if bag == "backpack" else 0.0
    handbag = (0.035 * h, 0.085 * h) if bag == "handbag" else 0.0
    hat = rng.uniform() < 0.15
    sleeve = _Look(LIMB, 0.036 * h * build, top)
    forearm = _Look(LIMB, 0.029 * h, skin if short_sleeves else top, "end", skin)
    thigh = _Look(LIMB, 0.056 * h * build, legs)
    shin = _Look(LIMB, 0.041 * h, legs, "sleeve" if bare_legs else "plain", skin)
    foot = _Look(LIMB, 0.026 * h, shoes)
    return [
        _Look(ELLIPSE, (0.052 * h, 0.056 * h), skin),
        _Look(ELLIPSE, 0.058 * h, _pick(rng, CLOTH) if hat else hair),
        _Look(LIMB, 0.03 * h, skin),
        _Look(TORSO, (0.135 * h * build, 0.088 * h * build), top, pattern, second),
        _Look(LIMB, (0.1 * h * build, 0.082 * h * build), legs),
        sleeve, sleeve, forearm, forearm, thigh, thigh, shin, shin, foot, foot,
        _Look(SKIRT, (skirt_width, skirt_width * 0.9), top if below == "coat" else second),
        _Look(BOX, backpack, _pick(rng, CLOTH), "yoke", second),
        _Look(BOX, handbag, _pick(rng, CLOTH)),
    ]  # fmt: skip


def _walking_legs(
    motion: Motion, h: float
) -> tuple[list[tuple[Point, Point, Point, Point]], float]:
    """Hip, knee, ankle and toe of both legs, and the hip's height, from the gait.

    The lower foot stands on the ground. Thighs swing by the angle that makes the foot on the
    ground keep its place at the given speed.
    """
    running = motion.style == "run"
    reach = stride_length(motion.style, motion.speed, h) / (4 * 0.49 * h)
    swing = math.asin(min(reach * (0.62 if running else 1.0), 0.42 if not running else 0.8))
    amount = min(1.0, motion.speed / 0.8)
    flex = (1.55 if running else 0.85) * amount
    rest = 0.25 if running else 0.06
    chains, lowest = [], 0.0
    for side, phase in ((1, motion.phase), (-1, motion.phase + math.pi)):
        thigh = swing * math.sin(phase) + (0.12 if running else 0.02)
        shin = thigh - rest - flex * max(0.0, math.cos(phase + 0.2)) ** 1.5
        lateral = side * 0.052 * h
        knee = (0.245 * h * math.sin(thigh), -0.245 * h * math.cos(thigh))
        ankle = (knee[0] + 0.245 * h * math.sin(shin), knee[1] - 0.245 * h * math.cos(shin))
        tilt = 0.85 * shin
        toe = (ankle[0] + 0.13 * h * math.cos(tilt), ankle[1] + 0.13 * h * math.sin(tilt))
        lowest = min(lowest, ankle[1], toe[1] + 0.01 * h)
        chains.append((lateral, knee, ankle, toe))
    hip = 0.028 * h - lowest
    if running:
        hip += 0.045 * h * abs(math.sin(motion.phase + 0.5)) ** 2
    legs = [
        (
            (0.0, lateral, hip),
            (knee[0], lateral, hip + knee[1]),
            (ankle[0], lateral, hip + ankle[1]),
            (toe[0], lateral * 1.25, hip + toe[1]),
        )
        for lateral, knee, ankle, toe in chains
    ]
    return legs, hip


def stride_length(style: Style, speed: float, height: float) -> float:
    """Metres covered by two steps; longer for the fast and the tall."""
    if style == "run":
        return 2.35 * math.sqrt(max(speed, 0.2) / 3.2) * height / 1.73
    return 1.42 * math.sqrt(max(speed, 0.02) / 1.35) * math.sqrt(height / 1.73)


def _bend(hip: Point, ankle: Point, length: float, ahead: Point) -> Point:
    """The knee of a leg of two equal lengths between hip and ankle, bent towards `ahead`."""
    along = [b - a for a, b in zip(hip, ankle, strict=True)]
    reach = math.sqrt(sum(e * e for e in along))
    out = math.sqrt(max(length**2 - min(reach, 2 * length) ** 2 / 4, 0.0))
    dot = sum(e * f for e, f in zip(along, ahead, strict=True)) / reach**2
    across = [f - dot * e for e, f in zip(along, ahead, strict=True)]
    norm = math.sqrt(sum(e * e for e in across)) or 1.0
    x, y, z = (a + e / 2 + out * f / norm for a, e, f in zip(hip, along, across, strict=True))
    return x, y, z


def _placed_legs(
    hip: float, back: float, ankles: tuple[Point, Point], spread: float, h: float
) -> list[tuple[Point, Point, Point, Point]]:
    legs = []
    for side, ankle in zip((1, -1), ankles, strict=True):
        joint = (back, side * spread * h, hip)
        knee = _bend(joint, ankle, 0.25 * h, (1.0, 0.0, 0.25))
        toe = (ankle[0] + 0.12 * h, ankle[1] * 1.1, ankle[2] - 0.02 * h)
        legs.append((joint, knee, ankle, toe))
    return legs


def _body(figure: Figure, motion: Motion) -> _Parts:
    """Places the parts of the body: forward, left, up."""
    h, style, gear = figure.height, motion.style, figure.gear
    back, lean = 0.0, 0.03
    swing = 0.55 * min(1.0, motion.speed / 1.3)
    shoulders = [-swing * math.sin(motion.phase), swing * math.sin(motion.phase)]
    elbows, apart = [0.25, 0.25], 0.12
    if style == "ride":
        hip, back, lean = 0.98, -0.12, 0.55
        turn = motion.phase
        ankles = (
            (0.17 + 0.17 * math.cos(turn), 0.11, 0.38 + 0.17 * math.sin(turn)),
            (0.17 - 0.17 * math.cos(turn), -0.11, 0.38 - 0.17 * math.sin(turn)),
        )
        legs = _placed_legs(hip, back, ankles, 0.05, h)
        shoulders, elbows = [0.75, 0.75], [0.35, 0.35]
    elif style == "skate":
        hip, lean = 0.47 * h + 0.13, 0.22 + 0.1 * math.sin(motion.phase / 2)
        push = max(0.0, math.sin(motion.phase)) ** 0.7
        ankles = (
            (-0.02, 0.26, 0.2),
            (-0.05 + 0.22 * push, -0.26 - 0.32 * push, 0.2 - 0.14 * push),
        )
        legs = _placed_legs(hip, 0.0, ankles, 0.055, h)
        shoulders = [0.35 + 0.2 * math.sin(motion.phase), -0.3]
        elbows, apart = [0.35, 0.4], 0.6
    elif style == "sit":
        hip, lean = 0.86, -0.08
        ankles = ((0.5, 0.12, 0.42), (0.5, -0.12, 0.42))
        legs = _placed_legs(hip, back, ankles, 0.06, h)
        shoulders, elbows = [0.7, 0.7], [0.6, 0.6]
    else:
        legs, hip = _walking_legs(motion, h)
        if style == "run":
            lean = 0.2
            shoulders = [0.8 * s / max(swing, 1e-6) * 0.9 - 0.1 for s in shoulders]
            elbows = [1.5, 1.5]
    if gear == "pram":
        shoulders, elbows, lean = [0.5, 0.5], [0.55, 0.55], 0.1
    elif gear == "umbrella":
        shoulders[1], elbows[1] = 0.35, 2.2
    elif gear == "suitcase":
        shoulders[1], elbows[1] = -0.5, 0.05
    elif gear == "roll":
        shoulders[1], elbows[1] = 0.1, 1.2
    elif gear == "dog":
        shoulders[0], elbows[0] = 0.35, 0.7
    elif style == "walk" and motion.speed < 0.15 and figure.talks:
        shoulders[0] = 0.45 + 0.3 * math.sin(motion.gesture)
        elbows[0] = 1.3 + 0.7 * math.sin(1.7 * motion.gesture + 0.5)

    sin, cos = math.sin(lean), math.cos(lean)

    def up(length: float, ahead: float = 0.0) -> Point:
        return back + length * sin + ahead * cos, 0.0, hip + length * cos - ahead * sin

    parts = _Parts()
    parts.limb(up(0.475 * h, 0.022 * h), up(0.345 * h, 0.026 * h))
    parts.limb(up(0.485 * h, -0.012 * h), up(0.375 * h, -0.022 * h))
    parts.limb(up(0.36 * h), up(0.28 * h))
    parts.limb(up(0.315 * h), up(-0.02 * h))
    parts.limb(up(0.05 * h), up(-0.045 * h))
    hands, arms = [], []
    for side, shoulder, elbow in zip((1, -1), shoulders, elbows, strict=True):
        x, _, z = up(0.275 * h)
        out = side * 0.17 * h * math.sin(apart)
        joint = (x, side * 0.135 * h, z)
        middle = (
            x + 0.17 * h * math.sin(shoulder),
            joint[1] + out + side * 0.012 * h,
            z - 0.17 * h * math.cos(shoulder) * math.cos(apart),
        )
        hand = (
            middle[0] + 0.2 * h * math.sin(shoulder + elbow),
            middle[1] + out,
            middle[2] - 0.2 * h * math.cos(shoulder + elbow) * math.cos(apart),
        )
        arms.append((joint, middle))
        hands.append((middle, hand))
    for a, b in (*arms, *hands):
        parts.limb(a, b)
    for first in range(3):
        for leg in legs:
            start = leg[first]
            if first == 2:
                start = (start[0] - 0.025 * h, start[1], start[2] - 0.008 * h)
            parts.limb(start, leg[first + 1])
    hem = [(legs[0][1][i] + legs[1][1][i]) / 2 for i in range(3)]
    parts.limb(up(0.06 * h), (hem[0], hem[1], hem[2] + 0.02))
    parts.limb(up(0.28 * h, -0.115 * h), up(0.06 * h, -0.11 * h))
    x, y, z = hands[1][1]
    parts.limb((x, y, z), (x, y, z - 0.13 * h))
    return parts


def _gear_looks(rng: np.random.Generator, gear: Gear) -> list[_Look]:
    """Looks of the parts that `_gear` places, in the same order."""
    paint, dark = _pick(rng, CLOTH), (38.0, 38.0, 40.0)
    match gear:
        case "pram":
            wheel = _Look(RING, 0.0, dark, plate=True)
            rod = _Look(LIMB, 0.025, STEEL)
            return [
                _Look(BOX, (0.2, 0.17), paint),
                _Look(ELLIPSE, (0.23, 0.3), paint, "gores", _pick(rng, CLOTH)),
                rod, rod, rod, wheel, wheel, wheel, wheel,
            ]  # fmt: skip
        case "suitcase":
            rod = _Look(LIMB, 0.018, STEEL, slot=1)
            return [_Look(BOX, (0.2, 0.14), paint, "stripes", dark, slot=1), rod]
        case "umbrella":
            size = float(rng.uniform(0.48, 0.6))
            return [
                _Look(LIMB, 0.015, STEEL, slot=1),
                _Look(ELLIPSE, size, paint, "gores", _pick(rng, CLOTH), slot=1),
            ]
        case "dog":
            coat = _pick(rng, ((60, 84, 112), (40, 40, 42), (130, 150, 168), (190, 196, 200)))
            leg = _Look(LIMB, 0.035, coat, slot=1)
            return [
                _Look(LIMB, 0.12, coat, slot=1), _Look(LIMB, 0.085, coat, slot=1),
                leg, leg, leg, leg,
                _Look(LIMB, 0.028, coat, slot=1), _Look(LIMB, 0.009, dark, slot=1),
            ]  # fmt: skip
        case "roll":
            return [_Look(LIMB, float(rng.uniform(0.045, 0.075)), paint)]
        case "bicycle":
            wheel = _Look(RING, 0.0, dark, plate=True, slot=1)
            spoke = _Look(LIMB, 0.008, STEEL, slot=1)
            tube = _Look(LIMB, 0.026, paint, slot=1)
            bar = _Look(LIMB, 0.022, dark, slot=1)
            return [
                wheel,
                wheel,
                *[spoke] * 4,
                *[tube] * 6,
                bar,
                bar,
                _Look(LIMB, 0.05, dark, slot=1),
            ]
        case "skateboard":
            wheel = _Look(ELLIPSE, 0.0, (200, 204, 206), plate=True, slot=1)
            return [
                _Look(BOX, 0.0, paint, plate=True, slot=1),
                _Look(LIMB, 0.03, paint, slot=1),
            ] + [wheel] * 2
        case "cart":
            body, shade = (208.0, 212.0, 214.0), (150.0, 154.0, 158.0)
            side = _Look(BOX, 0.0, body, "sleeve", paint, plate=True, slot=1)
            roof = _Look(BOX, 0.0, body, plate=True, slot=1)
            edge = _Look(BOX, 0.0, shade, plate=True, slot=1)
            post = _Look(LIMB, 0.035, (70, 70, 72), slot=1)
            wheel = _Look(ELLIPSE, 0.0, dark, plate=True, slot=1)
            return [
                side, side, side, side, edge, edge, edge, edge, edge, edge,
                roof, edge, edge, edge, edge,
                *[post] * 4, *[wheel] * 4, *[replace(post, half=0.05)] * 2,
            ]  # fmt: skip
    return []


def _wheel(parts: _Parts, centre: Point, radius: float, angle: float) -> None:
    x, y, z = centre
    ahead, up = radius * math.cos(angle), radius * math.sin(angle)
    start = (x - ahead, y, z + up)
    parts.plate(start, (x + ahead, y, z - up), (start[0] + up, y, start[2] + ahead))


def _cuboid(
    parts: _Parts, x: tuple[float, float], y: tuple[float, float], z: tuple[float, float]
) -> None:
    """Right, left, rear, front and top sides; u runs down the upright ones."""
    (x0, x1), (y0, y1), (z0, z1) = x, y, z
    xm, ym = (x0 + x1) / 2, (y0 + y1) / 2
    parts.plate((xm, y0, z1), (xm, y0, z0), (x1, y0, z1))
    parts.plate((xm, y1, z1), (xm, y1, z0), (x1, y1, z1))
    parts.plate((x0, ym, z1), (x0, ym, z0), (x0, y1, z1))
    parts.plate((x1, ym, z1), (x1, ym, z0), (x1, y1, z1))
    parts.plate((x0, ym, z1), (x1, ym, z1), (x0, y1, z1))


def _gear(parts: _Parts, figure: Figure, motion: Motion) -> None:
    """Places what belongs to the gear: forward, left, up."""
    h, turn = figure.height, motion.travelled
    limb = parts.limb
    match figure.gear:
        case "pram":
            limb((0.62, 0, 0.86), (1.3, 0, 0.62))
            limb((1.18, 0, 1.16), (1.08, 0, 0.66))
            limb((0.42, 0, 1.0), (1.2, 0.0, 0.3))
            limb((0.7, 0.2, 0.66), (1.25, 0.2, 0.22))
            limb((1.2, -0.2, 0.66), (0.72, -0.2, 0.22))
            for x, y in ((0.7, -0.24), (1.26, -0.24), (0.7, 0.24), (1.26, 0.24)):
                _wheel(parts, (x, y, 0.14), 0.14, turn / 0.14)
        case "suitcase":
            limb((-0.48, -0.18, 0.74), (-0.72, -0.18, 0.1))
            limb((-0.26, -0.18, 0.42 * h), (-0.46, -0.18, 0.74))
        case "umbrella":
            limb((0.2, -0.14 * h, h + 0.3), (0.22, -0.15 * h, 0.7 * h))
            limb((0.16, -0.1 * h, h + 0.36), (0.16, -0.1 * h, h - 0.04))
        case "dog":
            gait = 2 * math.pi * turn / 0.62
            limb((0.55, 0.55, 0.43), (1.08, 0.55, 0.45))
            limb((1.12, 0.55, 0.6), (1.32, 0.55, 0.55))
            for x, beat in ((0.6, 0.0), (1.05, math.pi)):
                for y, half in ((0.5, 0.0), (0.6, math.pi)):
                    angle = 0.5 * math.sin(gait + beat + half) * min(1, motion.speed / 0.5)
                    limb((x, y, 0.4), (x + 0.37 * math.sin(angle), y, 0.4 - 0.37 * math.cos(angle)))
            wag = 0.1 * math.sin(motion.gesture * 3)
            limb((0.5, 0.55, 0.5), (0.32, 0.55 + wag, 0.7))
            limb((0.3, 0.2 * h, 0.52 * h), (1.05, 0.55, 0.55))
        case "roll":
            limb((-0.75, -0.17 * h, 0.55 * h), (0.95, -0.17 * h, 0.66 * h))
        case "bicycle":
            rear, front, radius = (-0.4, 0.0, 0.34), (0.68, 0.0, 0.34), 0.34
            for hub in (rear, front):
                _wheel(parts, hub, radius, turn / radius)
            for hub in (rear, front):
                for extra in (0.0, math.pi / 2):
                    angle = turn / radius + extra
                    x, z = radius * 0.9 * math.cos(angle), radius * 0.9 * math.sin(angle)
                    limb((hub[0] - x, 0, hub[2] + z), (hub[0] + x, 0, hub[2] - z))
            crank, saddle, head = (0.17, 0.0, 0.32), (-0.06, 0.0, 0.86), (0.5, 0.0, 0.86)
            for a, b in (
                (saddle, crank), (head, crank), (saddle, head),
                (saddle, rear), (crank, rear), (head, front),
            ):  # fmt: skip
                limb(a, b)
            limb(head, (0.46, 0, 1.02))
            limb((0.46, 0.26, 1.04), (0.46, -0.26, 1.04))
            limb((-0.2, 0, 0.92), (0.04, 0, 0.92))
        case "skateboard":
            parts.plate((-0.42, 0, 0.12), (0.42, 0, 0.12), (-0.42, 0.12, 0.12))
            limb((-0.42, 0, 0.12), (0.42, 0, 0.12))
            for x in (-0.27, 0.27):
                _wheel(parts, (x, -0.1, 0.05), 0.05, turn / 0.05)
        case "cart":
            _cuboid(parts, (-1.05, 1.15), (-0.58, 0.58), (0.22, 0.62))
            _cuboid(parts, (-1.05, -0.3), (-0.56, 0.56), (0.62, 0.86))
            roof = (-0.95, 0.75), (-0.6, 0.6), (1.86, 1.94)
            scratch = _Parts()
            _cuboid(scratch, *roof)
            parts.points.extend(scratch.points[-1:] + scratch.points[:-1])
            for x, y in ((-0.9, -0.55), (-0.9, 0.55), (0.7, -0.55), (0.7, 0.55)):
                limb((x, y, 1.88), (x + (0.25 if x > 0 else 0), y, 0.6))
            for x, y in ((-0.7, -0.6), (0.8, -0.6), (-0.7, 0.6), (0.8, 0.6)):
                _wheel(parts, (x, y, 0.24), 0.24, turn / 0.24)
            limb((0.62, 0.2, 1.06), (1.02, 0.2, 0.62))
            limb((-0.32, -0.5, 1.15), (-0.32, 0.5, 1.15))


def pose(figure: Figure, motion: Motion) -> npt.NDArray[np.float64]:
    """Places all parts of a figure.

    Returns:
        (P, 3, 3): the points where (u, v) is (0, 0), (1, 0) and (0, 1), the last for plates only;
        forward, left, up in metres from the ground below the figure.
    """
    body = _body(figure, motion)
    if motion.style == "skate":
        # A skater stands across the board.
        turn = math.radians(-68)
        sin, cos = math.sin(turn), math.cos(turn)
        body.points = [
            tuple((x * cos - y * sin, x * sin + y * cos, z) for x, y, z in part)  # type: ignore[misc]
            for part in body.points
        ]
    _gear(body, figure, motion)
    return np.array(body.points, np.float64)
