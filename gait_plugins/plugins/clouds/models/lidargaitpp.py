"""LidarGait++: point clouds, set abstraction, parts by height (Shen et al., CVPR 2025)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn
from typing_extensions import Self

from gait_plugins.api import GaitBatch, GaitModel, ModelOutput, RaggedTensor, Stream
from gait_plugins.errors import ConfigError
from gait_plugins.nn import PackedMax, heads
from gait_plugins.nn.ragged_frames import pad_frames
from gait_plugins.plugins.clouds.models.pooling import (
    CountBins,
    HeightBins,
    NetVLAD,
    RangeBins,
    check_counts,
)
from gait_plugins.plugins.clouds.models.set_abstraction import (
    Cloud,
    PointFeatures,
    Sampling,
    SetAbstraction,
)

Pool = Literal["PPP_HAP", "PPP_UAP", "PPP_UDP", "GMaxP", "VLAD"]
RADII = (0.1, 0.2, 0.4)
CLUSTERS = 16


class CloudFrames(Stream):
    """Point clouds after a model's transforms, ragged or of one size.

    Args:
        columns: of a point: x, y, z, and 4 with its height above the ground.
    """

    def __init__(self, columns: int) -> None:
        about = (
            "expected are normalised x, y, z and the height in metres, after PointCloudsTransform with "
            "scale_aware: true"
            if columns == 4
            else "expected are normalised x, y, z, after PointCloudsTransform without scale_aware"
        )
        super().__init__("points", (None, columns), "float32", about=about)

    def misfit(self, given: Stream) -> str | None:
        """As of any stream; a cloud of a fixed number of points is one too."""
        if len(given.shape) == 2 and not given.ragged:
            given = given.changed(shape=(None, given.shape[1]))
        return super().misfit(given)


class LidarGaitPlusPlus(GaitModel):
    """PointNet++ on each cloud, pooled by height, the maximum over frames, and a head for each part.

    Each frame is a cloud of its own number of points, or all have as many. Keys and shapes of the state dict
    are OpenGait's. Farthest-point sampling begins at a random point of each cloud in training, and at its
    first point otherwise.

    Args:
        channel: width of the network: its levels have 4, 8 and 16 times as many channels.
        fcs: embedding of each part.
        necks: classifier of each part.
        npoints: points that each level chooses.
        nsample: neighbours of a point.
        sampling: ``knn`` for the nearest neighbours, ``ball`` for the first ones within 0.1, 0.2, 0.4.
        scale_aware: points have a fourth value, the height above the ground in metres.
        normalize_dp: offsets of neighbours are divided by those radii.
        pool: how points become parts: ``PPP_HAP`` bins by height in metres, ``PPP_UAP`` by height relative
            to the cloud, ``PPP_UDP`` by equal numbers of points; ``GMaxP`` one part; ``VLAD`` one part of 16
            times as many channels.
        scale: bins of each level of the pool.
        published: parity with OpenGait: ``PPP_UAP`` measures the first cloud of a batch for all.
        random_at_test: parity with OpenGait: a test begins at random points too, so that an embedding is
            another one each time.
    """

    def __init__(
        self,
        channel: int,
        fcs: heads.SeparateFCs,
        necks: heads.SeparateBNNecks,
        npoints: Sequence[int] = (512, 256, 128),
        nsample: int = 32,
        sampling: Sampling = "ball",
        scale_aware: bool = True,
        normalize_dp: bool = True,
        pool: Pool = "PPP_HAP",
        scale: Sequence[int] = (1, 2, 4, 8, 16),
        published: bool = False,
        random_at_test: bool = False,
    ) -> None:
        super().__init__()
        _check_options(channel, npoints, nsample, scale_aware, pool, scale)
        wide, out = 4 if scale_aware else 3, _channels(int(fcs.fc_bin.shape[1]), pool)
        sizes = [(2, 2, 4), (4, 4, 8), (8, 8, 16)]
        before = [0, 4, 8]
        levels = [
            SetAbstraction(
                npoints[i],
                RADII[i],
                nsample,
                wide,
                before[i] * channel,
                [n * channel for n in sizes[i]],
                sampling,
                normalize_dp,
            )
            for i in range(3)
        ]
        self.sa1, self.sa2, self.sa3 = levels
        self.sa4 = PointFeatures(wide, 16 * channel, [16 * channel, 16 * channel, out])
        self.pool = _pool(pool, scale, out, published)
        self.BNNecks = necks
        self.FCs = fcs
        self.TP = PackedMax()
        self.random_at_test = random_at_test
        self.num_classes = necks.class_num
        self.streams = (CloudFrames(wide),)
        self._check_heads(1 if pool in ("GMaxP", "VLAD") else sum(scale), pool)

    @classmethod
    def from_config(  # type: ignore[override]
        cls,
        *,
        channel: int,
        SeparateFCs: heads.FCsOptions,
        SeparateBNNecks: heads.BNNecksOptions,
        npoints: Sequence[int] = (512, 256, 128),
        nsample: int = 32,
        sampling: Sampling = "ball",
        scale_aware: bool = True,
        normalize_dp: bool = True,
        pool: Pool = "PPP_HAP",
        scale: Sequence[int] = (1, 2, 4, 8, 16),
        published: bool = False,
        random_at_test: bool = False,
    ) -> Self:
        """Build from OpenGait's ``model_cfg``.

        Args:
            channel: width of the network: its levels have 4, 8 and 16 times as many channels.
            SeparateFCs: parts, channels of the features and channels of the embedding; with ``VLAD`` the
                features have 16 times the channels of a point.
            SeparateBNNecks: parts, channels of the embedding and number of training identities.
            npoints: points that each of the three levels chooses.
            nsample: neighbours of a point.
            sampling: ``knn`` for the nearest neighbours, ``ball`` for the first ones within 0.1, 0.2, 0.4.
            scale_aware: points have a fourth value, the height above the ground in metres.
            normalize_dp: offsets of neighbours are divided by those radii.
            pool: ``PPP_HAP``, ``PPP_UAP``, ``PPP_UDP``, ``GMaxP`` or ``VLAD``.
            scale: bins of each level of the pool.
            published: parity with OpenGait: ``PPP_UAP`` measures the first cloud of a batch for all.
            random_at_test: parity with OpenGait: a test begins at random points too, so that an embedding
                is another one each time.
        """
        return cls(
            channel,
            heads.SeparateFCs(**SeparateFCs),
            heads.SeparateBNNecks(**SeparateBNNecks),
            npoints,
            nsample,
            sampling,
            scale_aware,
            normalize_dp,
            pool,
            scale,
            published,
            random_at_test,
        )

    @classmethod
    def example_config(cls) -> dict[str, Any]:
        """Narrow, for a few points."""
        return {
            "channel": 2,
            "npoints": [12, 8, 4],
            "nsample": 4,
            "sampling": "knn",
            "scale": [1, 2],
            "SeparateFCs": {"parts_num": 3, "in_channels": 8, "out_channels": 6},
            "SeparateBNNecks": {"parts_num": 3, "in_channels": 6, "class_num": 5},
        }

    @classmethod
    def usual_streams(cls, **options: Any) -> Mapping[str, Mapping[str, Any]]:
        """Point clouds."""
        return {"points": {"type": "Points"}}

    def init_parameters(self) -> None:
        """OpenGait's; the centres of VLAD are drawn, and points belong to the nearest of them."""
        super().init_parameters()
        if isinstance(self.pool, NetVLAD):
            self.pool.start()

    def forward(self, batch: GaitBatch) -> ModelOutput:
        """Embeddings ``[n, c, p]`` and logits ``[n, classes, p]``."""
        batch = GaitBatch.of(batch)
        return self.outputs(self.part_embeddings(batch), batch)

    def part_embeddings(self, batch: GaitBatch) -> Tensor:
        """``[n, c, p]``."""
        frames = batch.inputs[0]
        clouds, n = _clouds(frames), len(batch.labels)
        parts = self.cloud_parts(clouds)
        rows = 1 if batch.seq_lens is not None else n
        sequences = parts.view(rows, -1, *parts.shape[1:]).transpose(1, 2)
        embeddings: Tensor = self.FCs(self.TP(sequences, batch.seq_lens))
        return embeddings

    def cloud_parts(self, cloud: Cloud) -> Tensor:
        """Features of the parts of each cloud, ``[b, c, p]``."""
        for level in (self.sa1, self.sa2, self.sa3):
            cloud = level(cloud, self._start(cloud))
        parts: Tensor = self.pool(self.sa4(cloud), cloud.points)
        return parts

    def outputs(self, embeddings: Tensor, batch: GaitBatch) -> ModelOutput:
        """The classifiers and what losses get."""
        _, logits = self.BNNecks(embeddings)
        return {
            "training_feat": {
                "triplet": {"embeddings": embeddings, "labels": batch.labels},
                "softmax": {"logits": logits, "labels": batch.labels},
            },
            "visual_summary": {},
            "inference_feat": {"embeddings": embeddings},
        }

    def _start(self, cloud: Cloud) -> Tensor | None:
        """Where farthest-point sampling begins in each cloud; None: at the first point."""
        if not self.training and not self.random_at_test:
            return None
        b, n = cloud.points.shape[:2]
        if cloud.own is None:
            return torch.randint(0, n, (b,), dtype=torch.long).to(cloud.points.device)
        sizes = cloud.own.sum(1)
        return (torch.rand(b, dtype=torch.float64).to(sizes.device) * sizes).long()

    def _check_heads(self, parts: int, pool: str) -> None:
        fcs, necks = self.FCs.fc_bin.shape, self.BNNecks.fc_bin.shape
        found = {
            "SeparateFCs.parts_num": (fcs[0], parts, f"the parts of {pool}"),
            "SeparateBNNecks.parts_num": (necks[0], parts, f"the parts of {pool}"),
            "SeparateBNNecks.in_channels": (necks[1], fcs[2], "SeparateFCs.out_channels"),
        }
        for option, (given, wanted, because) in found.items():
            if given != wanted:
                raise ConfigError(
                    f"{option} is {given}, expected {wanted} ({because})",
                    where="LidarGaitPlusPlus",
                    hint=f"set {option} to {wanted}",
                )


