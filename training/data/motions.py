"""Motions of one drawing over a clip of 16 frames at 8 a second: curves of place, scale, angle, opacity and light, with the times of events.

Every motion begins at the still drawing. Lengths are in halves of the picture (1 = 64 of 128 pixels), x to the right, y down. Knows no pixels.
"""
from dataclasses import dataclass, field

import numpy as np

FRAMES, RATE = 16, 8
TIME = np.arange(FRAMES) / RATE
SECONDS = FRAMES / RATE
#: Kinds whose events are heard: contact, hit, pulse, light.
EVENTFUL = ("bounce", "knock", "beat", "flash")
#: Unit vectors of the eight directions.
DIRECTIONS = {"right": (1, 0), "left": (-1, 0), "up": (0, -1), "down": (0, 1), "up right": (1, -1), "up left": (-1, -1), "down right": (1, 1), "down left": (-1, 1)}
#: Relative frequency of a kind; eventful ones are also wanted by the sounds.
SHARES = {"move": 18, "bounce": 12, "knock": 8, "beat": 10, "flash": 8, "spin": 6, "grow": 4, "shrink": 4, "shake": 4, "swing": 4, "fade": 4, "fall": 4, "jump": 5, "roll": 4, "wobble": 4,
          "blink": 2, "float": 3, "dance": 3, "still": 2}


@dataclass
class Motion:
    """Curves over the 16 frames; `events` are seconds; `wrap` is the length after which what left on one side comes back on the other."""

    kind: str
    direction: str = ""
    x: np.ndarray = field(default_factory=lambda: np.zeros(FRAMES))
    y: np.ndarray = field(default_factory=lambda: np.zeros(FRAMES))
    wide: np.ndarray = field(default_factory=lambda: np.ones(FRAMES))
    high: np.ndarray = field(default_factory=lambda: np.ones(FRAMES))
    angle: np.ndarray = field(default_factory=lambda: np.zeros(FRAMES))
    opacity: np.ndarray = field(default_factory=lambda: np.ones(FRAMES))
    light: np.ndarray = field(default_factory=lambda: np.zeros(FRAMES))
    pivot: tuple[float, float] = (0.0, 0.0)
    wrap: float | None = None
    events: list[float] = field(default_factory=list)

    def settle(self) -> "Motion":
        """The first frame is the still drawing."""
        for curve, rest in ((self.x, 0), (self.y, 0), (self.wide, 1), (self.high, 1), (self.angle, 0), (self.opacity, 1), (self.light, 0)):
            curve[0] = rest
        self.events = [round(float(e), 3) for e in self.events if 0.03 < e < SECONDS - 0.05]
        return self

    def matrices(self) -> np.ndarray:
        """Where each frame's points come from in the still drawing, float32 [16, 2, 3] (as torch's affine_grid reads them)."""
        out = np.zeros((FRAMES, 2, 3), np.float32)
        x, y = self.x.copy(), self.y.copy()
        if self.wrap:
            x, y = ((v + self.wrap / 2) % self.wrap - self.wrap / 2 for v in (x, y))
        for f in range(FRAMES):
            c, s = np.cos(self.angle[f]), np.sin(self.angle[f])
            inverse = np.linalg.inv(np.array([[c, -s], [s, c]]) @ np.diag([self.wide[f], self.high[f]]))
            out[f, :, :2] = inverse
            out[f, :, 2] = np.array(self.pivot) - inverse @ (np.array(self.pivot) + [x[f], y[f]])
        return out


def pulses(times, width: float) -> np.ndarray:
    """A bump of height 1 at each time."""
    return sum((np.exp(-(((TIME - t) / width) ** 2)) for t in times), np.zeros(FRAMES)).clip(0, 1)


def regular(dice, low: float, high: float, least: float = 0.1) -> np.ndarray:
    """Times of something periodic with random period and phase."""
    period = dice.uniform(low, high)
    return np.arange(least + dice.uniform(0, period * 0.9), SECONDS, period)


