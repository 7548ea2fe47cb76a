"""ScoNet: GaitBase that learns a class of walks beside the person (Zhou et al., MICCAI 2024, scoliosis)."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from gait_plugins.api import SILHOUETTES, GaitBatch, ModelOutput
from gait_plugins.api.protocol import CLASS
from gait_plugins.errors import ConfigError
from gait_plugins.nn import frames_of
from gait_plugins.plugins.zoo.models.baseline import Baseline


class ScoNet(Baseline):
    """GaitBase whose classifiers tell classes apart, and whose embeddings still tell people apart.

    The class of a sequence is the target ``class``, which ``data_cfg.classes`` gives it by its type. It is
    learnt from, and is not needed to embed.

    Args:
        backbone: network from frames ``[m, c, h, w]`` to maps ``[m, c', h', w']``.
        fcs: embedding of each part.
        necks: classifier of each part: of the classes, not of the people.
        bin_num: strips of each pyramid level.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        # Its classifier is for the classes: there may be any number of people.
        self.class_number, self.num_classes = self.num_classes or 0, None
        self.streams = (SILHOUETTES,) if self.frame_channels in (1, None) else None

    @classmethod
    def example_config(cls) -> dict[str, Any]:
        """Narrow, for silhouettes of 64x44, and three classes."""
        example = super().example_config()
        return {**example, "SeparateBNNecks": {**example["SeparateBNNecks"], "class_num": 3}}

    def outputs(self, embeddings: Tensor, batch: GaitBatch) -> ModelOutput:
        """Triplets of people, cross-entropy of classes; the scores ``[n, classes, p]`` are what is tested."""
        _, logits = self.BNNecks(embeddings)
        softmax = {"logits": logits, "labels": self._classes(batch)}
        return {
            "training_feat": {
                "triplet": {"embeddings": embeddings, "labels": batch.labels},
                "softmax": {name: value for name, value in softmax.items() if value is not None},
            },
            "visual_summary": {"image/sils": frames_of(batch.inputs[0]).transpose(1, 2).flatten(0, 1)},
            "inference_feat": {"embeddings": logits, "logits": logits},
        }

    def _classes(self, batch: GaitBatch) -> Tensor | None:
        """The class of each sequence, ``[n]``; None where it is not known."""
        numbers = batch.targets.get(CLASS)
        if numbers is None or not self.training or numbers.device.type != "cpu":
            return numbers
        most = int(numbers.max())
        if most >= self.class_number:
            raise ConfigError(
                f"the classifier is for {self.class_number} classes, the data have {most + 1} or more",
                where="model_cfg.SeparateBNNecks.class_num",
                hint="set class_num to the number of data_cfg.classes",
            )
        return numbers
