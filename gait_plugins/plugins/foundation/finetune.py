"""Fine-tuning of FoundationGait: a linear map and a classifier for each strip on the pretrained teacher."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor
from typing_extensions import Self

from gait_plugins.api import GaitBatch, ModelOutput
from gait_plugins.errors import ConfigError
from gait_plugins.nn import SeparateBNNecks, SeparateFCs, heads
from gait_plugins.nn.heads import BNNecksOptions, FCsOptions
from gait_plugins.plugins.foundation.encoder import NARROW, STRIPS, BackboneOptions, Encoder
from gait_plugins.plugins.foundation.tuned import PROJECTOR_RATE, RATES, Tuned, pictures


class FoundationGaitFinetune(Tuned):
    """A pretrained FoundationGait that learns to tell people of one data set apart.

    Args:
        encoder: what was pretrained.
        fcs: embedding of each strip.
        necks: classifier of each strip.
        options: the rest of :meth:`from_config`.
    """

    def __init__(self, encoder: Encoder, fcs: FCsOptions, necks: BNNecksOptions, **options: Any) -> None:
        super().__init__(encoder, **options)
        found = (fcs["in_channels"], fcs["parts_num"], necks["in_channels"], necks["parts_num"])
        expected = (encoder.channels, encoder.parts, fcs["out_channels"], encoder.parts)
        if found != expected:
            raise ConfigError(
                "channels and parts do not fit each other: SeparateFCs and SeparateBNNecks have in_channels "
                f"and parts_num {list(found)}, expected {list(expected)}",
                where=self.title,
                hint="they follow from the last of Backbone.channels, bin_num and SeparateFCs.out_channels",
            )
        self.num_classes = necks["class_num"]
        self.FCs = SeparateFCs(**fcs)
        self.BNNecks = SeparateBNNecks(**necks)

    @classmethod
    def from_config(  # type: ignore[override]
        cls,
        *,
        Backbone: BackboneOptions,
        SeparateFCs: FCsOptions,
        SeparateBNNecks: BNNecksOptions,
        bin_num: Sequence[int] = STRIPS,
        parts_num: int | None = None,
        crop_list: Sequence[int] = (8, 4, 2, 1),
        backbone_lr: Sequence[float] = RATES,
        projector_lr: float = PROJECTOR_RATE,
        published: bool = False,
    ) -> Self:
        """Build from OpenGait's ``model_cfg``.

        Args:
            Backbone: as pretrained.
            SeparateFCs: embedding of each strip.
            SeparateBNNecks: classifier of each strip, with the number of training identities.
            bin_num: as pretrained.
            parts_num: strips of all levels; left out, as many as there are.
            crop_list: bands that training sequences are cut into: of each of as many equal groups of a batch.
            backbone_lr: learning rate of each of ``layer0`` to ``layer4``; 0 leaves it as it was pretrained.
            projector_lr: learning rate of the projector; the head uses the optimiser's.
            published: parity with OpenGait: layers that are not trained are in train mode, and go by the
                statistics of the batch.
        """
        encoder = Encoder(Backbone, bin_num, parts_num)
        options = {"crop_list": crop_list, "backbone_lr": backbone_lr, "projector_lr": projector_lr}
        return cls(encoder, SeparateFCs, SeparateBNNecks, published=published, **options)

    @classmethod
    def example_config(cls) -> dict[str, Any]:
        """Narrow, for silhouettes of 64x44 and batches of four."""
        return {
            **NARROW,
            "crop_list": [2, 1],
            "SeparateFCs": {"in_channels": 6, "out_channels": 4, "parts_num": 31},
            "SeparateBNNecks": {"class_num": 5, "in_channels": 4, "parts_num": 31},
        }

    def forward(self, batch: GaitBatch) -> ModelOutput:
        """Embeddings ``[n, c, p]`` and logits ``[n, classes, p]``."""
        batch = GaitBatch.of(batch)
        return self.outputs(self.part_embeddings(batch), batch)

    def part_embeddings(self, batch: GaitBatch) -> Tensor:
        """``[n, c, p]``."""
        embeddings: Tensor = self.FCs(self.strips(batch))
        return embeddings

    def outputs(self, embeddings: Tensor, batch: GaitBatch) -> ModelOutput:
        """The classifiers, and what losses and monitors get."""
        _, logits = self.BNNecks(embeddings)
        return heads.part_output(embeddings, logits, batch.labels, pictures(batch)["image/sils"])