def move(dice, direction: str | None = None, kind: str = "move") -> Motion:
    """Steadily one way; two thirds leave the picture, come back on the other side and end near where they began."""
    names = list(DIRECTIONS)
    direction = direction or names[dice.choice(8, p=[0.24, 0.24, 0.15, 0.15, 0.055, 0.055, 0.055, 0.055])]
    dx, dy = DIRECTIONS[direction]
    m = Motion(kind, direction)
    length = 3.5 if dice.random() < 0.65 else None
    distance = dice.uniform(0.85, 1.05) * length if length else dice.uniform(0.7, 1.4)
    way = distance * TIME / SECONDS
    m.x, m.y, m.wrap = dx * way, dy * way, length
    return m


def bounce(dice, floor: float) -> Motion:
    """Off the floor, `floor` below the start, again and again; contact at the events."""
    m = Motion("bounce", pivot=(0.0, 0.9))
    height = floor * 1.15 + dice.uniform(0.45, 0.95)
    period = dice.uniform(0.45, 1.1)
    start = (1 + dice.choice([-1, 1]) * np.sqrt(1 - floor / height)) / 2
    u = start + TIME / period
    above = 4 * height * (u % 1) * (1 - u % 1)
    m.events = [(k - start) * period for k in range(1, 7)]
    squash = pulses(m.events, 0.07)
    m.y, m.high, m.wide = floor - above, 1 - 0.2 * squash, 1 + 0.14 * squash
    return m


def jump(dice) -> Motion:
    """Crouches, hops, lands; once or twice."""
    m = Motion("jump", pivot=(0.0, 0.9))
    period, air = dice.uniform(0.8, 1.05), dice.uniform(0.45, 0.6)
    height, start = dice.uniform(0.5, 0.9), dice.uniform(0.12, 0.25)
    for k in range(2):
        u = (TIME - start - k * period) / air
        m.y = m.y - np.where((u > 0) & (u < 1), 4 * height * u * (1 - u), 0)
        m.events.append(start + k * period + air)
    crouch = pulses([start - 0.06, start + period - 0.08], 0.08) + pulses(m.events, 0.06)
    m.high, m.wide = 1 - 0.18 * crouch.clip(0, 1), 1 + 0.1 * crouch.clip(0, 1)
    return m


def knock(dice) -> Motion:
    """Strikes sideways, to the edge and back; the events are the hits."""
    side = "right" if dice.random() < 0.6 else "left"
    m = Motion("knock", side)
    way = DIRECTIONS[side][0]
    m.events = list(regular(dice, 0.35, 0.7, 0.15))
    hit, back = pulses(m.events, 0.075), pulses([e - 0.17 for e in m.events], 0.08)
    m.x = way * (dice.uniform(0.22, 0.38) * hit - dice.uniform(0.15, 0.3) * back * (1 - hit))
    m.angle = way * (0.2 * hit - 0.16 * back * (1 - hit))
    m.wide = 1 - 0.12 * hit
    return m


def beat(dice) -> Motion:
    """Swells (a heart) or is struck (a drum) at the events."""
    m = Motion("beat")
    m.events = list(regular(dice, 0.42, 1.0))
    pulse, amount = pulses(m.events, 0.09), dice.uniform(0.13, 0.24)
    if dice.random() < 0.6:
        double = 0.5 * pulses([e + 0.2 for e in m.events], 0.07) if dice.random() < 0.25 else 0
        m.wide = m.high = 1 + amount * np.maximum(pulse, double)
        m.high = m.wide.copy()
    else:
        m.pivot = (0.0, 0.8)
        m.high, m.wide = 1 - 1.3 * amount * pulse, 1 + 0.7 * amount * pulse
    return m


def flash(dice) -> Motion:
    """Lights up at the events for a short while."""
    m = Motion("flash")
    m.events = list(regular(dice, 0.42, 0.95))
    length = dice.uniform(0.14, 0.26)
    for e in m.events:
        since = TIME - e
        m.light = np.maximum(m.light, np.where(since >= -0.02, np.exp(-((since / length).clip(0) ** 2)), 0) * (since < 0.6))
    return m


def blink(dice) -> Motion:
    m = Motion("blink")
    period, phase = dice.uniform(0.45, 0.8), dice.uniform(0.1, 0.4)
    m.opacity = np.where(((TIME - phase) % period < period / 2) & (TIME >= phase), 0.06, 1.0)
    return m


