"""Where things are: the camera, the paths and what lies beside them.

World axes in metres: x along the walkway, y away from the camera, z up. The camera stands above
the origin and looks slightly along the walkway, so that it crosses the picture aslant.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = [
    "BRANCH",
    "FACADE",
    "FAR_PATH",
    "HEDGE",
    "MAIN_PATH",
    "SUN",
    "Camera",
    "on_path",
]

Points = npt.NDArray[np.float64]

MAIN_PATH = (7.0, 12.6)
"""y of the walkway's edges."""
FAR_PATH = (19.0, 21.4)
"""y of the edges of the path along the facade."""
BRANCH = (2.4, 5.0)
"""x of the edges of the path between the two."""
HEDGE = 22.0
"""y of the hedge's front."""
FACADE = 23.0
"""y of the facade."""
SUN = (0.75, 0.42)
"""How far the shadow of a point one metre high lies from it, in x and y."""


@dataclass(frozen=True)
class Camera:
    """A pinhole camera above the origin.

    Attributes:
        height, width: Frame size, pixels.
        elevation: Height above the ground, metres.
        pitch, yaw: Tilt down and turn towards +x, radians.
    """

    height: int
    width: int
    elevation: float = 4.3
    pitch: float = math.radians(18.5)
    yaw: float = math.radians(9.0)

    @property
    def focal(self) -> float:
        """Focal length, pixels."""
        return 1.5 * self.height

    @property
    def axes(self) -> Points:
        """(3, 3): unit vectors to the right, down in the image, and forward."""
        sin_p, cos_p = math.sin(self.pitch), math.cos(self.pitch)
        sin_y, cos_y = math.sin(self.yaw), math.cos(self.yaw)
        return np.array(
            [
                [cos_y, -sin_y, 0.0],
                [-sin_y * sin_p, -cos_y * sin_p, -cos_p],
                [sin_y * cos_p, cos_y * cos_p, -sin_p],
            ]
        )

    @property
    def centre(self) -> tuple[float, float]:
        """Principal point x, y, pixels; pixel centres are whole numbers."""
        return (self.width - 1) / 2, (self.height - 1) / 2

    def project(self, points: Points) -> tuple[Points, Points]:
        """Returns image points (..., 2) and depth along the optical axis (...) of (..., 3)."""
        seen = (points - np.array([0.0, 0.0, self.elevation])) @ self.axes.T
        depth = np.maximum(seen[..., 2], 0.5)
        image = seen[..., :2] * (self.focal / depth)[..., None] + np.array(self.centre)
        return image, depth

    def distance(self, points: Points) -> Points:
        """Returns the distance (...) of points (..., 3) from the camera, metres."""
        offset = points - np.array([0.0, 0.0, self.elevation])
        distance: Points = np.sqrt(np.einsum("...i,...i->...", offset, offset))
        return distance

    def rays(self, x: Points, y: Points) -> Points:
        """Returns directions (..., 3) of unit depth through image points."""
        local = np.stack(
            [
                (x - self.centre[0]) / self.focal,
                (y - self.centre[1]) / self.focal,
                np.ones_like(x),
            ],
            axis=-1,
        )
        directions: Points = local @ self.axes
        return directions

    def ground_span(self, y: float) -> tuple[float, float]:
        """Returns x of the ground points at distance y that lie on the frame's left and right."""
        sin_p, cos_p = math.sin(self.pitch), math.cos(self.pitch)
        sin_y, cos_y = math.sin(self.yaw), math.cos(self.yaw)
        ends = []
        for side in (-1, 1):
            slope = side * self.width / 2 / self.focal
            reach = y * cos_y * cos_p + self.elevation * sin_p
            ends.append((y * sin_y + slope * reach) / (cos_y - slope * sin_y * cos_p))
        return ends[0], ends[1]


def on_path(x: npt.ArrayLike, y: npt.ArrayLike, margin: float = 0.0) -> npt.NDArray[np.bool_]:
    """Whether ground points lie on paving, or within `margin` metres of it."""
    x, y = np.asarray(x), np.asarray(y)
    main = (y >= MAIN_PATH[0] - margin) & (y <= MAIN_PATH[1] + margin)
    far = (y >= FAR_PATH[0] - margin) & (y <= FAR_PATH[1] + margin)
    between = (y > MAIN_PATH[0]) & (y < FAR_PATH[1])
    branch = between & (x >= BRANCH[0] - margin) & (x <= BRANCH[1] + margin)
    return main | far | branch
