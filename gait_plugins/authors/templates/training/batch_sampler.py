"""A batch sampler: which sequences make a batch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gait_plugins import BatchSampler, ConfigError, SequenceIndex


class ExampleBatchSampler(BatchSampler):
    """So many identities, and so many sequences of each, of different views where there are some.

    Args:
        people: identities of a batch.
        each: sequences of each.
    """

    def __init__(self, people: int = 4, each: int = 4) -> None:
        self.people, self.each = people, each
        self.batch_size = people * each

    def check(self, index: SequenceIndex) -> None:
        """Refuse data with too few identities, before any work."""
        if len(index.identities) < self.people:
            raise ConfigError(
                f"a batch needs {self.people} identities, the training data have {len(index.identities)}",
                where=type(self).__name__,
                hint="lower people",
            )

    def batch(self, index: SequenceIndex, number: int, rng: np.random.Generator) -> Sequence[int]:
        """Positions in ``index.refs`` of batch ``number``: a pure function of its arguments."""
        chosen = rng.choice(len(index.identities), self.people, replace=False)
        found: list[int] = []
        for label in (index.identities[i] for i in chosen):
            walks = [int(walk) for walk in rng.permutation(index.by_identity[label])]
            one_of_each_view = {index.refs[walk].view: walk for walk in walks}.values()
            order = [*one_of_each_view, *(walk for walk in walks if walk not in one_of_each_view)]
            found += [order[i % len(order)] for i in range(self.each)]  # all again where there are too few
        return found