def spin(dice) -> Motion:
    side = dice.choice(["clockwise", "counterclockwise"])
    m = Motion("spin", side)
    m.angle = (1 if side == "clockwise" else -1) * 2 * np.pi * dice.choice([0.5, 1.0, 1.0, 1.5]) * dice.uniform(0.92, 1.05) * TIME / SECONDS
    return m


def grow(dice) -> Motion:
    m = Motion("grow")
    m.wide = 1 + dice.uniform(0.5, 0.9) * TIME / SECONDS
    m.high = m.wide.copy()
    return m


def shrink(dice) -> Motion:
    m = Motion("shrink")
    m.wide = 1 - dice.uniform(0.55, 0.75) * TIME / SECONDS
    m.high = m.wide.copy()
    return m


def shake(dice) -> Motion:
    """Quickly from side to side, one frame in each direction."""
    m = Motion("shake")
    amount = dice.uniform(0.07, 0.13)
    m.x = amount * np.where(np.arange(FRAMES) % 2 == dice.integers(2), 1, -1) * dice.uniform(0.7, 1, FRAMES)
    m.angle = 0.05 * np.sign(m.x) * dice.choice([0, 1])
    return m


def swing(dice) -> Motion:
    m = Motion("swing", pivot=(0.0, -0.9))
    m.angle = dice.choice([-1, 1]) * dice.uniform(0.3, 0.5) * np.sin(2 * np.pi * TIME / dice.uniform(0.9, 1.5))
    return m


def fade(dice) -> Motion:
    m = Motion("fade", "in" if dice.random() < 0.35 else "out")
    m.opacity = (TIME / 1.8).clip(0, 1) if m.direction == "in" else 1 - (TIME / dice.uniform(1.6, 1.9)).clip(0, 0.97)
    return m


def fall(dice) -> Motion:
    """Down and out, faster and faster, and again from above."""
    m = Motion("fall", "down", wrap=3.5)
    m.y = 3.5 * (TIME / SECONDS) ** 1.5 * dice.uniform(0.9, 1.05)
    m.angle = dice.choice([0, 0, 1, -1]) * dice.uniform(0.2, 1.0) * TIME / SECONDS
    return m


def roll(dice) -> Motion:
    m = move(dice, "right" if dice.random() < 0.5 else "left", "roll")
    m.angle = m.x / (0.85 if m.wrap is None else 0.557)  # a whole turn on one way round
    return m


def wobble(dice) -> Motion:
    m = Motion("wobble", pivot=(0.0, 0.85))
    wave = np.sin(2 * np.pi * TIME / dice.uniform(0.5, 0.75)) * dice.choice([-1, 1])
    if dice.random() < 0.5:
        m.angle = dice.uniform(0.16, 0.28) * wave
    else:
        m.wide, m.high = 1 + dice.uniform(0.1, 0.16) * wave, 1 - dice.uniform(0.12, 0.2) * wave
    return m


def float_(dice) -> Motion:
    m = Motion("float")
    wave = 2 * np.pi * TIME / dice.uniform(1.2, 2.0)
    m.y = -dice.uniform(0.12, 0.24) * np.sin(wave)
    return m


def dance(dice) -> Motion:
    m = Motion("dance", pivot=(0.0, 0.85))
    wave = 2 * np.pi * TIME / dice.uniform(0.7, 1.0)
    m.x, m.y = 0.12 * np.sin(wave), -0.16 * np.abs(np.sin(wave))
    m.angle = dice.uniform(0.14, 0.24) * np.sin(wave)
    return m


def draw_motion(dice: np.random.Generator, kind: str, floor: float) -> Motion:
    """One motion of a kind; `floor` is how far the drawing can sink until it stands on the lower edge."""
    if kind == "bounce":
        return bounce(dice, floor).settle()
    if kind == "still":
        return Motion("still")
    makers = {"move": move, "knock": knock, "beat": beat, "flash": flash, "blink": blink, "spin": spin, "grow": grow, "shrink": shrink, "shake": shake, "swing": swing, "fade": fade,
              "fall": fall, "jump": jump, "roll": roll, "wobble": wobble, "float": float_, "dance": dance}
    return makers[kind](dice).settle()
