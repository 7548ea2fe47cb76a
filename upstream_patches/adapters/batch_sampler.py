"""A batch sampler component as one of OpenGait's shape, constructed as ``Sampler(dataset, **options)``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

from torch.utils.data import Sampler

import gait_plugins
from gait_plugins.api import BatchSampler, SequenceIndex, SequenceRef
from gait_plugins.errors import ConfigError
from upstream_patches.adapters.any_batches import InferenceBatches
from upstream_patches.adapters.seeding import batch_rng
from upstream_patches.adapters.signatures import accepting
from upstream_patches.processes import rank, world_size
from upstream_patches.session import Session


def adapt_batch_sampler(
    component: type[BatchSampler], name: str, session: Session
) -> Callable[..., Sampler[list[int]] | InferenceBatches]:
    """What makes the sampler from the host's data set and its options."""

    def make(dataset: Any, **options: Any) -> Sampler[list[int]] | InferenceBatches:
        sampler = gait_plugins.build("batch_sampler", {"type": name, **options})
        infos = dataset.seqs_info
        index = SequenceIndex([SequenceRef(who, kind, view, rest) for who, kind, view, *rest in infos])
        sampler.check(index)
        if session.loading == "test":
            return in_order(dataset, sampler, index, session.seed)
        return HostedBatches(sampler, index, session.seed)

    return accepting(make, component.__name__, ("dataset",), component)


class HostedBatches(Sampler[list[int]]):
    """This process's share of each training batch, without end; batch i is drawn from (seed, i).

    Args:
        sampler: the component.
        index: the sequences.
        seed: of everything random.
    """

    first = 0
    """Number of the first batch: that of the step which a resumed training goes on from."""

    def __init__(self, sampler: BatchSampler, index: SequenceIndex, seed: int) -> None:
        self.sampler, self.index, self.seed = sampler, index, seed
        self.batch_size = sampler.batch_size
        if self.batch_size % world_size():
            raise ConfigError(
                f"a batch of {self.batch_size} sequences cannot be divided among {world_size()} processes",
                where="sampler.batch_size",
                hint="choose a multiple of the number of processes",
            )

    def __len__(self) -> int:
        """Sequences, not batches: the host takes it so."""
        return len(self.index)

    def __iter__(self) -> Iterator[list[int]]:
        for number in count(self.first):
            chosen = self.sampler.batch(self.index, number, batch_rng(self.seed, number))
            yield [int(position) for position in chosen][rank() :: world_size()]


def in_order(dataset: Any, sampler: BatchSampler, index: SequenceIndex, seed: int) -> InferenceBatches:
    """A test's batches, in equal shares: the host names the results by the order of its data set.

    Raises:
        ConfigError: the component does not take each sequence once, in order.
    """
    batches = range(sampler.num_batches(index) or 0)
    taken = [int(i) for number in batches for i in sampler.batch(index, number, batch_rng(seed, number))]
    if taken != list(range(len(index))):
        raise ConfigError(
            f"{type(sampler).__name__} does not take every sequence once and in order, as a test requires",
            where="evaluator_cfg.sampler.type",
            hint="use InferenceSampler",
        )
    return InferenceBatches(dataset, sampler.batch_size)
