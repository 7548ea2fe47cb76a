"""Occlusion transforms of known kind and portion, for repeatable tests and as training targets."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gait_plugins.api import Transform
from gait_plugins.api.options import number_within, range_within
from gait_plugins.errors import ConfigError
from gait_plugins.plugins.resgait.occlusion.hiding import KINDS, OEM_KINDS, Kind
from gait_plugins.plugins.resgait.occlusion.targets import KIND, PORTION
from gait_plugins.plugins.resgait.occlusion.transforms import Range


class FixedOcclusion(Transform):
    """An occlusion of fixed kind and portion, the same each time.

    What a drifting block leaves open, its start and speed, depends on ``seed`` and on the silhouettes
    alone: neither on the seed of the run, nor on the order of the data set or the size of a batch.

    Args:
        kind: ``top`` and ``bottom`` cut rows away and stretch the rest, ``middle`` blackens rows,
            ``moving`` is a low block that drifts across, ``pole`` one of full height; ``none`` does nothing.
        portion: hidden share of the frame.
        seed: seed of the drifting blocks.
    """

    def __init__(self, kind: Kind, portion: float, seed: int = 0) -> None:
        if kind not in KINDS:
            raise ConfigError(
                f"unknown occlusion kind {kind!r}",
                where="FixedOcclusion",
                hint=f"choose one of {', '.join(KINDS)}",
            )
        self.kind: Kind = kind
        self.portion = number_within("FixedOcclusion", "portion", portion, 0, 1)
        self.seed = seed

    @classmethod
    def example_config(cls) -> dict[str, Any]:
        """A drifting block."""
        return {"kind": "moving", "portion": 0.2}

    def __call__(self, sequence: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        own = np.random.default_rng([self.seed, zlib.crc32(sequence.tobytes())])
        return KINDS[self.kind](sequence, self.portion, own)


class LabelledOcclusion(Transform):
    """A random kind and portion of occlusion, which the model gets as targets.

    Args:
        kinds: kinds to draw from, all with the same probability; their order sets their numbers, and must be
            that of the module that learns them.
        portion_range: lowest and highest hidden share; 0 for the kind ``none``.
    """

    def __init__(self, kinds: Sequence[Kind] = OEM_KINDS, portion_range: Range = (0.1, 0.6)) -> None:
        unknown = [kind for kind in kinds if kind not in KINDS]
        if unknown or not kinds:
            raise ConfigError(
                f"kinds of LabelledOcclusion is {list(kinds)}, expected one or more of {', '.join(KINDS)}",
                where="LabelledOcclusion",
            )
        self.kinds = tuple(kinds)
        self.portions = range_within("LabelledOcclusion", "portion_range", portion_range, 0, 1)

    def __call__(self, sequence: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return self.with_targets(sequence, rng)[0]

    def with_targets(
        self, sequence: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, Mapping[str, Any]]:
        """The occluded frames, the kind's number and the hidden portion."""
        number = int(rng.integers(len(self.kinds)))
        kind = self.kinds[number]
        portion = 0.0 if kind == "none" else float(rng.uniform(*self.portions))
        return KINDS[kind](sequence, portion, rng), {KIND: number, PORTION: portion}
