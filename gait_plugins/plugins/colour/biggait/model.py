"""BigGait: gait in the features of a large vision model (Ye et al., CVPR 2024), and its mask branch alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from gait_plugins.api import FeatureExtractor, GaitBatch, ModelOutput
from gait_plugins.api.options import number_within
from gait_plugins.nn import each_sequence, heads, split_lengths
from gait_plugins.plugins.colour.biggait.body import body_of, columns_of
from gait_plugins.plugins.colour.biggait.branches import (
    Branch,
    BranchOptions,
    branch_of,
    connection,
    gathered,
    joined,
    sameness,
    scattered,
)
from gait_plugins.plugins.colour.biggait.gait_net import FusionOptions, StagesOptions, TwoStems
from gait_plugins.plugins.colour.biggait.on_features import (
    OnFeatures,
    check_picture_size,
    in_chunks,
    resized,
    sized,
)
from gait_plugins.plugins.colour.streams import RATIOS, RGB, called, require_inputs, usual

QUARTERS = 4
"""Layers whose features are joined, evenly spaced."""
SHAPE_CONNECT, PART_CONNECT, DIVERSITY = 0.02, 0.01, 5.0
"""Weights of the losses of maps, beside those of the recogniser."""


class BigGait(OnFeatures):
    """Three branches turn the features of each pixel into a mask, soft parts and an appearance.

    The mask branch says which pixels are the body. It is trained first, as a model of its own
    (``BigGaitMask``), and taken over by ``trainer_cfg.init: {Mask_Branch: ...}``. Keys are OpenGait's; the
    extractor's stand under ``backbone``.

    Args:
        extractor: from pictures to features, such as ``{type: DINOv2, weights: FILE}``.
        backbone_cfg: widths, depths and strides of the recogniser's four stages.
        SeparateFCs: parts and channels of the embedding.
        SeparateBNNecks: parts, channels and identities of the classifier.
        bin_num: strips of the last map; together as many as parts.
        Denoising_Branch: four layers' features to soft parts.
        Appearance_Branch: four layers' features to a few channels.
        Mask_Branch: the last features to the body and what is around it.
        AttentionFusion: how soft parts and appearance are joined.
        image_size: width of the pictures that the extractor reads; they are twice as high.
        sils_size: width of the maps; they are twice as high.
        train_mask: train the mask branch in the same training; else it stays as it was taken over.
        blackout: part of the sequences of a training batch that lose either soft parts or appearance.
        streams: what the data call ``rgb`` and ``ratios``, in this order, where that is otherwise.
        published: parity with OpenGait: the loss of the mask's slopes reads the two channels as if they came
            one after the other, where they alternate.
    """

    ignored_options: ClassVar[Mapping[str, str]] = {
        "in_channel": "the two stems take as many channels as their branches give"
    }

    def __init__(
        self,
        extractor: FeatureExtractor,
        backbone_cfg: StagesOptions,
        SeparateFCs: heads.FCsOptions,
        SeparateBNNecks: heads.BNNecksOptions,
        bin_num: Sequence[int],
        Denoising_Branch: BranchOptions,
        Appearance_Branch: BranchOptions,
        Mask_Branch: BranchOptions,
        AttentionFusion: FusionOptions,
        image_size: int = 224,
        sils_size: int = 32,
        train_mask: bool = False,
        blackout: float = 0.2,
        streams: Sequence[str] | None = None,
        published: bool = False,
    ) -> None:
        super().__init__()
        check_picture_size("BigGait", extractor, image_size, QUARTERS)
        self.streams = called("BigGait", (RGB, RATIOS), streams)
        self.image_size, self.sils_size, self.train_mask = image_size, sils_size, train_mask
        self.published = published
        self.blackout = number_within("BigGait", "blackout", blackout, 0, 1)
        self.num_classes = SeparateBNNecks["class_num"]
        wide = QUARTERS * extractor.channels
        self.Denoising_Branch = branch_of("BigGait", "Denoising_Branch", Denoising_Branch, wide)
        self.Appearance_Branch = branch_of("BigGait", "Appearance_Branch", Appearance_Branch, wide)
        self.Mask_Branch = mask_branch("BigGait", Mask_Branch, extractor.channels)
        self.gait_net = TwoStems(
            self.Denoising_Branch.target_dim,
            self.Appearance_Branch.target_dim,
            backbone_cfg,
            SeparateFCs,
            SeparateBNNecks,
            bin_num,
            AttentionFusion,
        )
        self.backbone = extractor
        self._freeze(*() if train_mask else ("Mask_Branch",))

    @classmethod
    def usual_streams(cls, **options: Any) -> Mapping[str, Mapping[str, Any]]:
        """Pictures, then ratios."""
        return usual(("rgb", "ratios"))

    @classmethod
    def example_config(cls) -> dict[str, Any]:
        """Narrow, on a stand-in for DINOv2."""
        stages = {"channels": [4, 4, 8, 8], "layers": [1, 1, 1, 1], "strides": [1, 2, 2, 1], "maxpool": False}
        return {
            "extractor": {"type": "TinyDINOv2"},
            "image_size": 28,
            "sils_size": 8,
            "Denoising_Branch": {"source_dim": 96, "target_dim": 4, "Relu": True, "Up": False},
            "Appearance_Branch": {"source_dim": 96, "target_dim": 3, "softmax": False, "Up": False},
            "Mask_Branch": {"source_dim": 24, "target_dim": 2, "p": 0.5},
            "AttentionFusion": {"in_channels": 4, "squeeze_ratio": 2},
            "backbone_cfg": stages,
            "SeparateFCs": {"parts_num": 4, "in_channels": 8, "out_channels": 6},
            "SeparateBNNecks": {"parts_num": 4, "in_channels": 6, "class_num": 5},
            "bin_num": [4],
        }

    def forward(self, batch: GaitBatch) -> ModelOutput:
        """Embeddings ``[n, c, p]`` and logits ``[n, classes, p]``; in training, losses of the maps too."""
        batch = GaitBatch.of(batch)
        require_inputs("BigGait", batch.inputs, self.streams or ())
        form = batch.inputs[0].shape[:2]
        last, wide, columns = self.read(batch.inputs[0].flatten(0, 1), batch.inputs[1].flatten())
        shares, learnt = masked(self.Mask_Branch, last, columns, self.published)
        losses = learnt if self.training and self.train_mask else {}
        body = body_of(shares.detach())
        where = body != 0
        denoised = scattered(through(self.Denoising_Branch, gathered(wide, where)), where)
        appearance = scattered(through(self.Appearance_Branch, gathered(wide, where)), where)
        if self.training:
            losses["part_connect"] = PART_CONNECT * connection(denoised[:, :-1])
            losses["part_diversity"] = DIVERSITY * sameness(denoised)
            lengths = split_lengths(batch.seq_lens) or [form[1]] * form[0]
            denoised, appearance = self.blacked_out(denoised, appearance, lengths)
        embeddings = self.gait_net(denoised, appearance, form, batch.seq_lens)
        logits = self.gait_net.BNNecks(embeddings)[1]
        output = heads.part_output(embeddings, logits, batch.labels, body[:, None])
        output["training_feat"] |= losses
        return output

    def read(self, pictures: Tensor, ratios: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Features of pictures ``[m, 3, h, w]`` at the size of the maps.

        Returns:
            The last features ``[m, c, h', w']``, four layers' ``[m, 4 * c, h', w']``, and where the picture
            is and not black, bool ``[m, h', w']``.
        """
        depth = self.backbone.depth
        layers = [depth * quarter // QUARTERS for quarter in range(1, QUARTERS + 1)]

        def work(chunk: Tensor) -> Sequence[Tensor]:
            found, last = self.backbone.features(chunk, layers)
            return resized(last, self.sils_size), resized(joined(found), self.sils_size)

        with torch.no_grad():
            last, wide = in_chunks(work, sized(pictures, ratios, self.image_size))
        return last, wide, columns_of(ratios, 2 * self.sils_size, self.sils_size)

    def blacked_out(
        self, denoised: Tensor, appearance: Tensor, lengths: Sequence[int]
    ) -> tuple[Tensor, Tensor]:
        """The maps ``[m, c, h, w]`` of sequences of these lengths, some without the one or the other."""
        n = len(lengths)
        keep = torch.ones(2, n)
        chosen = torch.randperm(n)[: round(self.blackout * n)]
        keep[torch.randint(2, (len(chosen),)), chosen] = 0
        frames = keep.repeat_interleave(torch.tensor(lengths), 1)[..., None, None, None].to(denoised)
        return denoised * frames[0], appearance * frames[1]


class BigGaitMask(OnFeatures):
    """BigGait's mask branch alone, as the first stage of a training: it finds what can be told apart.

    It needs neither identities nor masks: each pixel's features are told by shares of two channels, and
    rebuilt from them. The embeddings are how much of each row of the frame is body, which is no way to
    recognise people.

    Args:
        extractor: from pictures to features.
        Mask_Branch: the last features to the body and what is around it.
        image_size: width of the pictures that the extractor reads.
        sils_size: width of the maps.
        streams: what the data call ``rgb`` and ``ratios``, in this order, where that is otherwise.
        published: as for :class:`BigGait`.
    """

    def __init__(
        self,
        extractor: FeatureExtractor,
        Mask_Branch: BranchOptions,
        image_size: int = 224,
        sils_size: int = 32,
        streams: Sequence[str] | None = None,
        published: bool = False,
    ) -> None:
        super().__init__()
        check_picture_size("BigGaitMask", extractor, image_size, 1)
        self.streams = called("BigGaitMask", (RGB, RATIOS), streams)
        self.image_size, self.sils_size, self.published = image_size, sils_size, published
        self.Mask_Branch = mask_branch("BigGaitMask", Mask_Branch, extractor.channels)
        self.backbone = extractor
        self._freeze()

    @classmethod
    def usual_streams(cls, **options: Any) -> Mapping[str, Mapping[str, Any]]:
        """Pictures, then ratios."""
        return usual(("rgb", "ratios"))

    @classmethod
    def example_config(cls) -> dict[str, Any]:
        """Narrow, on a stand-in for DINOv2."""
        full = BigGait.example_config()
        return {name: full[name] for name in ("extractor", "Mask_Branch", "image_size", "sils_size")}

    def forward(self, batch: GaitBatch) -> ModelOutput:
        """The losses of the mask branch, and embeddings ``[n, 1, rows]``."""
        batch = GaitBatch.of(batch)
        require_inputs("BigGaitMask", batch.inputs, self.streams or ())
        n, s = batch.inputs[0].shape[:2]
        pictures, ratios = batch.inputs[0].flatten(0, 1), batch.inputs[1].flatten()

        def work(chunk: Tensor) -> Sequence[Tensor]:
            return (resized(self.backbone(chunk), self.sils_size),)

        with torch.no_grad():
            (last,) = in_chunks(work, sized(pictures, ratios, self.image_size))
        columns = columns_of(ratios, 2 * self.sils_size, self.sils_size)
        shares, losses = masked(self.Mask_Branch, last, columns, self.published)
        body = body_of(shares.detach())
        rows = body.mean(2).view(n, s, -1).transpose(1, 2)
        profile = each_sequence(rows, split_lengths(batch.seq_lens), lambda frames: frames.mean(2))
        return {
            "training_feat": dict(losses),
            "visual_summary": {"image/foreground": body[:, None]},
            "inference_feat": {"embeddings": profile[:, None]},
        }


def mask_branch(owner: str, options: BranchOptions, channels: int) -> Branch:
    """The branch that tells body and background apart."""
    branch = branch_of(owner, "Mask_Branch", options, channels, back=True)
    number_within(owner, "Mask_Branch.target_dim", branch.target_dim, 2, 2)
    return branch


def masked(branch: Branch, last: Tensor, columns: Tensor, published: bool) -> tuple[Tensor, dict[str, Any]]:
    """Shares of body and background, 0 beside the picture, and the losses that they are learnt by.

    Args:
        branch: the mask branch.
        last: features ``[m, c, h, w]``.
        columns: where the picture is, bool ``[m, h, w]``.
        published: slopes are those of OpenGait.
    """
    pixels = gathered(last, columns)
    found = through(branch, pixels)
    shares = scattered(found, columns)
    sloped = shares.permute(0, 2, 3, 1).reshape(shares.shape) if published else shares
    slopes = SHAPE_CONNECT * connection(sloped)
    rebuilt = (branch.rebuilt(found).float() - pixels.float()).square().mean()
    return shares, {"shape_connect": slopes, "shape_mse": rebuilt}


def through(branch: Branch, pixels: Tensor) -> Tensor:
    """Pixels ``[k, c]`` through a branch, which has no statistics of fewer than two."""
    if len(pixels) > 1 or not branch.training:
        found: Tensor = branch(pixels)
        return found
    alone: Tensor = branch.eval()(pixels)
    branch.train()
    return alone
