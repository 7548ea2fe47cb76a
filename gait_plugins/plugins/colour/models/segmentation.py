"""Segmentation of the person in pictures, as a model of its own (first phase of GaitEdge, ECCV 2022)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from gait_plugins.api import Backbone, GaitBatch, GaitModel, ModelOutput
from gait_plugins.nn import split_lengths
from gait_plugins.plugins.colour.streams import MASKS, RGB, called, require_inputs, require_one_size, usual

EPS = 1.0e-9


class Segmentation(GaitModel):
    """A network from pictures to masks, trained on given ones.

    It embeds a sequence by the mean of its masks, ``[n, h, w]`` (a gait energy image). Beside that it says
    ``overlap`` ``[n, 2]``: the sum over the frames of intersection over union, and the number of frames.

    Args:
        backbone: from pictures ``[m, 3, h, w]`` to logits ``[m, 1, h, w]``.
        streams: what the data call ``rgb`` and ``silhouettes``, in this order, where that is otherwise.
    """

    head_names = ()

    def __init__(self, backbone: Backbone, streams: Sequence[str] | None = None) -> None:
        super().__init__()
        self.streams = called("Segmentation", (RGB, MASKS), streams)
        self.Backbone = backbone

    @classmethod
    def from_config(cls, *, backbone_cfg: Backbone, streams: Sequence[str] | None = None) -> Segmentation:  # type: ignore[override]
        """Build from OpenGait's ``model_cfg``.

        Args:
            backbone_cfg: the network, ``U_Net`` as published.
            streams: what the data call ``rgb`` and ``silhouettes``, in this order, where that is otherwise.
        """
        return cls(backbone_cfg, streams)

    @classmethod
    def usual_streams(cls, **options: Any) -> Mapping[str, Mapping[str, Any]]:
        """Pictures, then masks."""
        return usual(("rgb", "silhouettes"))

    @classmethod
    def example_config(cls) -> dict[str, Any]:
        """GaitEdge's own."""
        return {"backbone_cfg": {"type": "U_Net"}}

    def forward(self, batch: GaitBatch) -> ModelOutput:
        """Probabilities of every frame for the loss; mean masks and overlaps of sequences."""
        batch = GaitBatch.of(batch)
        require_inputs("Segmentation", batch.inputs, self.streams or ())
        pictures, masks = batch.inputs
        require_one_size("Segmentation", pictures, masks, ("rgb", "silhouettes"))
        probabilities = foreground(self.Backbone, pictures)
        given = masks.flatten(0, 1).unsqueeze(1)
        found = (probabilities.detach() > 0.5).float()
        lengths = split_lengths(batch.seq_lens) or [masks.shape[1]] * len(masks)
        overlaps = (found * given).flatten(1).sum(1)
        overlaps = overlaps / (((found + given) > 0).flatten(1).sum(1) + EPS)
        parts = zip(torch.split(found[:, 0], lengths), torch.split(overlaps, lengths), strict=True)
        rows = [
            (shown.mean(0), torch.stack([each.sum(), each.new_tensor(len(each))])) for shown, each in parts
        ]
        return {
            "training_feat": {"bce": {"logits": probabilities, "labels": given}},
            "visual_summary": {"image/sils": given, "image/logits": probabilities, "image/pred": found},
            "inference_feat": {
                "embeddings": torch.stack([mean for mean, _ in rows]),
                "overlap": torch.stack([overlap for _, overlap in rows]),
            },
        }


def foreground(network: torch.nn.Module, pictures: Tensor) -> Tensor:
    """Probability of the person at each pixel: pictures ``[n, s, 3, h, w]`` to ``[n * s, 1, h, w]``."""
    return torch.sigmoid(network(pictures.flatten(0, 1)).float())
