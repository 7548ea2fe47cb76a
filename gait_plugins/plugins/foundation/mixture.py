"""Mixture of data sets: the sequences of several, each of which says which set it is from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from gait_plugins.api import GaitDataset, SequenceRef, Stream, Subset
from gait_plugins.errors import ConfigError
from gait_plugins.suggest import did_you_mean


class Mixed(NamedTuple):
    """Where a sequence of a mixture is found."""

    name: str
    """The set."""
    ref: SequenceRef
    """The sequence, as the set has it."""


class Mixture(GaitDataset):
    """Training sequences of several data sets, and the test sequences of one of them.

    An identity is called ``SET/ID`` in training: ``CASIA-B/001`` is another person than ``OUMVLP/001``.
    ``OneSetSampler`` draws every batch from one set.

    Args:
        of: name -> data set, each as ``data_cfg`` would hold it: ``{Gait3D: {type: OpenGaitLayout, ...}}``;
            null leaves one out.
        tested: name of the set whose test sequences are tested; left out, the first one.
    """

    def __init__(self, of: dict[str, GaitDataset | None], tested: str | None = None) -> None:
        self.of = {name: part for name, part in of.items() if part is not None}
        if not self.of:
            raise ConfigError(
                "the mixture has no data set", where="data_cfg.of", hint="of: {NAME: {type: ...}}"
            )
        self.tested = next(iter(self.of)) if tested is None else tested
        if self.tested not in self.of:
            raise ConfigError(
                f"tested is {tested!r}, which is none of the data sets {', '.join(self.of)}",
                where="data_cfg.tested",
                hint=did_you_mean(str(tested), self.of) or "leave it out to test the first one",
            )

    @classmethod
    def example_config(cls) -> dict[str, Any]:
        walkers = {"type": "walkers", "train": 2, "test": 2, "frames": 5}
        return {"of": {"few": walkers, "more": {**walkers, "train": 3, "seed": 1}}}

    def sequences(self, subset: Subset) -> list[SequenceRef]:
        if subset == "test":
            found = self.of[self.tested].sequences("test")
            return [ref._replace(source=Mixed(self.tested, ref)) for ref in found]
        return [
            ref._replace(label=f"{name}/{ref.label}", source=Mixed(name, ref))
            for name, part in self.of.items()
            for ref in part.sequences("train")
        ]

    def load(self, ref: SequenceRef) -> list[Any]:
        return self.of[ref.source.name].load(ref.source.ref)

    def streams(self) -> tuple[Stream, ...] | None:
        """As all of the sets say.

        Raises:
            ConfigError: they do not say the same.
        """
        said = {name: part.streams() for name, part in self.of.items()}
        names = {name: _names(streams) for name, streams in said.items()}
        if len(set(names.values())) > 1:
            listed = "; ".join(f"{name}: {', '.join(found) or 'not said'}" for name, found in names.items())
            raise ConfigError(
                f"the data sets of the mixture hold different streams: {listed}",
                where="data_cfg.of",
                hint="choose the same inputs of each, by data_in_use, or by streams and files",
            )
        return said[self.tested]

    def times(self, ref: SequenceRef) -> Mapping[str, np.ndarray]:
        """As its set says."""
        return self.of[ref.source.name].times(ref.source.ref)

    def length(self, ref: SequenceRef) -> int:
        """As its set says."""
        return self.of[ref.source.name].length(ref.source.ref)

    def targets(self, ref: SequenceRef) -> Mapping[str, Any]:
        """As its set says."""
        return self.of[ref.source.name].targets(ref.source.ref)

    def probe_set(self) -> frozenset[str] | None:
        """That of the tested set."""
        return self.of[self.tested].probe_set()


def _names(streams: tuple[Stream, ...] | None) -> tuple[str, ...]:
    return () if streams is None else tuple(stream.name for stream in streams)
