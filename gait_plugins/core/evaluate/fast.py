"""Fast copies of models for tests and embeddings: fused, and with their weights in the format computed in."""

from __future__ import annotations

import logging
from typing import Any

import torch

from gait_plugins.api import GaitBatch, GaitModel
from gait_plugins.nn.inference import fused, with_weights_in

log = logging.getLogger("gait_plugins")


class FastCopy:
    """Computes in place of a model, by a copy that is made of it at the first batch that it takes.

    Args:
        model: with its weights, on its device; it stays as it is. Its weights must not change any more.
    """

    def __init__(self, model: GaitModel) -> None:
        self.model = model
        self._made: GaitModel | None = None

    def __call__(self, batch: GaitBatch) -> Any:
        """What the model returns for a batch, under the autocast that is switched on."""
        made = self.copy(batch) if self._made is None else self._made
        with torch.inference_mode():
            output = made(batch)
        self._made = made  # of a batch that the model refuses no copy could be made, of another it may
        return output

    def copy(self, batch: GaitBatch) -> GaitModel:
        """A new copy, for the autocast that is switched on; the model itself where there can be none.

        Args:
            batch: real sequences, which show how the model works.
        """
        kind = batch.labels.device.type
        try:
            with torch.autocast(kind, enabled=False):
                made = fused(self.model, batch)
        except Exception as error:  # of a copy, or of the model itself, which says so again
            log.warning("fast: the model is used as it is, because no copy can be made of it: %s", error)
            return self.model
        log.info("fast: %d of %d batch norms are folded into other layers", made.folded, made.norms)
        if not torch.is_autocast_enabled(kind):
            return made.model
        return with_weights_in(torch.get_autocast_dtype(kind), made.model, batch)
