"""Sampler of a mixture: every batch is of one data set, drawn by the number of the batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from gait_plugins.api import BatchSampler, SequenceIndex, SequenceRef
from gait_plugins.api.options import number_within
from gait_plugins.errors import ConfigError, DataError
from gait_plugins.plugins.foundation.mixture import Mixed
from gait_plugins.suggest import did_you_mean


class _Part(NamedTuple):
    """A set of the mixture."""

    sequences: SequenceIndex
    places: list[int]
    """Of its sequences in the whole index."""


class OneSetSampler(BatchSampler):
    """Batches of one data set of a mixture each, by another sampler.

    The set of a batch is drawn with probabilities that are a power of the numbers of sequences, so that small
    sets are not lost among large ones. The draw follows from the number of the batch alone: a training that
    is resumed goes on with the same sets.

    Args:
        of: what draws the sequences of a batch from the set.
        power: 0 draws all sets alike often, 1 by their numbers of sequences.
        factors: set -> what its number of sequences is multiplied by first.
        published: parity with OpenGait: the very sets that its generator draws in each iteration, whatever
            the seed.
    """

    def __init__(
        self,
        of: BatchSampler,
        power: float = 1 / 3,
        factors: dict[str, float] | None = None,
        published: bool = False,
    ) -> None:
        self.of, self.batch_size = of, of.batch_size
        self.power = number_within("OneSetSampler", "power", power, 0, 1)
        self.factors = dict(factors or {})
        self.published = published
        for name, factor in self.factors.items():
            if not factor > 0:
                raise ConfigError(
                    f"the factor of {name} is {factor}, expected a number above 0",
                    where="OneSetSampler: factors",
                    hint=f"-o data_cfg.of.{name}=null leaves a set out",
                )
        self._seen: tuple[SequenceIndex, dict[str, _Part]] | None = None

    @classmethod
    def example_config(cls) -> dict[str, Any]:
        return {"of": {"type": "BilateralSampler", "batch_size": [2, 2]}}

    @classmethod
    def example_index(cls) -> SequenceIndex:
        """Two sets, of two and of eight sequences."""
        return SequenceIndex(
            [
                SequenceRef(f"{name}/{place:03d}", "nm-01", "090", Mixed(name, _NOBODY))
                for name, count in (("few", 2), ("more", 8))
                for place in range(count)
            ]
        )

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_seen": None}

    def check(self, index: SequenceIndex) -> None:
        if not len(index):
            raise DataError("OneSetSampler has no sequences to draw from", hint="gait-plugins data check")
        parts = self._parts(index)
        unknown = [name for name in self.factors if name not in parts]
        if unknown:
            raise ConfigError(
                f"a factor is given for {unknown[0]}, but the sets with sequences are {', '.join(parts)}",
                where="OneSetSampler: factors",
                hint=did_you_mean(unknown[0], parts) or "remove it",
            )
        for name, part in parts.items():
            try:
                self.of.check(part.sequences)
            except (ConfigError, DataError) as error:
                error.message = f"{name}: {error.message}"
                raise

    def shares(self, index: SequenceIndex) -> dict[str, float]:
        """How probable each set is."""
        parts = self._parts(index)
        counts = [len(part.places) * self.factors.get(name, 1.0) for name, part in parts.items()]
        return dict(zip(parts, _shares(counts, self.power).tolist(), strict=True))

    def batch(self, index: SequenceIndex, number: int, rng: np.random.Generator) -> Sequence[int]:
        parts = self._parts(index)
        shares = self.shares(index)
        place = _as_published(shares, number) if self.published else _drawn(shares, rng)
        part = list(parts.values())[place]
        return [part.places[position] for position in self.of.batch(part.sequences, number, rng)]

    def _parts(self, index: SequenceIndex) -> dict[str, _Part]:
        if self._seen is None or self._seen[0] is not index:
            places: dict[str, list[int]] = {}
            for place, ref in enumerate(index.refs):
                places.setdefault(_set_of(ref), []).append(place)
            found = {n: _Part(SequenceIndex([index.refs[i] for i in own]), own) for n, own in places.items()}
            self._seen = index, found
        return self._seen[1]


_NOBODY = SequenceRef("001", "nm-01", "090", None)


def _set_of(ref: SequenceRef) -> str:
    if not isinstance(ref.source, Mixed):
        raise ConfigError(
            "OneSetSampler draws from a mixture of data sets, and the data are none",
            where="sampler",
            hint="set data_cfg.type to mixture, or name the sampler under 'of' itself",
        )
    return ref.source.name


def _shares(counts: Sequence[float], power: float) -> np.ndarray:
    weights = np.asarray(counts, dtype=np.float64) ** power
    found: np.ndarray = weights / weights.sum()
    return found


def _drawn(shares: Mapping[str, float], rng: np.random.Generator) -> int:
    return int(np.searchsorted(np.cumsum([*shares.values()][:-1]), rng.random(), side="right"))


def _as_published(shares: Mapping[str, float], number: int) -> int:
    generator = torch.Generator().manual_seed(number)
    weights = torch.tensor([*shares.values()], dtype=torch.float32)
    return int(torch.multinomial(weights, 1, generator=generator))
