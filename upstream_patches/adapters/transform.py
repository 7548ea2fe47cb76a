"""A transform component as a callable of OpenGait's shape: a sequence in, a sequence out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

import gait_plugins
from gait_plugins.api import Transform
from upstream_patches.adapters.seeding import slot_of, transform_rng
from upstream_patches.adapters.signatures import accepting
from upstream_patches.processes import rank, world_size
from upstream_patches.session import Session, TransformedBatch


def adapt_transform(
    component: type[Transform], name: str, session: Session
) -> Callable[..., HostedTransform]:
    """What makes the transform from its options, as the host calls a class of its own."""

    def make(**options: Any) -> HostedTransform:
        return HostedTransform(gait_plugins.build("transform", {"type": name, **options}), session)

    return accepting(make, component.__name__, (), component)


class HostedTransform:
    """Calls a component once for each sequence, with a generator of its own.

    The host transforms in its training process, a sequence at a time where all are of equal length,
    all of them in one array where they are packed: the latter is taken apart first. The draws are
    seeded by (seed, step, slot, place in the pipeline).

    Args:
        component: the transform.
        session: knows the batch.
    """

    def __init__(self, component: Transform, session: Session) -> None:
        self.component = component
        self.at_test = component.at_test()
        self.session = session

    def __call__(self, sequence: Any) -> np.ndarray:
        """Frames in, float frames out.

        They are divided by the component's ``divisor`` here, unless the division comes later, on the
        device.
        """
        frames, transformed = np.asarray(sequence), self.session.transformed
        if transformed is None:  # a model of the host's that prepares its batches by itself
            frames = self.component(frames, np.random.default_rng(np.random.randint(2**31, size=4)))
        else:
            done = [self._transformed(transformed, clip) for clip in transformed.apart(frames)]
            frames = done[0] if len(done) == 1 else np.concatenate(done)
        if not np.issubdtype(frames.dtype, np.floating):
            frames = frames.astype(np.float32)  # the host asks gradients of whatever it trains on
        divided_here = transformed is None or id(self) not in transformed.divided_later
        return frames / self.component.divisor if divided_here and self.component.divisor != 1 else frames

    def _transformed(self, transformed: TransformedBatch, clip: np.ndarray) -> np.ndarray:
        """The batch's next sequence, with a generator of its own."""
        sequence, place = transformed.next_place(self)
        slot, component = rank() + sequence * world_size(), self.component
        if transformed.names is not None:
            slot, component = slot_of(transformed.names[sequence]), self.at_test
        rng = transform_rng(transformed.seed, transformed.number, slot, place)
        frames, known = component.with_targets(clip, rng)
        if known:
            transformed.known.setdefault(sequence, {}).update(known)
        return frames


def once(get_transform: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The host's maker of transforms, which makes those of a configuration once.

    Older checkouts call it for every batch, newer ones for every model.
    """
    made: list[tuple[Any, Any]] = []

    def get(configured: Any) -> Any:
        for known, transforms in made:
            if known is configured:
                return transforms
        made.append((configured, get_transform(configured)))
        return made[-1][1]

    return get


def transforms_of(model: Any, get_transform: Callable[[Any], Any]) -> Any:
    """The transforms that a model of the host uses now; older checkouts keep none."""
    kept = getattr(model, "trainer_trfs" if model.training else "evaluator_trfs", None)
    return get_transform(model.engine_cfg["transform"]) if kept is None else kept


def pretreated(
    original: Callable[[Any, Any], Any], model: Any, inputs: Any, session: Session, transforms: Any = None
) -> Any:
    """The host's own preparation of a batch, during which our transforms know of it.

    Args:
        original: ``inputs_pretreament`` of the host.
        model: the host's model.
        inputs: ``(sequences of each source, labels, types, views, lengths or None)``.
        session: is told of the batch.
        transforms: those of the model, where it does not keep them itself.
    """
    if transforms is None:
        transforms = model.trainer_trfs if model.training else model.evaluator_trfs
    ours = {i: t for i, t in enumerate(transforms) if isinstance(t, HostedTransform)}
    lengths = None if inputs[-1] is None else [int(length) for length in np.ravel(inputs[-1])]
    later = frozenset(id(transform) for transform in ours.values())
    number, names = (model.iteration, None) if model.training else (0, _names(*inputs[1:4]))
    transformed = TransformedBatch(session.seed, number, lengths, names=names, divided_later=later)
    before, session.transformed = session.transformed, transformed
    try:
        prepared = original(model, inputs)
    finally:
        session.transformed = before
    # Not a part of the batch: what wraps a model for several GPUs passes the host's five parts on.
    vars(model)["targets"] = transformed.targets()
    return (_divided(prepared[0], ours), *prepared[1:]) if ours else prepared


def _names(labels: Iterable[Any], types: Iterable[Any], views: Iterable[Any]) -> list[str]:
    return ["-".join(map(str, parts)) for parts in zip(labels, types, views, strict=True)]


def _divided(inputs: Sequence[Any], ours: Mapping[int, HostedTransform]) -> list[Any]:
    divisors = [float(ours[i].component.divisor) if i in ours else 1.0 for i in range(len(inputs))]
    return [x if d == 1 else x / d for x, d in zip(inputs, divisors, strict=True)]
