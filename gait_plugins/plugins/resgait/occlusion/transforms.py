"""Occlusion transforms for training a residual stage, one draw for a whole sequence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gait_plugins.api import Transform, WithProbability
from gait_plugins.api.options import range_within
from gait_plugins.errors import ConfigError
from gait_plugins.plugins.resgait.occlusion.hiding import SPEEDS, hide_block, hide_middle, stretched
from gait_plugins.plugins.resgait.occlusion.targets import WHOLE

Range = Sequence[float]


class Occluder(WithProbability):
    """Hides a part of a sequence with probability ``prob``; in ``Occlusion``, ``prob`` is its share."""


class ConsistentHalfPatchTwoTypesResized(Occluder):
    """Cut a random portion away at the top or at the bottom, stretch what is left, make it binary at half.

    Args:
        prob: probability of acting on a sequence, or its share within ``Occlusion``.
        portion_range: lowest and highest share of the height that is cut away.
        img_size: side of the square that the rest is stretched to; null: its original size.
    """

    def __init__(
        self, prob: float = 0.5, portion_range: Range = (0.1, 0.6), img_size: int | None = None
    ) -> None:
        super().__init__(prob)
        self.portions = range_within(type(self).__name__, "portion_range", portion_range, 0, 1)
        self.img_size = img_size

    def apply(self, sequence: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        portion, height = rng.uniform(*self.portions), sequence.shape[-2]
        if rng.random() < 0.5:
            rest = sequence[..., : max(1, int((1 - portion) * height)), :]
        else:
            rest = sequence[..., min(height - 1, int(portion * height)) :, :]
        return stretched(rest, sequence, self.img_size, self.img_size)


class ConsistentMiddlePatch(Occluder):
    """Blacken the rows around the middle.

    Args:
        prob: probability of acting on a sequence, or its share within ``Occlusion``.
        portion_range: lowest and highest share of the height that is blackened.
        img_size: side of the square that frames are resized to afterwards; null: no resizing.
    """

    def __init__(
        self, prob: float = 0.5, portion_range: Range = (0.5, 0.5), img_size: int | None = None
    ) -> None:
        super().__init__(prob)
        self.portions = range_within(type(self).__name__, "portion_range", portion_range, 0, 1)
        self.img_size = img_size

    def apply(self, sequence: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        hidden = hide_middle(sequence, rng.uniform(*self.portions))
        return stretched(hidden, sequence, self.img_size, self.img_size)


class MovingPatch(Occluder):
    """A low block drifts across from the left edge, and enters again when it has left.

    Args:
        prob: probability of acting on a sequence, or its share within ``Occlusion``.
        width_range: lowest and highest width, as a share of the frame's.
        height_range: lowest and highest height, as a share of the frame's.
        velocity_range: lowest and highest speed in pixels a frame.
        random_start: begin anywhere, not at the left edge.
    """

    def __init__(
        self,
        prob: float = 0.5,
        width_range: Range = (0.4, 0.6),
        height_range: Range = (0.3, 0.5),
        velocity_range: Range = SPEEDS,
        random_start: bool = False,
    ) -> None:
        super().__init__(prob)
        owner = type(self).__name__
        self.widths = range_within(owner, "width_range", width_range, 0, 1)
        self.heights = range_within(owner, "height_range", height_range, 0, 1)
        self.speeds = range_within(owner, "velocity_range", velocity_range, 0, 1e3)
        self.random_start = random_start

    def apply(self, sequence: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        width, height, speed = (rng.uniform(*r) for r in (self.widths, self.heights, self.speeds))
        start = rng.uniform(0, sequence.shape[-1]) if self.random_start else 0.0
        return hide_block(sequence, width, height, speed, start)


class MovingPole(MovingPatch):
    """A bar of the frame's full height drifts across; see ``MovingPatch``.

    Args:
        prob: probability of acting on a sequence, or its share within ``Occlusion``.
        width_range: lowest and highest width, as a share of the frame's.
        velocity_range: lowest and highest speed in pixels a frame.
        random_start: begin anywhere, not at the left edge.
    """

    def __init__(
        self,
        prob: float = 0.5,
        width_range: Range = (0.4, 0.6),
        velocity_range: Range = SPEEDS,
        random_start: bool = False,
    ) -> None:
        super().__init__(prob, width_range, (1.0, 1.0), velocity_range, random_start)


class Occlusion(Transform):
    """At most one of several occlusions, chosen by their probabilities.

    Args:
        shape_cfgs: occlusions, each with its ``prob``; the remaining probability leaves a sequence whole.
        keep_whole: also give the model the frames before occlusion, to which a residual stage fits its
            mixer. Transforms that follow do not act on them: put this one last.
    """

    def __init__(self, shape_cfgs: list[Transform], keep_whole: bool = False) -> None:
        self.keep_whole = keep_whole
        self.shapes: list[Occluder] = []
        for shape in shape_cfgs:
            if not isinstance(shape, Occluder):
                raise ConfigError(
                    f"{type(shape).__name__} is not an occlusion",
                    where="Occlusion.shape_cfgs",
                    hint="use ConsistentHalfPatchTwoTypesResized, ConsistentMiddlePatch, MovingPatch "
                    "or MovingPole",
                )
            self.shapes.append(shape)
        self.limits = np.cumsum([shape.prob for shape in self.shapes])
        if len(self.limits) and self.limits[-1] > 1 + 1e-9:
            raise ConfigError(
                f"the probabilities add up to {self.limits[-1]:g}, expected at most 1",
                where="Occlusion.shape_cfgs",
                hint="lower prob of the occlusions",
            )

    @classmethod
    def example_config(cls) -> dict[str, Any]:
        """Two of them."""
        names = ("ConsistentHalfPatchTwoTypesResized", "MovingPole")
        return {"shape_cfgs": [{"type": name, "prob": 0.4} for name in names]}

    def __call__(self, sequence: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        chosen = int(np.searchsorted(self.limits, rng.random(), side="right"))
        return self.shapes[chosen].apply(sequence, rng) if chosen < len(self.shapes) else sequence

    def with_targets(
        self, sequence: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, Mapping[str, Any]]:
        """The frames, and with ``keep_whole`` what they were: uint8 is brought to [0, 1]."""
        occluded = self(sequence, rng)
        if not self.keep_whole:
            return occluded, {}
        scale = 255 if sequence.dtype == np.uint8 else 1
        return occluded, {WHOLE: sequence.astype(np.float32) / scale}
