"""The data set of synthetic walkers."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gait_plugins.api import GaitDataset, SequenceRef, Subset
from gait_plugins.api.stream import Stream
from gait_plugins.errors import ConfigError
from gait_plugins.io.ragged import Frames
from gait_plugins.plugins.walkers.body.conditions import GAITS
from gait_plugins.plugins.walkers.body.skeleton import identity
from gait_plugins.plugins.walkers.cache import Cache, default_root
from gait_plugins.plugins.walkers.film.making import street_film
from gait_plugins.plugins.walkers.film.truth import Truth
from gait_plugins.plugins.walkers.image.camera import VIEWS
from gait_plugins.plugins.walkers.streams.declared import KINDS, declared
from gait_plugins.plugins.walkers.streams.scene import scans
from gait_plugins.plugins.walkers.streams.store import Store
from gait_plugins.plugins.walkers.telling import making
from gait_plugins.plugins.walkers.walk import GENERATOR_VERSION, RATE, silhouettes, walk
from gait_plugins.suggest import did_you_mean

DEFAULT_VIEWS = ("000", "036", "072", "108", "144", "180")


class Walkers(GaitDataset):
    """Synthetic people walking: silhouettes 64x64 in CASIA-B's naming, nothing to download.

    An identity is a body and a way of walking; each walk has its own speed, phase and mood and is seen
    by all cameras at once. Identities ``001`` to ``train`` are for training, the next ``test`` for
    testing. Every sequence is a pure function of the options, whatever is generated before it. The
    sequences are made on first use (some thousands of frames a second) and kept in the cache; sets
    that differ only in ``train`` and ``test`` share it.

    The same walks are given in other modalities too: see ``streams``. Each stream has a cache of its own,
    and is the same whatever other streams are made beside it.

    Args:
        train: number of training identities (74 and 50 give CASIA-B's own numbers).
        test: number of test identities.
        views: camera views in degrees from the front, three digits each, of 000 to 180.
        nm: normal walks of each identity and view; the protocol takes nm-01 to nm-04 as gallery.
        bg: walks with a backpack, a shoulder bag or a hand bag.
        cl: walks in a coat.
        frames: frames of each sequence; a gait cycle takes about 27 at the usual rate.
        noise: flaws of the segmentation, and errors of what is found or measured; 0 means none, 1 a usual
            camera.
        seed: seed of the whole population.
        streams: what the frames of a sequence are, in this order; by default ``[silhouettes]``. Others are
            keypoints, keypoints_18, skeleton_maps, parsing, depth, depth_metres, points, smpl, rgb,
            rgb_square, silhouettes_square, ratios, flow, latents and silhouettes_96x48.
        bodies: factor of the differences between people's bodies; 0 gives everybody the same body, so that
            the way of walking alone tells them apart.
        rate: frames of the cameras in a second; the laser scanner of ``points`` turns ten times a second.
        gait_classes: the types are three ways of walking, negative, neutral and positive (a level, a
            somewhat uneven and an uneven one), in place of nm, bg and cl. Each person has one.
        cache_dir: where generated sequences are kept; by default ``$GAIT_PLUGINS_CACHE`` or the
            user's cache folder.
    """

    synthetic = True
    called = "walkers"
    indifferent_options = frozenset({"cache_dir", "test"})

    def __init__(
        self,
        train: int = 60,
        test: int = 20,
        views: list[str] | None = None,
        nm: int = 6,
        bg: int = 2,
        cl: int = 2,
        frames: int = 30,
        noise: float = 1.0,
        seed: int = 1,
        cache_dir: str | None = None,
        streams: list[str] | None = None,
        rate: float = RATE,
        gait_classes: bool = False,
        bodies: float = 1.0,
    ) -> None:
        self.views = _checked_views(DEFAULT_VIEWS if views is None else views)
        counts = {"train": train, "test": test, "nm": nm, "bg": bg, "cl": cl, "seed": seed}
        for name, value in counts.items():
            if value < 0:
                raise ConfigError(f"{name} is {value}, expected 0 or more", where="walkers")
        if frames < 1 or not 0 <= noise <= 3 or nm + bg + cl < 1 or train + test > 999:
            raise ConfigError(
                f"frames={frames}, noise={noise}, nm+bg+cl={nm + bg + cl}, train+test={train + test}: "
                "expected frames >= 1, noise from 0 to 3, at least one walk and at most 999 identities",
                where="walkers",
            )
        if not 0 <= bodies <= 1:
            raise ConfigError(f"bodies is {bodies}, expected a factor from 0 to 1", where="walkers")
        if not 1 <= rate <= 1000:
            raise ConfigError(f"rate is {rate}, expected 1 to 1000 frames a second", where="walkers")
        self.train, self.test, self.frames, self.noise, self.seed = train, test, frames, float(noise), seed
        self.rate, self.gait_classes, self.bodies = float(rate), gait_classes, float(bodies)
        self.names = _checked_streams(["silhouettes"] if streams is None else streams)
        self.types = [f"{c}-{i + 1:02d}" for c, k in (("nm", nm), ("bg", bg), ("cl", cl)) for i in range(k)]
        if gait_classes:
            self.types = list(GAITS)
        root = Path(os.path.expanduser(cache_dir)) if cache_dir else default_root()
        walks = {"frames": frames, "noise": self.noise, "seed": seed}
        # Options that came later are named where they matter: what was made before stays good.
        alike = {} if bodies == 1 else {"bodies": float(bodies)}
        later = ({} if rate == RATE else {"rate": self.rate}) | alike
        self._cache = Cache(
            root,
            {
                "generator": GENERATOR_VERSION,
                "types": self.types,
                "views": list(self.views),
                **walks,
                **later,
            },
        )
        others = [name for name in self.names if name != "silhouettes"]
        scenes = {**walks, "rate": self.rate, **alike}
        self._store = Store(root, others, self.views, scenes, GENERATOR_VERSION)

    def sequences(self, subset: Subset) -> list[SequenceRef]:
        """The sequences of a subset, by identity, type and view; makes those that the cache lacks."""
        numbers = self.numbers(subset)
        self.generate(numbers)
        return [
            SequenceRef(f"{number:03d}", kind, view, number)
            for number in numbers
            for kind in sorted(self.types_of(number))
            for view in self.views
        ]

    def streams(self) -> tuple[Stream, ...]:
        """The streams asked for; those of the camera are in step with the first of them."""
        return declared(self.names, self.rate)

    def load(self, ref: SequenceRef) -> list[Frames]:
        """The frames of each stream, uint8 0/255 ``[frames, 64, 64]`` where it is silhouettes."""
        return [self._frames(name, ref) for name in self.names]

    def length(self, ref: SequenceRef) -> int:
        """``frames``, of every sequence; the turns of the scanner where its points are the first stream."""
        return scans(self.frames, self.rate) if self.names[0] == "points" else self.frames

    def types_of(self, number: int) -> list[str]:
        """The types of an identity's walks."""
        return [self.types[number % len(GAITS)]] if self.gait_classes else self.types

    def street_film(
        self, path: Path | str, people: Sequence[int | str] | None = None, **options: Any
    ) -> Truth:
        """Write a film of these people in one street, with its truth.

        Args:
            path: the film.
            people: who is in it, by number or name; None: the test identities.
            options: see :func:`gait_plugins.plugins.walkers.film.making.street_film`.

        Raises:
            ConfigError: an option is out of range.
            DataError: files of that name are there already, or cannot be written.
        """
        chosen = [*self.numbers("test")] if people is None else people
        return street_film(path, chosen, **{"seed": self.seed, **options})

    def numbers(self, subset: Subset) -> range:
        """The identities' numbers of a subset."""
        first, count = (1, self.train) if subset == "train" else (self.train + 1, self.test)
        return range(first, first + count)

    def generate(self, numbers: range) -> None:
        """Fill the caches. Processes that do so at the same time share the work by chance."""
        self._store.generate([(number, kind) for number in numbers for kind in self.types_of(number)])
        if "silhouettes" in self.names:
            self._generate_silhouettes(numbers)

    def _generate_silhouettes(self, numbers: range) -> None:
        missing = [number for number in numbers if not self._cache.has(f"{number:03d}")]
        if not missing:
            return
        frames = len(self.types_of(1)) * len(self.views) * self.frames
        with making("silhouettes", len(missing) * frames) as advance:
            # Each process has an order of its own, and finds made what others made meanwhile.
            for number in np.random.default_rng(os.getpid()).permutation(missing):
                self._packed(int(number))
                advance(frames)

    def _frames(self, name: str, ref: SequenceRef) -> Frames:
        number = int(ref.label)
        if name != "silhouettes":
            return self._store.load(name, number, ref.type, ref.view)
        row = self.types_of(number).index(ref.type) * len(self.views) + self.views.index(ref.view)
        return np.unpackbits(self._packed(number)[row], axis=-1) * np.uint8(255)

    def _packed(self, number: int) -> np.ndarray:
        """All sequences of an identity, one bit a pixel: uint8 ``[sequences, frames, 64, 8]``."""
        return self._cache.get(f"{number:03d}", lambda: self._make(number))

    def _make(self, number: int) -> np.ndarray:
        person = identity(self.seed, number, bodies=self.bodies)
        sequences = []
        for kind in self.types_of(number):
            walked = walk(person, self.seed, number, kind, self.frames, RATE / self.rate)
            for view in self.views:
                frames = silhouettes(walked, self.seed, number, kind, view, self.noise)
                sequences.append(np.packbits(frames, axis=-1))
        return np.stack(sequences)


def _checked_views(views: list[str] | tuple[str, ...]) -> tuple[str, ...]:
    for view in views:
        if not isinstance(view, str) or len(view) != 3 or not view.isdigit() or int(view) > 180:
            raise ConfigError(
                f"view {view!r} is not a text of three digits from '000' to '180'",
                where="walkers",
                hint=f"quote the views in YAML: ['000', '090']; CASIA-B has {', '.join(VIEWS)}",
            )
    if not views or len(set(views)) < len(views):
        raise ConfigError(f"views are {list(views)}: expected at least one, each once", where="walkers")
    return tuple(sorted(views))


def _checked_streams(names: list[str]) -> list[str]:
    for name in names:
        if name not in KINDS:
            raise ConfigError(
                f"there is no stream {name!r}",
                where="walkers",
                hint=did_you_mean(str(name), KINDS, also=f"there are {', '.join(KINDS)}"),
            )
    if not names or len(set(names)) < len(names):
        raise ConfigError(f"streams are {list(names)}: expected at least one, each once", where="walkers")
    return list(names)
