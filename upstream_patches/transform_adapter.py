"""A transform component as a callable of OpenGait's shape: a sequence in, a sequence out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import gait_plugins
from gait_plugins.api import Transform
from upstream_patches.draws import transform_rng
from upstream_patches.processes import rank, world_size
from upstream_patches.session import Session
from upstream_patches.signatures import accepting


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
        self.session = session

    def __call__(self, sequence: Any) -> np.ndarray:
        """Frames in, float frames out.

        They are divided by the component's ``divisor`` here, unless the division comes later, on the
        device.
        """
        frames, scene = np.asarray(sequence), self.session.scene
        if scene is None:  # a model of the host's that prepares its batches by itself
            frames = self.component(frames, np.random.default_rng(np.random.randint(2**31, size=4)))
        else:
            done = [scene.run(self, clip) for clip in scene.apart(frames)]
            frames = done[0] if len(done) == 1 else np.concatenate(done)
        if not np.issubdtype(frames.dtype, np.floating):
            frames = frames.astype(np.float32)  # the host asks gradients of whatever it trains on
        divided_here = scene is None or id(self) not in scene.divided_later
        return frames / self.component.divisor if divided_here and self.component.divisor != 1 else frames


@dataclass
class Scene:
    """One batch while it is transformed."""

    seed: int
    number: int
    """The training step; 0 for a test."""
    lengths: Sequence[int] | None
    """Frames of each packed sequence."""
    divided_later: frozenset[int] = frozenset()
    """``id`` of the transforms whose division is left to the device."""
    calls: dict[int, int] = field(default_factory=dict)
    """``id`` of each transform, in the order of their first calls -> sequences that it has had."""
    known: dict[int, dict[str, Any]] = field(default_factory=dict)
    """Sequence of the batch -> what transforms know of it."""

    def apart(self, frames: np.ndarray) -> list[np.ndarray]:
        """The sequences of an array, one as a rule."""
        if self.lengths is None or sum(self.lengths) != len(frames):
            return [frames]
        return np.split(frames, np.cumsum(self.lengths)[:-1])

    def run(self, transform: HostedTransform, clip: np.ndarray) -> np.ndarray:
        """A transform's next sequence, with a generator of its own."""
        mine = self.calls.setdefault(id(transform), 0)
        self.calls[id(transform)] += 1
        slot, place = rank() + mine * world_size(), list(self.calls).index(id(transform))
        rng = transform_rng(self.seed, self.number, slot, place)
        frames, known = transform.component.with_targets(clip, rng)
        if known:
            self.known.setdefault(mine, {}).update(known)
        return frames

    def targets(self) -> dict[str, np.ndarray]:
        """What the transforms know of the sequences, int64 or float32 ``[n, ...]`` by its name."""
        rows = [self.known[slot] for slot in sorted(self.known)]
        names = rows[0] if rows else ()
        columns = {name: np.stack([np.asarray(row[name]) for row in rows]) for name in names}
        return {
            name: column.astype(np.float32 if column.dtype.kind == "f" else np.int64)
            for name, column in columns.items()
        }


def pretreated(original: Callable[[Any, Any], Any], model: Any, inputs: Any, session: Session) -> Any:
    """The host's own preparation of a batch, during which our transforms know of it.

    Args:
        original: ``inputs_pretreament`` of the host.
        model: the host's model.
        inputs: ``(sequences of each source, labels, types, views, lengths or None)``.
        session: is told of the batch.
    """
    transforms = model.trainer_trfs if model.training else model.evaluator_trfs
    ours = {i: t for i, t in enumerate(transforms) if isinstance(t, HostedTransform)}
    lengths = None if inputs[-1] is None else [int(length) for length in np.ravel(inputs[-1])]
    later = frozenset(id(transform) for transform in ours.values())
    scene = Scene(session.seed, model.iteration if model.training else 0, lengths, later)
    before, session.scene = session.scene, scene
    try:
        prepared = original(model, inputs)
    finally:
        session.scene = before
    # Not a part of the batch: what wraps a model for several GPUs passes the host's five parts on.
    vars(model)["targets"] = scene.targets()
    return (_divided(prepared[0], ours), *prepared[1:]) if ours else prepared


def _divided(inputs: Sequence[Any], ours: Mapping[int, HostedTransform]) -> list[Any]:
    divisors = [float(ours[i].component.divisor) if i in ours else 1.0 for i in range(len(inputs))]
    return [x if d == 1 else x / d for x, d in zip(inputs, divisors, strict=True)]