def _clouds(frames: Tensor | RaggedTensor) -> Cloud:
    """All frames of a batch, ragged or ``[n, s, m, c]``, as clouds one after the other."""
    if isinstance(frames, RaggedTensor):
        points, own = pad_frames(frames)
        return Cloud(points.float(), None, own)
    return Cloud(frames.flatten(0, 1).float(), None)


def _channels(inner: int, pool: str) -> int:
    """Channels of a point before the pool, from those of the parts."""
    if pool != "VLAD":
        return inner
    if inner % CLUSTERS:
        raise ConfigError(
            f"SeparateFCs.in_channels is {inner}, expected a multiple of {CLUSTERS}: VLAD makes so many "
            "times the channels of a point",
            where="LidarGaitPlusPlus",
            hint=f"set it to {CLUSTERS * inner} for points of {inner} channels",
        )
    return inner // CLUSTERS


def _pool(pool: str, scale: Sequence[int], channels: int, published: bool) -> nn.Module:
    if pool == "PPP_HAP":
        return HeightBins(scale)
    if pool == "PPP_UAP":
        return RangeBins(scale, published)
    if pool == "VLAD":
        return NetVLAD(CLUSTERS, channels)
    return CountBins([1] if pool == "GMaxP" else scale)


def _check_options(
    channel: int, npoints: Sequence[int], nsample: int, scale_aware: bool, pool: str, scale: Sequence[int]
) -> None:
    where = "LidarGaitPlusPlus"
    counts = {"channel": [channel], "npoints": npoints, "nsample": [nsample], "scale": scale}
    for name, values in counts.items():
        if not values or any(value < 1 for value in values):
            raise ConfigError(f"{name} is {list(values)}, expected whole numbers of at least 1", where=where)
    if len(npoints) != 3:
        raise ConfigError(f"npoints is {list(npoints)}, expected a number for each of 3 levels", where=where)
    if pool == "PPP_HAP" and not scale_aware:
        raise ConfigError(
            "pool PPP_HAP needs the heights of the points, but scale_aware is false",
            where=where,
            hint="set scale_aware to true, here and in PointCloudsTransform, or choose PPP_UAP",
        )
    if pool == "PPP_UDP":
        check_counts(scale, npoints[2], where)
