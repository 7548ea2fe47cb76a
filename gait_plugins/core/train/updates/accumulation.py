"""Accumulation: a batch goes through the model in parts, and the losses see the whole of it.

The first pass embeds every part without a graph. The losses compare all embeddings, and give each of them
its gradient. The second pass embeds every part again, by the same random numbers, and carries these gradients
back into the weights. So the memory is that of one part, and a loss that compares sequences (a triplet loss)
sees as many of them as without parts: the method of gradient caching (Gao et al. 2021, "Scaling deep
contrastive learning batch size under memory limited setup").
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from gait_plugins.core.data.host_batch import Divider, HostBatch
from gait_plugins.core.data.seeding import seed_step
from gait_plugins.core.train.last_step import LastStep
from gait_plugins.core.train.objective import AsItIs, Objective, Outcome, Replay
from gait_plugins.core.train.updates.parts import in_parts
from gait_plugins.errors import ConfigError
from gait_plugins.nn.tensor_trees import joined, mapped, tensors

_WHERE = "trainer_cfg.accumulate"
_WITHOUT = "train this model with -o trainer_cfg.accumulate=1"
_ALIKE = 0.02
"""By how much of the largest number the two passes may differ: what sums of another order do in 16 bits."""


class Accumulation:
    """The passes of a step.

    Args:
        fabric: where and in which precision.
        objective: what Fabric made of ``raw``.
        raw: model and losses.
        last: undoes what a forward pass changes.
        parts: how many a batch is taken in.
        seed: of the training.
    """

    def __init__(
        self, fabric: Fabric, objective: nn.Module, raw: Objective, last: LastStep, parts: int, seed: int
    ) -> None:
        self._fabric, self._objective, self._raw, self._last = fabric, objective, raw, last
        self._count, self._seed = parts, seed
        self._learnt = [p for p in raw.losses.parameters() if p.requires_grad]
        self._compared = False

    def forward(self, batch: HostBatch, divide: Divider, step: int) -> Outcome:
        """Loss and figures of the whole batch; images of its first part.

        Raises:
            ConfigError: the model's features are not one row a sequence; or see :func:`in_parts`.
        """
        self._divide, self._step = divide, step
        self._parts = in_parts(batch, self._count)
        seen: list[Mapping[str, Any]] = []
        images: Mapping[str, Tensor] = {}
        for number, part in enumerate(self._parts):
            # What has a gradient at all, a first part with its graph tells.
            with torch.set_grad_enabled(number == 0), self._fabric.autocast():
                features, shown = self._raw.features(self._given(number))
            if number == 0:
                self._differentiable = [x.requires_grad for x in tensors(features)]
                images = {name: image.detach() for name, image in shown.items()}
            _check_rows(features, len(part.labels), type(self._raw.model).__name__)
            seen.append(mapped(features, torch.Tensor.detach))
            del features, shown
        self._last.rewind()
        self._seen = list(zip(*(tensors(each) for each in seen), strict=True))
        return self._scored(seen, images)

    def _scored(self, seen: list[Mapping[str, Any]], images: Mapping[str, Tensor]) -> Outcome:
        whole = joined(seen)
        kinds = iter(self._differentiable)
        # In float32: the gradients of 16-bit features, not yet scaled, would vanish.
        whole = mapped(whole, lambda x: x.float().requires_grad_() if next(kinds) else x)
        leaves = [x for x in tensors(whole) if x.requires_grad]
        seed_step(self._seed, self._step, self._fabric.global_rank)
        loss, figures = self._raw.score(whole, self._fabric.device.type)
        found = torch.autograd.grad(loss, [*leaves, *self._learnt], allow_unused=True)
        self._gradients, self._of_losses = found[: len(leaves)], found[len(leaves) :]
        return loss.detach(), figures, dict(images)

    def backward(self) -> None:
        """Carry the gradients of the losses into the weights, part after part.

        Raises:
            ConfigError: the model gives other features than in the first pass.
        """
        start = 0
        for number, part in enumerate(self._parts):
            stop, last = start + len(part.labels), number == len(self._parts) - 1
            replay = Replay(
                batch=self._given(number),
                expected=[row[number] for row in self._seen],
                differentiable=self._differentiable,
                gradients=[None if g is None else g[start:stop] for g in self._gradients],
                learnt=list(zip(self._learnt, self._of_losses, strict=True)) if last else [],
            )
            waits = self._fabric.world_size > 1 and not last
            with self._fabric.no_backward_sync(self._objective, enabled=True) if waits else nullcontext():  # type: ignore[arg-type]
                carried, apart = self._objective(AsItIs(replay))
                if not self._compared:
                    _check_alike(apart, type(self._raw.model).__name__)
                self._fabric.backward(carried)
            start = stop
        self._compared = True
        del self._parts, self._seen, self._gradients, self._of_losses

    def _given(self, number: int) -> Any:
        # The two passes of a part draw the same numbers.
        seed_step(self._seed, self._step, self._fabric.global_rank, number + 1)
        return self._divide(self._parts[number], self._fabric.device)


def _check_rows(features: Mapping[str, Any], rows: int, model: str) -> None:
    for name, value in features.items():
        for x in tensors(value):
            if x.dim() == 0 or len(x) != rows:
                shape = list(x.shape) or "a single number"
                raise ConfigError(
                    f"{model} gives {shape} under {name!r} for {rows} sequences: where a batch is taken in "
                    "parts, what a loss gets must have one row for each sequence",
                    where=_WHERE,
                    hint=f"a model that pairs or sums the sequences of a batch needs all at once: {_WITHOUT}",
                )


def _check_alike(apart: Tensor, model: str) -> None:
    if not float(apart) <= _ALIKE:
        raise ConfigError(
            f"{model} gives other features when the same sequences come a second time (by {float(apart):.2g} "
            "of the largest)",
            where=_WHERE,
            hint=f"it counts its calls, or draws numbers of its own: {_WITHOUT}",
        )
