"""Batch samplers: P identities x K sequences, any, pairs of views, or each once for a test."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gait_plugins.api import BatchSampler, SequenceIndex
from gait_plugins.errors import ConfigError, DataError


class TripletSampler(BatchSampler):
    """P identities without repetition, and K sequences of each.

    An identity with fewer than K sequences gives K draws with repetition. The batches are endless.

    Args:
        batch_size: ``[P, K]``, over all processes together.
        batch_shuffle: mix the sequences of a batch; otherwise those of an identity follow each other.
    """

    def __init__(self, batch_size: tuple[int, int], batch_shuffle: bool = False) -> None:
        sizes = tuple(batch_size) if isinstance(batch_size, Sequence) else (batch_size,)
        if len(sizes) != 2 or not all(_is_count(size) for size in sizes):
            raise ConfigError(
                f"batch_size of TripletSampler is {batch_size!r}, expected [identities, sequences of each]",
                where="sampler",
                hint="for example -o trainer_cfg.sampler.batch_size=[8,16]",
            )
        self.identities, self.each = sizes
        self.batch_size = self.identities * self.each
        self.batch_shuffle = batch_shuffle

    @classmethod
    def example_config(cls) -> dict[str, Any]:
        return {"batch_size": [8, 4]}

    def check(self, index: SequenceIndex) -> None:
        found = len(index.identities)
        if found == 0:
            raise _nothing("TripletSampler")
        if found < self.identities:
            fitting = f"-o trainer_cfg.sampler.batch_size=[{found},{self.each}]"
            raise ConfigError(
                f"a batch needs {self.identities} identities, but the training set has {found}",
                where="sampler",
                hint=fitting
                if found > 1
                else "training needs at least two identities: add more to TRAIN_SET of the partition",
            )

    def batch(self, index: SequenceIndex, number: int, rng: np.random.Generator) -> Sequence[int]:
        chosen: list[int] = []
        for identity in rng.choice(len(index.identities), self.identities, replace=False):
            own = index.by_identity[index.identities[identity]]
            chosen += [own[i] for i in rng.choice(len(own), self.each, replace=len(own) < self.each)]
        return [chosen[i] for i in rng.permutation(len(chosen))] if self.batch_shuffle else chosen


class CommonSampler(BatchSampler):
    """Sequences drawn at random, without repetition within a batch, of any identities.

    Where the data have fewer sequences than a batch takes, they are drawn with repetition. The batches
    are endless.

    Args:
        batch_size: sequences of a batch, over all processes together.
        batch_shuffle: without effect, as the order is random anyway; OpenGait's YAML files carry the key.
    """

    def __init__(self, batch_size: int, batch_shuffle: bool = False) -> None:
        if not _is_count(batch_size):
            raise ConfigError(
                f"batch_size of CommonSampler is {batch_size!r}, expected a whole number of at least 1",
                where="sampler",
                hint="for example -o trainer_cfg.sampler.batch_size=128",
            )
        self.batch_size = batch_size

    @classmethod
    def example_config(cls) -> dict[str, Any]:
        return {"batch_size": 8}

    def check(self, index: SequenceIndex) -> None:
        if len(index) == 0:
            raise _nothing("CommonSampler")

    def batch(self, index: SequenceIndex, number: int, rng: np.random.Generator) -> Sequence[int]:
        return drawn(index, self.batch_size, rng)


class BilateralSampler(BatchSampler):
    """Sequences drawn at random, each of them twice: first all of them, then all of them again.

    The two places of a sequence get frames and augmentations of their own: the two views of it that
    GaitSSB contrasts (Fan et al., TPAMI 2023). The published sampler goes through a shuffled data set;
    this one draws every batch afresh, without repetition within the batch.

    Args:
        batch_size: ``[a, b]``: ``a * b`` sequences, so twice as many views, over all processes
            together. The product must divide by the number of processes.
        batch_shuffle: without effect, as the order is random anyway; OpenGait's YAML files carry the key.
    """

    def __init__(self, batch_size: tuple[int, int], batch_shuffle: bool = False) -> None:
        sizes = tuple(batch_size) if isinstance(batch_size, Sequence) else (batch_size,)
        if len(sizes) != 2 or not all(_is_count(size) for size in sizes):
            raise ConfigError(
                f"batch_size of BilateralSampler is {batch_size!r}, expected two whole numbers whose "
                "product is the number of sequences",
                where="sampler",
                hint="for example -o trainer_cfg.sampler.batch_size=[8,64]",
            )
        self.sequences = sizes[0] * sizes[1]
        self.batch_size = 2 * self.sequences

    @classmethod
    def example_config(cls) -> dict[str, Any]:
        return {"batch_size": [2, 4]}

    def check(self, index: SequenceIndex) -> None:
        if len(index) == 0:
            raise _nothing("BilateralSampler")

    def batch(self, index: SequenceIndex, number: int, rng: np.random.Generator) -> Sequence[int]:
        return 2 * drawn(index, self.sequences, rng)


class InferenceSampler(BatchSampler):
    """Every sequence once, in the data set's order; the last batch holds what is left.

    Args:
        batch_size: sequences of a batch, over all processes together; any number gives the same results.
        batch_shuffle: only false is possible; OpenGait's YAML files carry the key.
    """

    def __init__(self, batch_size: int = 1, batch_shuffle: bool = False) -> None:
        if not _is_count(batch_size):
            raise ConfigError(
                f"batch_size of InferenceSampler is {batch_size!r}, expected a whole number of at least 1",
                where="sampler",
                hint="for example -o evaluator_cfg.sampler.batch_size=4",
            )
        if batch_shuffle:
            raise ConfigError(
                "InferenceSampler takes the sequences in order: batch_shuffle cannot be true",
                where="sampler",
                hint="set -o evaluator_cfg.sampler.batch_shuffle=false",
            )
        self.batch_size = batch_size

    def check(self, index: SequenceIndex) -> None:
        if len(index) == 0:
            raise _nothing("InferenceSampler")

    def num_batches(self, index: SequenceIndex) -> int:
        return -(-len(index) // self.batch_size)

    def batch(self, index: SequenceIndex, number: int, rng: np.random.Generator) -> Sequence[int]:
        start = number * self.batch_size
        return range(start, min(start + self.batch_size, len(index)))


def drawn(index: SequenceIndex, count: int, rng: np.random.Generator) -> list[int]:
    """``count`` positions of ``index``; repeated only where there are fewer."""
    return [int(i) for i in rng.choice(len(index), count, replace=len(index) < count)]


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _nothing(owner: str) -> DataError:
    return DataError(
        f"{owner} has no sequences to draw from", hint="gait-plugins data check shows what the data hold"
    )
