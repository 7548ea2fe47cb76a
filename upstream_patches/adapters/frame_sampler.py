"""A frame sampler component as the function that makes OpenGait's batches of loaded sequences."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from torch.utils.data import get_worker_info

import gait_plugins
from gait_plugins.api import FrameSampler
from gait_plugins.config.options import signature
from gait_plugins.errors import DataError
from upstream_patches.adapters.seeding import sequence_rng, slot_rng
from upstream_patches.processes import rank, world_size
from upstream_patches.session import Phase, Session

Loaded = tuple[Sequence[Any], Sequence[Any]]
"""A sequence as the host's data set gives it: its sources, and ``[label, type, view, files]``."""

Collate = Callable[[Sequence[Any], Mapping[str, Any]], "HostedFrames"]


class HostBatch(NamedTuple):
    """What the host makes its tensors of."""

    sequences: list[list[np.ndarray]]
    """For each source the frames of every sequence, or, packed, one array of all."""
    labels: list[int]
    types: list[str]
    views: list[str]
    lengths: np.ndarray | None
    """``[1, n]`` where packed."""


def adapt_frame_sampler(component: type[FrameSampler], name: str, session: Session) -> Collate:
    """What the host calls, as its ``CollateFn``, with all labels and the whole ``sampler`` mapping."""

    def make(label_set: Sequence[Any], sample_config: Mapping[str, Any]) -> HostedFrames:
        accepts = signature.of_component(component)
        # The mapping is the batch sampler's too, and the host fills it up with what it needs itself.
        options = {key: value for key, value in sample_config.items() if key in accepts.params}
        sampler = gait_plugins.build("frame_sampler", {"method": name, **options})
        phase = session.loading or "train"
        return HostedFrames(label_set, sampler.at_test() if phase == "test" else sampler, session.seed, phase)

    return make


class HostedFrames:
    """Cuts loaded sequences into samples and puts them together, in the host's loader.

    The frames of slot k of training batch i are drawn from (seed, i, k), those of a test sequence from
    (seed, its name): the number of workers changes nothing.

    Args:
        label_set: all labels of the data set, in the order of the classes.
        sampler: the component.
        seed: of everything random.
        phase: what the batches are for.
    """

    first = 0
    """Number of the first batch: that of the step which a resumed training goes on from."""

    def __init__(self, label_set: Sequence[Any], sampler: FrameSampler, seed: int, phase: Phase) -> None:
        self.classes: Mapping[Any, int] = {label: i for i, label in enumerate(label_set)}
        self.sampler = sampler
        self.seed = seed
        self.phase = phase
        # Asked here: a worker knows neither.
        self.rank, self.world_size = rank(), world_size()
        self._made = 0

    def __call__(self, loaded: Sequence[Loaded]) -> HostBatch:
        """The samples of a batch, stacked or packed as the component says."""
        number = self._number()
        samples = [self._sample(each, number, slot) for slot, each in enumerate(loaded)]
        sources = [list(source) for source in zip(*samples, strict=True)]
        lengths = None
        if not self.sampler.fixed_length:
            lengths = np.asarray([[len(sample[0]) for sample in samples]])
            sources = [[np.concatenate(source)] for source in sources]
        infos = [info for _, info in loaded]
        return HostBatch(
            sources,
            [self.classes[info[0]] for info in infos],
            [info[1] for info in infos],
            [info[2] for info in infos],
            lengths,
        )

    def _number(self) -> int:
        """The loader deals batches out to its workers in turn; each counts its own."""
        worker = get_worker_info()
        turn, self._made = self._made, self._made + 1
        return self.first + (turn if worker is None else turn * worker.num_workers + worker.id)

    def _sample(self, loaded: Loaded, number: int, slot: int) -> list[np.ndarray]:
        sources, info = loaded
        name = "-".join(map(str, info[:3]))
        if not len(sources[0]):
            raise DataError(
                f"sequence {name} has no frames", hint="gait-plugins data check names every such sequence"
            )
        if self.phase == "test":
            rng = sequence_rng(self.seed, name)
        else:
            rng = slot_rng(self.seed, number, self.rank + slot * self.world_size)
        picked = self.sampler.indices(len(sources[0]), rng)
        return [np.asarray(source).take(picked, axis=0) for source in sources]
