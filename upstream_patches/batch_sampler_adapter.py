"""A batch sampler component as one of OpenGait's shape, constructed as ``Sampler(dataset, **options)``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from torch.utils.data import Sampler

import gait_plugins
from gait_plugins.api import BatchSampler, SequenceIndex, SequenceRef
from gait_plugins.errors import ConfigError
from upstream_patches.draws import batch_rng
from upstream_patches.processes import rank, world_size
from upstream_patches.session import Session
from upstream_patches.signatures import accepting


def adapt_batch_sampler(
    component: type[BatchSampler], name: str, session: Session
) -> Callable[..., HostedBatches]:
    """What makes the sampler from the host's data set and its options."""

    def make(dataset: Any, **options: Any) -> HostedBatches:
        sampler = gait_plugins.build("batch_sampler", {"type": name, **options})
        return HostedBatches(dataset, sampler, session.seed)

    return accepting(make, component.__name__, ("dataset",), component)


class HostedBatches(Sampler[list[int]]):
    """This process's share of each batch; batch i is drawn from (seed, i).

    Args:
        dataset: the host's; ``seqs_info`` lists its sequences.
        sampler: the component.
        seed: of everything random.
    """

    first = 0
    """Number of the first batch: that of the step which a resumed training goes on from."""

    def __init__(self, dataset: Any, sampler: BatchSampler, seed: int) -> None:
        self.sampler = sampler
        self.seed = seed
        self.index = SequenceIndex(
            [SequenceRef(who, kind, view, rest) for who, kind, view, *rest in dataset.seqs_info]
        )
        sampler.check(self.index)
        self.batch_size = sampler.batch_size
        if self.batch_size % world_size():
            raise ConfigError(
                f"a batch of {self.batch_size} sequences does not divide among {world_size()} processes",
                where="sampler.batch_size",
            )

    def __len__(self) -> int:
        """Sequences, not batches: the host takes it so."""
        return len(self.index)

    def __iter__(self) -> Iterator[list[int]]:
        total = self.sampler.num_batches(self.index)
        number = self.first if total is None else 0
        while total is None or number < total:
            chosen = self.sampler.batch(self.index, number, batch_rng(self.seed, number))
            yield self._share(chosen, in_order=total is not None)
            number += 1

    def _share(self, chosen: Sequence[int], *, in_order: bool) -> list[int]:
        positions = [int(position) for position in chosen]
        if not in_order:
            return positions[rank() :: world_size()]
        # A test: the host lays the shares side by side and cuts off what is too many at the end.
        positions += positions[:1] * (self.batch_size - len(positions))
        each = self.batch_size // world_size()
        return positions[rank() * each : (rank() + 1) * each]
