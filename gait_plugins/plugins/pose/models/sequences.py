"""Sequences of joints as models take them: their stream, and packs whose clips are embedded one by one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from gait_plugins.api import GaitBatch, GaitModel, Stream
from gait_plugins.api.stream import Axis
from gait_plugins.errors import ConfigError
from gait_plugins.nn import split_lengths
from gait_plugins.skeleton import ORDERS, JointOrder
from gait_plugins.skeleton.bones import Skeleton
from gait_plugins.skeleton.orders import ALIASES


class JointModel(GaitModel):
    """A model whose files hold keypoints: in the order of its ``joint_format``, or any that is known."""

    @classmethod
    def usual_streams(cls, **options: Any) -> Mapping[str, Mapping[str, Any]]:
        """Keypoints in the order that ``joint_format`` names; told by their number, where it is no option."""
        joint_format = options.get("joint_format")
        if joint_format is None:
            return {"keypoints": {"type": "Keypoints", "joints": "any"}}
        known = ALIASES.get(str(joint_format), str(joint_format)) in ORDERS
        return {"keypoints": {"type": "Keypoints", "joints": joint_format}} if known else {}


class JointFrames(Stream):
    """Keypoints after a model's transforms.

    Args:
        order: the joints that the model takes.
        shape: of one frame.
        transforms: by which keypoints become such frames, for messages.
    """

    def __init__(self, order: JointOrder, shape: Sequence[Axis], transforms: str) -> None:
        about = f"expected are {order.described}, after {transforms}"
        super().__init__("keypoints", shape, "float32", about=about)
        object.__setattr__(self, "_order", order)

    def misfit(self, given: Stream) -> str | None:
        """As of any stream; joints of another order are named beside the expected ones."""
        ours: JointOrder = self._order  # type: ignore[attr-defined]
        theirs = self._order_of(given)
        if theirs is not None and theirs.name != ours.name:
            return f"joints of another order, {theirs.title}, expected {ours.title}"
        return super().misfit(given)

    def _order_of(self, given: Stream) -> JointOrder | None:
        named = getattr(given, "order", None) or getattr(given, "_order", None)
        if isinstance(named, JointOrder):
            return named
        if len(given.shape) != len(self.shape):
            return None
        place = list(self.shape).index(len(self._order))  # type: ignore[attr-defined]
        return next((each for each in ORDERS.values() if given.shape[place] == len(each)), None)


def joint_frames(skeleton: Skeleton, before: Sequence[int], after: Sequence[int], by: str) -> JointFrames:
    """The stream of frames ``[*before, v, *after]``."""
    return JointFrames(skeleton.order, (*before, len(skeleton.order), *after), by)


def embed(batch: GaitBatch, network: Callable[[Tensor], Any], owner: nn.Module) -> Any:
    """What a network makes of the sequences of a batch: each as if it were alone.

    Sequences of a pack that are equally long go through the network together.

    Args:
        batch: of one stream, stacked ``[n, t, ...]`` or packed ``[1, sum(t), ...]``.
        network: from ``[m, t, ...]`` to a tensor, or a tuple of tensors, ``[m, ...]``.
        owner: the model.

    Raises:
        ConfigError: sequences of unequal lengths are trained with.
    """
    frames, lengths = batch.inputs[0], split_lengths(batch.seq_lens)
    if lengths is None:
        return network(frames)
    if owner.training and len(set(lengths)) > 1:
        raise ConfigError(
            f"the sequences of a training batch have {min(lengths)} to {max(lengths)} frames, expected the "
            "same number: batch norm takes all of them together",
            where=type(owner).__name__,
            hint="set trainer_cfg.sampler.sample_type to fixed_ordered, with frames_num_fixed",
        )
    parts = torch.split(frames[0], lengths)
    alike = [[i for i, other in enumerate(lengths) if other == length] for length in sorted(set(lengths))]
    found = [network(torch.stack([parts[i] for i in group])) for group in alike]
    back = torch.tensor([i for group in alike for i in group], device=frames.device).argsort()
    if isinstance(found[0], Tensor):
        return torch.cat(found)[back]
    return tuple(torch.cat(each)[back] for each in zip(*found, strict=True))
