"""One draw for several streams of pictures: maps, parsing and flow move as the silhouettes do."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gait_plugins.api import SILHOUETTES, JointTransform, Stream, Transform
from gait_plugins.api.transform import becomes_after
from gait_plugins.errors import ConfigError
from gait_plugins.plugins.zoo.data.streams import SIDES, Maps, Parsing, SkeletonMaps
from gait_plugins.plugins.zoo.transforms.augment import RandomHorizontalFlip
from gait_plugins.plugins.zoo.transforms.compose import Compose, in_a_row
from gait_plugins.plugins.zoo.transforms.warp import RandomAffine, RandomPerspective, RandomRotate

GREY = 255
LABELS = {"parsing": 11}
RIGHTWARD = {"flow": [0]}
WARPS = (RandomRotate, RandomPerspective, RandomAffine)


class JointPictures(JointTransform):
    """Apply transforms of pictures to several streams by the same draws.

    Square frames beside narrower ones, such as maps of 64x64 beside silhouettes of 64x44, are first cut to
    their width. Frames are divided as the transforms say, so that all streams come in [0, 1]; of labels, the
    largest one counts for 255. Where nothing divides, as in a list with BaseParsingCuttingTransform, labels
    keep their numbers. Labels are moved whole, and in a mirror left and right labels change places, as the
    motion to the right changes its sign.

    Args:
        trf_cfg: the transforms, first to last.
        streams: names of the streams.
        labels: stream -> its largest label, for streams of labels; left out, parsing has 11.
        rightward: stream -> channels that tell a motion to the right; left out, channel 0 of flow.
        published_flip: mirror pixels alone, as published: labels keep their side, motion its sign.
    """

    def __init__(
        self,
        trf_cfg: list[Transform],
        streams: Sequence[str] = ("skeleton_maps", "silhouettes"),
        labels: dict[str, int] | None = None,
        rightward: dict[str, list[int]] | None = None,
        published_flip: bool = False,
    ) -> None:
        self._names = tuple(streams)
        if len(set(self._names)) != len(self._names) or not self._names:
            raise ConfigError(
                f"streams are {', '.join(self._names) or 'none'}, expected names that differ",
                where="JointPictures",
            )
        self.labels = LABELS if labels is None else labels
        self.published_flip = published_flip
        motion = RIGHTWARD if rightward is None else rightward
        self.chains = {
            name: [self._suited(each, name, motion.get(name, [])) for each in trf_cfg] for name in self._names
        }
        divisor = math.prod(each.divisor for each in trf_cfg)
        share = {name: 1.0 if divisor == 1 else label / GREY for name, label in self.labels.items()}
        self.divisors = {name: divisor * share.get(name, 1.0) for name in self._names}

    @classmethod
    def example_config(cls) -> dict[str, Any]:
        listed = [{"type": "RandomPerspective"}, {"type": "BaseSilCuttingTransform"}]
        return {"trf_cfg": [*listed, {"type": "RandomHorizontalFlip"}, {"type": "RandomRotate"}]}

    @property
    def streams(self) -> tuple[str, ...]:
        return self._names

    def example_streams(self) -> tuple[Stream, ...]:
        known = (SkeletonMaps(), SILHOUETTES, Parsing(), Maps(3).changed(name="flow"))
        sized = {s.name: s.changed(shape=(*s.shape[:-2], 64, 64)) for s in known}
        return tuple(sized[name] for name in self._names if name in sized)

    def at_test(self) -> JointTransform:
        """The same, by transforms as a test has them."""
        own = copy.copy(self)
        own.chains = {name: [each.at_test() for each in chain] for name, chain in self.chains.items()}
        return own

    def __call__(self, clips: Mapping[str, Any], rng: np.random.Generator) -> Mapping[str, Any]:
        return self.with_targets(clips, rng)[0]

    def with_targets(
        self, clips: Mapping[str, Any], rng: np.random.Generator
    ) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """The frames, and what the transforms know: of all streams the same, by the same draws."""
        width = min(clips[name].shape[-1] for name in self._names)
        # Each stream sees the same draws: the last one those of the generator itself, which so goes on.
        generators = [*(copy.deepcopy(rng) for _ in self._names[1:]), rng]
        found: dict[str, Any] = {}
        targets: dict[str, Any] = {}
        for name, generator in zip(self._names, generators, strict=True):
            found[name], made = in_a_row(self.chains[name], _cut(clips[name], width), generator)
            for known in made:
                targets = {**known, **targets}
        return found, targets

    def becomes(self, streams: Mapping[str, Stream]) -> Mapping[str, Stream]:
        """What the transforms say; sizes that one of them leaves open are the data's."""
        return {name: self._after(name, streams) for name in self._names}

    def _after(self, name: str, streams: Mapping[str, Stream]) -> Stream:
        stream = streams[name]
        if len(stream.shape) not in (2, 3):
            raise ConfigError(
                f"the stream {name!r} has frames {stream.described}, expected pictures",
                where="JointPictures",
                hint="name other streams",
            )
        sizes = [streams[other].shape[-1] for other in self._names]
        known = [size for size in sizes if isinstance(size, int)]
        after: Stream | None = None
        if len(known) == len(sizes):
            # Of labels, the transforms' divisor is not what they are divided by.
            high = GREY if name in self.labels and self.divisors[name] != 1 else stream.high
            after = stream.changed(shape=(*stream.shape[:-1], min(known)), high=high)
            after = becomes_after(self.chains[name], after)
        shape = (*stream.shape[:-2], "h", "w") if after is None else after.shape
        return stream.changed(shape=shape)

    def _suited(self, transform: Transform, name: str, rightward: list[int]) -> Transform:
        """A transform for the pictures of a stream."""
        own = copy.copy(transform)
        if isinstance(own, Compose):
            own.transforms = [self._suited(each, name, rightward) for each in own.transforms]
        elif isinstance(own, RandomHorizontalFlip) and own.rightward is None and own.sides is None:
            own.rightward = [] if self.published_flip else rightward
            own.sides = SIDES if name in self.labels and not self.published_flip else ()
        elif isinstance(own, WARPS):
            own.labels = own.labels or name in self.labels
        return own


def _cut(frames: np.ndarray, width: int) -> np.ndarray:
    """Frames without their margins on both sides, where they are wider than that."""
    margin = (frames.shape[-1] - width) // 2
    return frames[..., margin : margin + width]
