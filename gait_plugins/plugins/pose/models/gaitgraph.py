"""GaitGraph 1 and 2: ResGCN over keypoints (Teepe et al., ICIP 2021, arXiv 2101.11228; CVPRW 2022)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from gait_plugins.api import GaitBatch, ModelOutput
from gait_plugins.errors import ConfigError
from gait_plugins.plugins.pose.models.graphs import hop_adjacency
from gait_plugins.plugins.pose.models.resgcn import Block, ResGCN
from gait_plugins.plugins.pose.models.sequences import JointModel, embed, joint_frames
from gait_plugins.skeleton.bones import Skeleton, skeleton


class GaitGraph1(JointModel):
    """Keypoints as a graph over time, contrasted by two views of each clip.

    The embedding is a unit vector, or with ``tta`` the mean of the clip's and of the reversed clip's.
    Keys and shapes of the state dict are OpenGait's.

    Args:
        joint_format: order of the joints: ``coco``, ``alphapose`` or ``openpose``, ``coco-no-head``.
        input_branch: channels of a joint and of each module of the input branch.
        main_stream: channels that the branch gives, and of each module of the main stream.
        num_class: channels of the embedding.
        input_num: branches; the published transforms give one.
        reduction: by which a bottleneck is narrower.
        block: ``Bottleneck``; ``Basic``, with a residual around each module; ``initial``, without residuals.
        tta: embed the reversed clip too.
    """

    def __init__(
        self,
        joint_format: str,
        input_branch: Sequence[int],
        main_stream: Sequence[int],
        num_class: int,
        input_num: int = 1,
        reduction: int = 8,
        block: Block = "Bottleneck",
        tta: bool = True,
    ) -> None:
        super().__init__()
        bones = skeleton(joint_format, "GaitGraph1")
        self.tta = tta
        self.ResGCN = _network(bones, input_num, input_branch, main_stream, num_class, reduction, block)
        self.streams = (joint_frames(bones, input_branch[:1], [input_num], "GaitGraph1Input"),)

    @classmethod
    def example_config(cls) -> dict[str, Any]:
        """Narrow, for 17 joints."""
        widths = {"input_branch": [3, 8, 8], "main_stream": [8, 16, 16], "reduction": 2}
        return {"joint_format": "coco", "num_class": 6, **widths}

    def forward(self, batch: GaitBatch) -> ModelOutput:
        """Embeddings ``[n, c, 1]``; in training the features ``[n, 2, c]`` of two views.

        Raises:
            ConfigError: a training clip has no two halves.
        """
        features = embed(GaitBatch.of(batch), self._views if self.training else self._embed, self)
        embeddings = features.mean(1) if self.training else features
        return {
            "training_feat": {"SupConLoss": {"features": features, "labels": batch[1]}},
            "visual_summary": {},
            "inference_feat": {"embeddings": embeddings.unsqueeze(-1)},
        }

    def _views(self, frames: Tensor) -> Tensor:
        n, t = frames.shape[:2]
        if t % 2:
            raise ConfigError(
                f"a training clip has {t} frames, expected two views of equal length one after the other",
                where="GaitGraph1",
                hint="put the transforms of trainer_cfg into TwoView",
            )
        both = self._embed_once(torch.cat([frames[:, : t // 2], frames[:, t // 2 :]]))
        return torch.stack([both[:n], both[n:]], 1)

    def _embed(self, frames: Tensor) -> Tensor:
        if not self.tta:
            return self._embed_once(frames)
        both = self._embed_once(torch.cat([frames, frames.flip(1)]))
        return both.view(2, -1, both.shape[1]).mean(0)

    def _embed_once(self, frames: Tensor) -> Tensor:
        return F.normalize(self.ResGCN(frames.permute(0, 1, 3, 4, 2)), dim=1)


class GaitGraph2(JointModel):
    """Joints, motion and bones in three branches of a graph network.

    With ``tta`` the embedding is three ones after each other: of the clip, of the clip reversed in time, of
    the clip with left and right joints exchanged. Keys and shapes of the state dict are OpenGait's.

    Args:
        joint_format: order of the joints: ``coco``, ``alphapose`` or ``openpose``, ``coco-no-head``.
        input_branch: channels of a joint and of each module of a branch.
        main_stream: channels that each branch gives, and of each module of the main stream.
        num_class: channels of an embedding.
        input_num: branches.
        reduction: by which a bottleneck is narrower.
        block: ``Bottleneck``; ``Basic``, with a residual around each module; ``initial``, without residuals.
        tta: embed the reversed and the exchanged clip too.
        published: parity with OpenGait, where in these two clips joints are seen from the graph's centre, the
            neck of 18 joints, whatever the transform saw them from. Left out, they are seen from the
            transform's centre, as the joints of the clip itself are.
    """

    def __init__(
        self,
        joint_format: str,
        input_branch: Sequence[int],
        main_stream: Sequence[int],
        num_class: int,
        input_num: int = 3,
        reduction: int = 8,
        block: Block = "Bottleneck",
        tta: bool = True,
        published: bool = False,
    ) -> None:
        super().__init__()
        bones = skeleton(joint_format, "GaitGraph2")
        if tta and (input_num, input_branch[0]) != (3, 5):
            raise ConfigError(
                f"tta needs 3 branches of 5 channels, but input_num is {input_num} and input_branch begins "
                f"with {input_branch[0]}",
                where="GaitGraph2",
                hint="set tta to false, or input_num to 3 and the first value of input_branch to 5",
            )
        self.bones, self.tta, self.published = bones, tta, published
        self.ResGCN = _network(bones, input_num, input_branch, main_stream, num_class, reduction, block)
        self.streams = (joint_frames(bones, [], [input_num, input_branch[0]], "GaitGraphMultiInput"),)

    @classmethod
    def example_config(cls) -> dict[str, Any]:
        """Narrow, for 17 joints."""
        widths = {"input_branch": [5, 8, 8], "main_stream": [8, 16, 16], "reduction": 2}
        return {"joint_format": "coco", "num_class": 6, **widths}

    def forward(self, batch: GaitBatch) -> ModelOutput:
        """Embeddings ``[n, c, 1]``; with ``tta``, but not in training, ``[n, 3 c, 1]``."""
        work = self._embed if self.tta and not self.training else self.ResGCN
        features = embed(GaitBatch.of(batch), work, self)
        return {
            "training_feat": {"SupConLoss": {"features": features, "labels": batch[1]}},
            "visual_summary": {},
            "inference_feat": {"embeddings": features.unsqueeze(-1)},
        }

    def _embed(self, frames: Tensor) -> Tensor:
        joints = frames[:, :, :, 0]
        order = self.bones.order
        clips = [joints.flip(1), joints[:, :, list(order.mirrored)]]
        three = [frames, *(three_branches(clip, self.bones, self.published) for clip in clips)]
        found = self.ResGCN(torch.cat(three))
        return torch.cat(found.reshape(3, -1, found.shape[1]).unbind(0), 1)


def three_branches(joints: Tensor, bones: Skeleton, recentred: bool = False) -> Tensor:
    """What ``GaitGraphMultiInput`` makes of joints.

    Args:
        joints: its first branch, ``[n, t, v, 5]``: x, y, confidence, x and y as seen from the centre.
        bones: parents of the joints, and their centre.
        recentred: see joints from the centre of ``bones``; else the last two channels stay.

    Returns:
        Joints, motion, bones: ``[n, t, v, 3, 5]``. The third channel of motion and of bones is 0.
    """
    place, sure = joints[..., :2], joints[..., 2]
    if recentred:
        joints = torch.cat([joints[..., :3], place - place[:, :, bones.center, None]], -1)
    motion, bone = torch.zeros_like(joints), torch.zeros_like(joints)
    # The last two frames have no motion.
    motion[:, :-2, :, :2] = place[:, 1:-1] - place[:, :-2]
    motion[:, :-2, :, 4] = (place[:, 2:] - place[:, :-2])[..., 1]
    bone[..., :2] = place - place[:, :, list(bones.parents)]
    length = bone[..., 0].square().add(bone[..., 1].square()).sqrt() + 1e-4
    bone[..., 4] = torch.acos(bone[..., 1] / length)
    motion[..., 3] = bone[..., 3] = sure
    return torch.stack([joints, motion, bone], 3)


def _network(
    bones: Skeleton,
    input_num: int,
    input_branch: Sequence[int],
    main_stream: Sequence[int],
    num_class: int,
    reduction: int,
    block: Block,
) -> ResGCN:
    graph = hop_adjacency(len(bones.order), bones.links)
    return ResGCN(input_num, input_branch, main_stream, num_class, reduction, block, graph)
