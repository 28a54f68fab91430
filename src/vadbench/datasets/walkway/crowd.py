"""Who walks where: the normal crowd, and the anomalies of a test clip.

The crowd is simulated frame by frame. Training and test clips draw it from one distribution; a
test clip adds people who do one of `ANOMALY_KINDS` in planned intervals.
"""

import math
from dataclasses import dataclass

import numpy as np

from vadbench.datasets.walkway.figures import (
    Figure,
    Gear,
    Motion,
    Style,
    make_figure,
    stride_length,
)
from vadbench.datasets.walkway.layout import BRANCH, FAR_PATH, MAIN_PATH, Camera, on_path
from vadbench.datasets.walkway.settings import ANOMALY_KINDS, WalkwaySettings

__all__ = ["Actor", "Crowd", "Event", "plan_events"]

Place = tuple[float, float]

_GEARS: tuple[Gear, ...] = ("", "pram", "suitcase", "umbrella", "dog", "roll")
_GEAR_SHARES = (0.62, 0.09, 0.08, 0.08, 0.08, 0.05)
_OUTSIDE = 1.6
"""Metres beyond the picture at which people appear and vanish."""
_WARM_UP = 25.0
"""Seconds of simulation before the first frame."""


@dataclass(frozen=True)
class Event:
    """A planned anomaly; what is visible decides the labels.

    Attributes:
        kind: Index into `ANOMALY_KINDS`.
        start, stop: First frame, and the frame after the last, in which it may begin anew.
    """

    kind: int
    start: int
    stop: int


def plan_events(settings: WalkwaySettings, number: int) -> list[Event]:
    """Plans the anomalies of a test clip: two events of different kinds, in disjoint intervals.

    Kinds are dealt like cards, so that three consecutive clips show all six.

    Args:
        settings: The scene.
        number: The clip's place among the test clips, from 0.
    """
    round_, seat = divmod(number, 3)
    deal = np.random.default_rng(np.random.SeedSequence([settings.seed, 3, round_]))
    kinds = deal.permutation(len(ANOMALY_KINDS)).reshape(3, 2)[seat]
    rng = np.random.default_rng(np.random.SeedSequence([settings.seed, 4, number]))
    frames = settings.frames
    lengths = [max(4, round(frames * rng.uniform(0.15, 0.2))) for _ in kinds]
    before, between = max(6, round(0.07 * frames)), round(0.1 * frames)
    slack = max(0, frames - before - between - sum(lengths))
    # Who enters late in an interval is still there after it: most of the slack goes to the end.
    shares = rng.dirichlet((1.0, 1.0, 2.0)) * slack
    first = before + int(shares[0])
    second = min(first + lengths[0] + between + int(shares[1]), frames - 4)
    return [
        Event(int(kinds[0]), first, first + lengths[0]),
        Event(int(kinds[1]), second, min(second + lengths[1], frames)),
    ]


@dataclass(eq=False)
class Actor:
    """A person on the move, with what belongs to them; `number` is unique in a clip."""

    number: int
    figure: Figure
    style: Style
    place: Place
    heading: float
    pace: float
    route: list[Place]
    phase: float
    kind: int = -1
    event: Event | None = None
    rest: tuple[int, int] = (0, 0)
    patience: int = 0
    speed: float = 0.0
    travelled: float = 0.0
    gesture: float = 0.0
    gone: bool = False
    abnormal: bool = False

    @property
    def motion(self) -> Motion:
        """What the body does now."""
        return Motion(self.style, self.phase, self.speed, self.travelled, self.gesture)


