"""GaitEdge: segmentation and recognition in one training, joined at the outline (Liang et al., ECCV 2022)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from typing_extensions import Self

from gait_plugins.api import Backbone, GaitBatch, GaitModel, ModelOutput
from gait_plugins.errors import ConfigError
from gait_plugins.plugins.colour.models.align import GaitAlign
from gait_plugins.plugins.colour.models.morphology import dilated, eroded
from gait_plugins.plugins.colour.models.segmentation import foreground
from gait_plugins.plugins.colour.streams import (
    MASKS,
    RATIOS,
    RGB,
    called,
    require_inputs,
    require_one_size,
    usual,
)

SIZE = (64, 44)
"""Of the silhouettes that the recogniser takes."""
NAMES = ("ratios", "rgb", "silhouettes")


class GaitEdge(GaitModel):
    """A recogniser of silhouettes on silhouettes that a segmentation network makes, in one training.

    With ``edge``, the inside of a body is that of a mask, and only its outline, between the eroded and the
    dilated mask, is what the network says: colours and textures cannot pass. Without it (GaitGL-E2E), every
    pixel is the network's. Silhouettes are then aligned, differentiably.

    In training the mask is the given one. In a test it is the network's own, so that a test needs no mask.
    Keys are OpenGait's: the recogniser's stand at the top, those of the segmentation under ``Backbone``.

    Args:
        recogniser: a model of silhouettes 64x44.
        segmentation: from pictures ``[m, 3, h, w]`` to logits ``[m, 1, h, w]``.
        edge: keep the inside of the mask.
        align: align silhouettes by ``GaitAlign``; otherwise whole frames are made smaller.
        seg_lr: learning rate of the segmentation.
        kernel_size: pixels of the square that erodes and dilates, an odd number.
        masks: false: the data have no masks, for a test.
        streams: what the data call ratios, rgb and silhouettes, in this order, where that is otherwise.
        published: parity with OpenGait: the given mask is used in a test too.
    """

    head_names = ()

    def __init__(
        self,
        recogniser: GaitModel,
        segmentation: Backbone,
        edge: bool = True,
        align: bool = True,
        seg_lr: float = 1.0e-5,
        kernel_size: int = 3,
        masks: bool = True,
        streams: Sequence[str] | None = None,
        published: bool = False,
    ) -> None:
        super().__init__()
        if kernel_size < 1 or kernel_size % 2 == 0:
            raise ConfigError(f"kernel_size is {kernel_size}, expected an odd number", where="GaitEdge")
        if published and not masks:
            raise ConfigError(
                "published needs masks in a test, but masks is false",
                where="GaitEdge",
                hint="leave out one of the two",
            )
        taken = (RATIOS, RGB, MASKS) if masks else (RATIOS, RGB)
        self.streams = called("GaitEdge", taken, streams)
        self._adopt(recogniser)
        self.Backbone = segmentation
        self.gait_align = GaitAlign(*SIZE)
        self.edge, self.align, self.kernel_size = edge, align, kernel_size
        self.seg_lr, self.published = seg_lr, published
        self.num_classes = recogniser.num_classes

    def _adopt(self, recogniser: GaitModel) -> None:
        """Have the recogniser's parts as one's own, so that keys are its own, and go on calling it."""
        clash = "Backbone" in dict(recogniser.named_children())
        loose = [*recogniser.parameters(recurse=False), *recogniser.buffers(recurse=False)]
        if clash or loose:
            raise ConfigError(
                f"{type(recogniser).__name__} cannot be the recogniser: "
                + ("its part Backbone has the name of the segmentation" if clash else "it has loose weights"),
                where="GaitEdge",
                hint="choose GaitGL, GaitSet or GaitPart",
            )
        for name, part in recogniser.named_children():
            self.add_module(name, part)
        # Not a part itself: its parts would be listed twice.
        object.__setattr__(self, "recogniser", recogniser)

    @classmethod
    def from_config(  # type: ignore[override]
        cls,
        *,
        GaitGL: GaitModel,
        Segmentation: Backbone,
        edge: bool = True,
        align: bool = True,
        seg_lr: float = 1.0e-5,
        kernel_size: int = 3,
        masks: bool = True,
        streams: Sequence[str] | None = None,
        published: bool = False,
    ) -> Self:
        """Build from OpenGait's ``model_cfg``.

        Args:
            GaitGL: the recogniser; ``model: GaitGL`` if nothing else is said.
            Segmentation: the segmentation network, ``U_Net`` as published.
            edge: keep the inside of the mask, and let the network say the outline alone.
            align: align silhouettes by ``GaitAlign``; otherwise whole frames are made smaller.
            seg_lr: learning rate of the segmentation.
            kernel_size: pixels of the square that erodes and dilates, an odd number.
            masks: false: the data have no masks, for a test.
            streams: what the data call ratios, rgb and silhouettes, in this order, where that is otherwise.
            published: parity with OpenGait: the given mask is used in a test too.
        """
        return cls(GaitGL, Segmentation, edge, align, seg_lr, kernel_size, masks, streams, published)

    @classmethod
    def usual_streams(cls, **options: Any) -> Mapping[str, Mapping[str, Any]]:
        """Ratios, pictures and masks, in the order of CASIA-B*'s files."""
        return usual(NAMES if options.get("masks", True) else NAMES[:2])

    @classmethod
    def example_config(cls) -> dict[str, Any]:
        """A narrow GaitGL behind GaitEdge's own segmentation."""
        recogniser = {"model": "GaitGL", "channels": [2, 4, 6], "class_num": 5}
        return {"GaitGL": recogniser, "Segmentation": {"type": "U_Net"}}

    def train(self, mode: bool = True) -> Self:
        """Switch all parts, and the recogniser that they are parts of."""
        super().train(mode)
        self._recogniser().train(mode)
        return self

    def init_parameters(self) -> None:
        """Each part as its model initialises itself."""
        super().init_parameters()
        self._recogniser().init_parameters()

    def parameter_groups(self, optimizer_cfg: Mapping[str, Any]) -> Iterable[Any]:
        """The segmentation at ``seg_lr``; all else as the recogniser has it."""
        tuned = [p for p in self.Backbone.parameters() if p.requires_grad]
        if tuned:
            yield {"params": tuned, "lr": self.seg_lr}
        for group in self._recogniser().parameter_groups(optimizer_cfg):
            yield group if isinstance(group, Mapping) else {"params": [group]}

    def forward(self, batch: GaitBatch) -> ModelOutput:
        """The recogniser's outputs ``[n, c, p]``, and what the segmentation is trained by."""
        batch = GaitBatch.of(batch)
        needed = (self.streams or ())[: None if self._needs_masks() else 2]
        require_inputs("GaitEdge", batch.inputs, needed)
        ratios, pictures = batch.inputs[:2]
        probabilities = foreground(self.Backbone, pictures)
        given = self._given(batch, pictures)
        drawn = self.drawn(probabilities, given if self._needs_masks() else None, ratios.flatten())
        frames = drawn.view(*pictures.shape[:2], *drawn.shape[-2:])
        output: ModelOutput = self._recogniser()(batch._replace(inputs=[frames], names=(), lens={}))
        if given is not None:
            output["training_feat"]["bce"] = {"logits": probabilities, "labels": given}
        output["visual_summary"] = {
            **output["visual_summary"],
            "image/logits": probabilities,
            "image/roi": drawn,
        }
        return output

    def drawn(self, probabilities: Tensor, masks: Tensor | None, ratios: Tensor) -> Tensor:
        """The recogniser's silhouettes ``[m, 1, 64, 44]``.

        Args:
            probabilities: of the segmentation, ``[m, 1, h, w]``.
            masks: the given ones, ``[m, 1, h, w]``; None: the segmentation's own.
            ratios: width divided by height of each frame's box, ``[m]``.
        """
        own = torch.round(probabilities.detach())
        masks = own if masks is None else masks
        if self.edge:
            rim, inside = outline(masks, self.kernel_size)
            shown = rim * probabilities + inside * masks
        else:
            shown, masks = probabilities, own
        if self.align:
            aligned: Tensor = self.gait_align(shown, masks, ratios)
            return aligned
        return F.interpolate(shown, SIZE, mode="bilinear", antialias=True)

    def _given(self, batch: GaitBatch, pictures: Tensor) -> Tensor | None:
        if len(batch.inputs) < 3:
            return None
        masks: Tensor = batch.inputs[2]
        require_one_size("GaitEdge", pictures, masks, ("rgb", "silhouettes"))
        return masks.flatten(0, 1).unsqueeze(1)

    def _needs_masks(self) -> bool:
        return self.training or self.published

    def _recogniser(self) -> GaitModel:
        found: GaitModel = self.__dict__["recogniser"]
        return found


def outline(masks: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """The rim of masks ``[m, 1, h, w]`` and their inside, bool: between dilated and eroded, and eroded."""
    inside = eroded(masks, size) > 0.5
    return (dilated(masks, size) > 0.5) ^ inside, inside
