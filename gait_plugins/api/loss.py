"""The contracts of losses, and of learning-rate schedules that watch the loss."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler

from gait_plugins.api.options import HasExample


class Loss(HasExample, nn.Module):
    """One loss term.

    ``forward`` gets the keyword arguments that the model put under this term's ``log_prefix`` and
    returns the loss, a scalar or one value per part ``[p]``, and a mapping of figures for the log.
    It computes in float32 whatever the precision of the training: tensors of floats are brought to it,
    those in lists and mappings too, and autocast is off.

    Args:
        loss_term_weight: factor of this term in the sum.
    """

    gathers: bool = False
    """True where the term compares samples of the whole batch: under several processes its tensor
    arguments, those in lists and mappings too, are then gathered over all ranks, with gradient, before
    ``forward`` is called."""

    def __init__(self, loss_term_weight: float = 1.0) -> None:
        super().__init__()
        self.loss_term_weight = loss_term_weight

    @classmethod
    def example_features(cls) -> dict[str, Tensor]:
        """Small arguments of ``forward`` that the loss can be tried with, one row a sample.

        Needed only where it takes others than ``embeddings``, ``features``, ``logits`` and ``labels``
        ``[n]``, or of other shapes.
        """
        return {}

    def check_batch(self, labels: Tensor) -> None:
        """See before any work whether a batch of these identities ``[n]`` can be learnt from.

        Raises what ``forward`` would: the last of several trainings should not end in it. By default all
        is well.
        """

    def forward(self, **features: Any) -> tuple[Tensor, Mapping[str, Tensor]]:
        """The loss and its figures, all tensors detached but the first."""
        raise NotImplementedError(f"{type(self).__name__} must define forward(**features)")


class LossSchedule(LRScheduler):
    """A schedule that is shown the loss before each of its steps."""

    @abstractmethod
    def observe(self, loss: Tensor) -> None:
        """Take note of the loss of this iteration: a scalar on any device, the mean over all processes."""