class Crowd:
    """Simulates everybody of a clip; `step` moves on by one frame.

    Args:
        settings: The scene.
        camera: Decides where people enter and leave.
        rng: The clip's own generator.
        events: Planned anomalies, none for a training clip.
    """

    def __init__(
        self,
        settings: WalkwaySettings,
        camera: Camera,
        rng: np.random.Generator,
        events: list[Event],
    ) -> None:
        self._camera, self._rng, self._events = camera, rng, events
        self._step = 1.0 / settings.fps
        self._fps = settings.fps
        # Somebody is in view for 14 seconds on average, and a group has 1.4 people.
        self._rate = settings.pedestrians * rng.uniform(0.7, 1.3) / (14.5 * 1.4)
        self._wave = rng.uniform(0, 2 * math.pi), rng.uniform(9, 20)
        self._frame = -round(_WARM_UP * settings.fps)
        self._entered = 0
        self.actors: list[Actor] = []
        if rng.uniform() < 0.45:
            self._stand_together()
        while self._frame < 0:
            self.step()

    # -- entries ---------------------------------------------------------------------------

    def _edge(self, y: float, side: int) -> float:
        """X just outside the picture on the left (-1) or right (1), at distance y."""
        left, right = self._camera.ground_span(y)
        return left - _OUTSIDE if side < 0 else right + _OUTSIDE

    def _lane(self, path: tuple[float, float], margin: float = 0.45) -> float:
        # More people keep to the camera's side.
        share = self._rng.uniform() ** 2.2
        return float(path[0] + margin + share * (path[1] - path[0] - 2 * margin))

    def _route(self) -> list[Place]:
        """Entry, turning points and exit of somebody normal."""
        rng = self._rng
        side = 1 if rng.uniform() < 0.5 else -1
        choice = rng.uniform()
        if choice < 0.72:
            start, end = self._lane(MAIN_PATH), self._lane(MAIN_PATH)
            end = start + float(np.clip(end - start, -1.6, 1.6))
            return [(self._edge(start, side), start), (self._edge(end, -side), end)]
        if choice < 0.84:
            start, end = self._lane(FAR_PATH), self._lane(FAR_PATH)
            return [(self._edge(start, side), start), (self._edge(end, -side), end)]
        near, far, x = self._lane(MAIN_PATH), self._lane(FAR_PATH), self._lane(BRANCH, 0.5)
        other = 1 if rng.uniform() < 0.5 else -1
        route = [
            (self._edge(near, side), near),
            (x + side * 0.8, near),
            (x, MAIN_PATH[1] + 0.8),
            (x, FAR_PATH[0] - 0.5),
            (x + other * 0.8, far),
            (self._edge(far, other), far),
        ]
        return route if rng.uniform() < 0.5 else route[::-1]

    def _enter(self) -> None:
        """Lets a single person or a group in, side by side."""
        rng = self._rng
        size = int(rng.choice([1, 2, 3], p=(0.68, 0.24, 0.08)))
        route, pace = self._route(), float(np.clip(rng.normal(1.32, 0.17), 0.9, 1.75))
        rest = (0, 0)
        if rng.uniform() < 0.16:
            start = self._frame + int(rng.uniform(2, 7) * self._fps)
            rest = (start, start + int(rng.uniform(2, 6) * self._fps))
        for member in range(size):
            across, along = (member - (size - 1) / 2) * 0.72, float(rng.uniform(-0.25, 0.25))
            child = size > 1 and member == 1 and rng.uniform() < 0.3
            gear: Gear = "" if child else _GEARS[rng.choice(len(_GEARS), p=_GEAR_SHARES)]
            places = [(x + along, y + across) for x, y in route]
            self._add(make_figure(rng, gear, child=child), "walk", places, pace, rest=rest)

    def _add(
        self,
        figure: Figure,
        style: Style,
        route: list[Place],
        pace: float,
        *,
        kind: int = -1,
        event: Event | None = None,
        rest: tuple[int, int] = (0, 0),
    ) -> None:
        (x, y), (next_x, next_y) = route[0], route[1]
        heading = math.atan2(next_y - y, next_x - x)
        self._entered += 1
        self.actors.append(
            Actor(
                self._entered, figure, style, (x, y), heading, pace, route[1:],
                phase=float(self._rng.uniform(0, 2 * math.pi)), kind=kind, event=event, rest=rest,
                speed=pace, gesture=float(self._rng.uniform(0, 2 * math.pi)),
            )
        )  # fmt: skip

    def _stand_together(self) -> None:
        """Two or three people who talk on the walkway all the time."""
        rng = self._rng
        y = self._lane(MAIN_PATH, 1.0)
        left, right = self._camera.ground_span(y)
        x, turn = rng.uniform(left + 1, right - 1), rng.uniform(0, 2 * math.pi)
        size = int(rng.integers(2, 4))
        for member in range(size):
            angle = turn + 2 * math.pi * member / size
            place = (x + 0.55 * math.cos(angle), y + 0.55 * math.sin(angle))
            self._add(make_figure(rng), "walk", [place, (x, y)], 0.0)
            self.actors[-1].route = []

    # -- anomalies -------------------------------------------------------------------------

    def _begin(self, event: Event) -> None:
        """Lets an abnormal person in. Riders and runners come from outside the picture."""
        rng, name = self._rng, ANOMALY_KINDS[event.kind]
        side = 1 if rng.uniform() < 0.5 else -1
        if rng.uniform() < 0.06 and name in ("cyclist", "skater", "runner"):
            y = self._lane(FAR_PATH, 0.7)
        else:
            y = float(rng.uniform(MAIN_PATH[0] + 1.8, MAIN_PATH[1] - 0.7))
        route = [
            (self._edge(y, side), y),
            (self._edge(y, -side), y + float(rng.uniform(-0.4, 0.4))),
        ]
        style: Style
        if name == "cyclist":
            figure, style, pace = make_figure(rng, "bicycle"), "ride", rng.uniform(2.4, 3.2)
        elif name == "skater":
            figure, style, pace = make_figure(rng, "skateboard"), "skate", rng.uniform(2.2, 2.8)
        elif name == "cart":
            figure, style, pace = make_figure(rng, "cart"), "sit", rng.uniform(1.9, 2.4)
        elif name == "runner":
            figure, style, pace = make_figure(rng), "run", rng.uniform(2.9, 3.5)
        elif name == "off_path":
            figure, style, pace = make_figure(rng), "walk", rng.uniform(1.6, 1.9)
            route = self._shortcut(side) if rng.uniform() < 0.5 else self._verge(side)
        else:
            figure, style, pace = make_figure(rng), "walk", rng.uniform(1.2, 1.5)
        self._add(figure, style, route, float(pace), kind=event.kind, event=event)

    def _shortcut(self, side: int) -> list[Place]:
        """From the path along the facade across the lawn to the walkway, or the other way."""
        rng = self._rng
        near, far = MAIN_PATH[1] - 0.6, self._lane(FAR_PATH)
        left, right = self._camera.ground_span(15.0)
        if side < 0:
            low, high = left + 1.0, BRANCH[0] - 1.2
        else:
            low, high = BRANCH[1] + 1.2, right - 1.0
        first, second = rng.uniform(low, high, 2)
        route = [
            (self._edge(far, side), far),
            (first, FAR_PATH[0] - 0.3),
            (second, 14.2),
            (0.5 * (first + second), MAIN_PATH[1] + 0.9),
            (second - side * 2.0, near),
            (self._edge(near, -side), near),
        ]
        return [(float(x), float(y)) for x, y in route]

    def _verge(self, side: int) -> list[Place]:
        """Along the grass on the camera's side, where it comes into the picture."""
        y = MAIN_PATH[0] - float(self._rng.uniform(0.45, 0.8))
        return [(self._edge(y, side), y), (self._edge(y, -side), y)]

    def _lead(self, event: Event) -> int:
        """Frames for which somebody behaves before the event begins."""
        name = ANOMALY_KINDS[event.kind]
        return round({"off_path": 3.5, "sudden_turn": 4.0}.get(name, 0.0) * self._fps)

    def _conduct_events(self) -> None:
        for event in self._events:
            if not event.start - self._lead(event) <= self._frame < event.stop:
                continue
            running = any(a.event is event for a in self.actors)
            late = self._frame > event.start and event.stop - self._frame < 2.0 * self._fps
            if not running and not late:
                self._begin(event)

    def _dart(self, actor: Actor) -> None:
        """Turns somebody around at once, into the picture."""
        rng = self._rng
        x, y = actor.place
        left, right = self._camera.ground_span(y)
        heading = actor.heading + math.pi + float(rng.uniform(-0.9, 0.9))
        ahead = (x + 1.6 * math.cos(heading), y + 1.6 * math.sin(heading))
        if not (
            left + 0.5 < ahead[0] < right - 0.5
            and MAIN_PATH[0] + 0.8 < ahead[1] < MAIN_PATH[1] - 0.4
        ):
            middle = ((left + right) / 2, MAIN_PATH[0] + 3.6)
            heading = math.atan2(middle[1] - y, middle[0] - x)
        actor.heading = heading
        actor.pace = float(rng.uniform(2.1, 2.7))
        actor.patience = round(rng.uniform(0.5, 1.0) * self._fps)

    # -- movement --------------------------------------------------------------------------

    def step(self) -> None:
        """Moves everybody on by one frame; who has left the picture is dropped."""
        self._frame += 1
        self.actors = [actor for actor in self.actors if not actor.gone]
        phase, period = self._wave
        rate = self._rate * (
            1 + 0.45 * math.sin(phase + 2 * math.pi * self._frame * self._step / period)
        )
        for _ in range(self._rng.poisson(rate * self._step)):
            self._enter()
        self._conduct_events()
        pushes = [self._avoid(actor) for actor in self.actors]
        for actor, push in zip(self.actors, pushes, strict=True):
            self._move(actor, push)

    def _avoid(self, actor: Actor) -> Place:
        """Velocity that keeps a person clear of the others, metres per second."""
        push_x = push_y = 0.0
        sin, cos = math.sin(actor.heading), math.cos(actor.heading)
        reach = 1.1 + 0.55 * actor.speed
        for other in self.actors:
            if other is actor:
                continue
            x, y = other.place[0] - actor.place[0], other.place[1] - actor.place[1]
            distance = math.hypot(x, y)
            if distance > reach:
                continue
            ahead, left = x * cos + y * sin, y * cos - x * sin
            if distance < 0.6:
                push_x -= 1.2 * (0.6 - distance) * x / (distance + 0.05)
                push_y -= 1.2 * (0.6 - distance) * y / (distance + 0.05)
            same_way = math.cos(other.heading - actor.heading) > 0.7 and (
                abs(other.speed - actor.speed) < 0.3
            )
            if ahead > 0 and abs(left) < 0.75 and not same_way:
                side = -1.0 if left > 0 else 1.0
                strength = 0.75 * (1 - distance / reach)
                push_x -= side * strength * sin
                push_y += side * strength * cos
        return push_x, push_y

    def _move(self, actor: Actor, push: Place) -> None:
        actor.gesture += 2 * math.pi * 0.55 * self._step
        name = ANOMALY_KINDS[actor.kind] if actor.kind >= 0 else ""
        darting = (
            name == "sudden_turn"
            and actor.event is not None
            and (actor.event.start <= self._frame < actor.event.stop)
        )
        if darting:
            actor.patience -= 1
            if actor.patience <= 0:
                self._dart(actor)
        elif name == "sudden_turn" and actor.event is not None and self._frame == actor.event.stop:
            actor.pace = 1.35
        if actor.route and not darting:
            self._steer(actor)
        if actor.gone:
            return
        resting = actor.rest[0] <= self._frame < actor.rest[1]
        wanted = 0.0 if resting or (not actor.route and not darting) else actor.pace
        change = 6.0 if darting else 1.6
        actor.speed += float(
            np.clip(wanted - actor.speed, -change * self._step, change * self._step)
        )
        slow = min(1.0, 0.25 + actor.speed)
        x = actor.place[0] + (actor.speed * math.cos(actor.heading) + slow * push[0]) * self._step
        y = actor.place[1] + (actor.speed * math.sin(actor.heading) + slow * push[1]) * self._step
        if wanted == 0.0 and actor.speed < 0.05:
            x, y = actor.place
        keeps_to_path = actor.kind < 0 or name in ("sudden_turn", "runner")
        if keeps_to_path and not on_path(x, y, -0.15) and on_path(*actor.place, -0.15):
            y = actor.place[1]
        actor.place = (x, y)
        covered = actor.speed * self._step
        actor.travelled += covered
        if actor.style == "ride":
            actor.phase += covered / 0.34 / 2.2
        elif actor.style == "skate":
            actor.phase += 2 * math.pi * 0.45 * self._step
        elif actor.speed > 0.02:
            stride = stride_length(actor.style, actor.speed, actor.figure.height)
            actor.phase += 2 * math.pi * covered / stride
        actor.abnormal = (
            bool(name)
            and (name != "off_path" or not bool(on_path(x, y)))
            and (name != "sudden_turn" or darting)
        )

    def _steer(self, actor: Actor) -> None:
        """Turns towards the next place of the route, at the rate at which people turn."""
        x, y = actor.place
        goal_x, goal_y = actor.route[0]
        turns_ahead = 0.45 if len(actor.route) > 1 else 0.3
        near = math.hypot(goal_x - x, goal_y - y) < turns_ahead + 0.25 * actor.speed
        left, right = self._camera.ground_span(y)
        inward = _OUTSIDE - 0.25
        out = x < left - inward if goal_x < (left + right) / 2 else x > right + inward
        if near or (out and len(actor.route) == 1):
            actor.route.pop(0)
            if not actor.route:
                actor.gone = True
                return
            goal_x, goal_y = actor.route[0]
        error = math.remainder(math.atan2(goal_y - y, goal_x - x) - actor.heading, 2 * math.pi)
        rate = 1.5 * self._step
        actor.heading += float(np.clip(error, -rate, rate))
