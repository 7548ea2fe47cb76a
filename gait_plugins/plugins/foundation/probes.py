"""Probes of FoundationGait: what else than the person it knows of a walk, by linear classifiers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from typing_extensions import Self, TypedDict

from gait_plugins.api import GaitBatch, ModelOutput
from gait_plugins.api.protocol import CLASS
from gait_plugins.errors import ConfigError
from gait_plugins.nn import SeparateBNNecks, check_labels
from gait_plugins.plugins.foundation.encoder import NARROW, STRIPS, BackboneOptions, Encoder
from gait_plugins.plugins.foundation.labels import attribute_values, depressed, scoliosis
from gait_plugins.plugins.foundation.tuned import Tuned, pictures


class NeckOptions(TypedDict):
    """The classifier over all strips."""

    class_num: int
    in_channels: int
    parts_num: int


class _Probe(Tuned):
    """Classifiers over the features of all strips, each a batch-norm neck.

    Args:
        encoder: what was pretrained.
        neck: size of a classifier.
        options: the rest of :meth:`from_config`.
    """

    ignored_options: ClassVar[Mapping[str, str]] = {
        "SeparateFCs": "the classifier is right above the features of the pretraining"
    }

    def __init__(self, encoder: Encoder, neck: NeckOptions, **options: Any) -> None:
        super().__init__(encoder, **options)
        features = encoder.channels * encoder.parts
        if neck["in_channels"] != features or neck["parts_num"] != 1:
            raise ConfigError(
                f"in_channels is {neck['in_channels']} and parts_num {neck['parts_num']}, expected "
                f"{features} ({encoder.channels} channels of {encoder.parts} strips) and 1",
                where=f"{self.title}: SeparateBNNecks",
                hint=f"set in_channels to {features} and parts_num to 1",
            )

    @classmethod
    def from_config(  # type: ignore[override]
        cls,
        *,
        Backbone: BackboneOptions,
        SeparateBNNecks: NeckOptions,
        bin_num: Sequence[int] = STRIPS,
        parts_num: int | None = None,
        crop_list: Sequence[int] = (1,),
        backbone_lr: Sequence[float] = (0.0, 0.0, 0.0, 0.0, 0.0),
        projector_lr: float = 0.0,
        published: bool = False,
    ) -> Self:
        """Build from OpenGait's ``model_cfg``.

        Args:
            Backbone: as pretrained.
            SeparateBNNecks: the classifier: classes, and features of all strips.
            bin_num: as pretrained.
            parts_num: strips of all levels; left out, as many as there are.
            crop_list: bands that training sequences are cut into: of each of as many equal groups of a batch.
            backbone_lr: learning rate of each of ``layer0`` to ``layer4``; 0 leaves it as it was pretrained.
            projector_lr: learning rate of the projector; the classifier uses the optimiser's.
            published: parity with OpenGait: layers that are not trained are in train mode, and go by the
                statistics of the batch.
        """
        encoder = Encoder(Backbone, bin_num, parts_num)
        options = {"crop_list": crop_list, "backbone_lr": backbone_lr, "projector_lr": projector_lr}
        return cls(encoder, SeparateBNNecks, published=published, **options)

    def features(self, batch: GaitBatch) -> Tensor:
        """The strips of each sequence in one row, ``[n, c * p, 1]``."""
        return self.strips(batch).flatten(1).unsqueeze(2)


class _ClassProbe(_Probe):
    """One classifier.

    Args:
        encoder: what was pretrained.
        neck: size of the classifier.
        options: see :class:`_Probe`.
    """

    classes: ClassVar[int]

    def __init__(self, encoder: Encoder, neck: NeckOptions, **options: Any) -> None:
        super().__init__(encoder, neck, **options)
        self.BNNecks = SeparateBNNecks(**neck)

    @classmethod
    def example_config(cls) -> dict[str, Any]:
        """Narrow, for silhouettes of 64x44."""
        return {**NARROW, "SeparateBNNecks": {"class_num": cls.classes, "in_channels": 186, "parts_num": 1}}

    def forward(self, batch: GaitBatch) -> ModelOutput:
        """Logits ``[n, classes, 1]``, which are tested in place of embeddings."""
        batch = GaitBatch.of(batch)
        _, logits = self.BNNecks(self.features(batch))
        softmax = {"logits": logits}
        labels = self.labels(batch)
        if labels is not None:
            check_labels(labels, self.BNNecks.class_num, self.title, "model_cfg.SeparateBNNecks.class_num")
            softmax["labels"] = labels
        return {
            "training_feat": {"softmax": softmax},
            "visual_summary": pictures(batch),
            "inference_feat": {"embeddings": logits, "logits": logits},
        }

    def labels(self, batch: GaitBatch) -> Tensor | None:
        """The class of each sequence, int64 ``[n]``; None where it is not known."""
        given = batch.targets.get(CLASS)
        if given is not None:
            return given
        found = self.classes_of(batch.types)
        return None if found is None else torch.tensor(found, device=batch.inputs[0].device)

    @staticmethod
    def classes_of(types: Sequence[str]) -> list[int] | None:
        """Classes by the type level of walks; None where one has none."""
        raise NotImplementedError


class ScoliosisProbe(_ClassProbe):
    """A probe of Scoliosis1K: negative, neutral or positive, which the type of a walk says.

    Args:
        encoder: what was pretrained.
        neck: size of the classifier.
        options: see :meth:`from_config`.
    """

    classes = 3
    classes_of = staticmethod(scoliosis)


class DepressionProbe(_ClassProbe):
    """A probe of D-Gait: whether somebody is depressed; the type of such a walk has a D.

    Args:
        encoder: what was pretrained.
        neck: size of the classifier.
        options: see :meth:`from_config`.
    """

    classes = 2
    classes_of = staticmethod(depressed)


class AttributeProbe(_Probe):
    """A probe of RAGAR: a yes-or-no classifier for every value of every attribute.

    The type of a walk holds the number of a value for each attribute: ``7_0_2``, behind a first number that
    says nothing.

    Args:
        encoder: what was pretrained.
        neck: size of each classifier.
        attributes: number of values of each attribute.
        options: see :meth:`from_config`.
    """

    def __init__(
        self, encoder: Encoder, neck: NeckOptions, attributes: Sequence[int], **options: Any
    ) -> None:
        super().__init__(encoder, neck, **options)
        if not attributes or min(attributes) < 1 or neck["class_num"] != 2:
            raise ConfigError(
                f"Attribute_list is {list(attributes)} and class_num {neck['class_num']}, expected the "
                "number of values of each attribute, and 2: yes and no",
                where=self.title,
                hint="for example Attribute_list: [2, 3]",
            )
        self.attributes = tuple(attributes)
        self.BNNeck_list = nn.ModuleList(SeparateBNNecks(**neck) for _ in range(sum(attributes)))

    @classmethod
    def from_config(  # type: ignore[override]
        cls,
        *,
        Backbone: BackboneOptions,
        SeparateBNNecks: NeckOptions,
        Attribute_list: Sequence[int],
        bin_num: Sequence[int] = STRIPS,
        parts_num: int | None = None,
        crop_list: Sequence[int] = (1,),
        backbone_lr: Sequence[float] = (0.0, 0.0, 0.0, 0.0, 0.0),
        projector_lr: float = 0.0,
        published: bool = False,
    ) -> Self:
        """Build from OpenGait's ``model_cfg``.

        Args:
            Backbone: as pretrained.
            SeparateBNNecks: each of the classifiers: two classes, and features of all strips.
            Attribute_list: number of values of each attribute, in the order of the types.
            bin_num: as pretrained.
            parts_num: strips of all levels; left out, as many as there are.
            crop_list: bands that training sequences are cut into: of each of as many equal groups of a batch.
            backbone_lr: learning rate of each of ``layer0`` to ``layer4``; 0 leaves it as it was pretrained.
            projector_lr: learning rate of the projector; the classifiers use the optimiser's.
            published: parity with OpenGait: layers that are not trained are in train mode, and go by the
                statistics of the batch.
        """
        encoder = Encoder(Backbone, bin_num, parts_num)
        options = {"crop_list": crop_list, "backbone_lr": backbone_lr, "projector_lr": projector_lr}
        return cls(encoder, SeparateBNNecks, Attribute_list, published=published, **options)

    @classmethod
    def example_config(cls) -> dict[str, Any]:
        """Narrow, for silhouettes of 64x44, and two attributes."""
        neck = {"class_num": 2, "in_channels": 186, "parts_num": 1}
        return {**NARROW, "SeparateBNNecks": neck, "Attribute_list": [2, 3]}

    def forward(self, batch: GaitBatch) -> ModelOutput:
        """Logits ``[n, 2, values]``, no and yes of each value, which are tested in place of embeddings."""
        batch = GaitBatch.of(batch)
        features = self.features(batch)
        logits = [neck(features)[1] for neck in self.BNNeck_list]
        terms = {f"softmax_{place:02d}": {"logits": one} for place, one in enumerate(logits)}
        values = attribute_values(batch.types, self.attributes)
        if values is not None:
            labels = torch.as_tensor(values, device=features.device)
            for term, column in zip(terms.values(), labels.unbind(1), strict=True):
                term["labels"] = column
        both = torch.cat(logits, 2)
        return {
            "training_feat": terms,
            "visual_summary": pictures(batch),
            "inference_feat": {"embeddings": both, "logits": both},
        }
