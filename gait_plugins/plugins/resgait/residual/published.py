"""The published residual models: a residual stage around three models, with the published keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from typing_extensions import Self

import gait_plugins
from gait_plugins.nn import heads
from gait_plugins.plugins.resgait.oem.detector import DetectorOptions, Pooling
from gait_plugins.plugins.resgait.residual.model import MixerOptions, ResidualGait


class _Published(ResidualGait):
    """A residual around a model that is registered under a known name."""

    wrapped: ClassVar[str]
    """Name of the wrapped model."""

    @classmethod
    def _around(cls, model_cfg: Mapping[str, Any], **options: Any) -> Self:
        given = {name: value for name, value in model_cfg.items() if value is not None}
        return cls(gait_plugins.build("model", {"model": cls.wrapped, **given}), **options)


class BaselineResidual(_Published):
    """GaitBase with a residual stage; see ``ResidualGait``."""

    wrapped = "Baseline"

    @classmethod
    def from_config(  # type: ignore[override]
        cls,
        *,
        backbone_cfg: dict[str, Any],
        SeparateFCs: heads.FCsOptions,
        SeparateBNNecks: heads.BNNecksOptions,
        bin_num: Sequence[int] = (16,),
        OccMixerFCs: MixerOptions | None = None,
        occ_detector: DetectorOptions | None = None,
        amount_of: Pooling = "amounts",
        frozen_statistics: bool = True,
    ) -> Self:
        """Build from the published ``model_cfg``.

        Args:
            backbone_cfg: frame network of both copies, as in Baseline.
            SeparateFCs: parts, channels of the maps and of the embedding.
            SeparateBNNecks: parts, channels of the embedding and number of training identities.
            bin_num: strips of each pyramid level.
            OccMixerFCs: sizes of the mixer, checked where given.
            occ_detector: how the occlusion module is read; see ResidualGait.
            amount_of: amounts or features; see ResidualGait.
            frozen_statistics: keep the frozen parts in eval mode.
        """
        model_cfg = {
            "backbone_cfg": backbone_cfg,
            "SeparateFCs": SeparateFCs,
            "SeparateBNNecks": SeparateBNNecks,
            "bin_num": bin_num,
        }
        return cls._around(
            model_cfg,
            OccMixerFCs=OccMixerFCs,
            occ_detector=occ_detector,
            amount_of=amount_of,
            frozen_statistics=frozen_statistics,
        )

    @classmethod
    def example_config(cls) -> dict[str, Any]:
        """Narrow, for silhouettes of 64x44."""
        backbone = {"type": "ResNet9", "channels": [4, 4, 8, 8], "layers": [1, 1, 1, 1], "maxpool": False}
        return {
            "backbone_cfg": backbone,
            "SeparateFCs": {"parts_num": 16, "in_channels": 8, "out_channels": 6},
            "SeparateBNNecks": {"parts_num": 16, "in_channels": 6, "class_num": 5},
        }


class DeepGaitV2Residual(_Published):
    """DeepGaitV2 with a residual stage; see ``ResidualGait``."""

    wrapped = "DeepGaitV2"

    @classmethod
    def from_config(  # type: ignore[override]
        cls,
        *,
        Backbone: dict[str, Any],
        SeparateBNNecks: dict[str, Any],
        OccMixerFCs: MixerOptions | None = None,
        occ_detector: DetectorOptions | None = None,
        amount_of: Pooling = "amounts",
        frozen_statistics: bool = True,
    ) -> Self:
        """Build from the published ``model_cfg``.

        Args:
            Backbone: blocks of both copies, as in DeepGaitV2.
            SeparateBNNecks: number of training identities.
            OccMixerFCs: sizes of the mixer, checked where given.
            occ_detector: how the occlusion module is read; see ResidualGait.
            amount_of: amounts or features; see ResidualGait.
            frozen_statistics: keep the frozen parts in eval mode.
        """
        return cls._around(
            {"Backbone": Backbone, "SeparateBNNecks": SeparateBNNecks},
            OccMixerFCs=OccMixerFCs,
            occ_detector=occ_detector,
            amount_of=amount_of,
            frozen_statistics=frozen_statistics,
        )

    @classmethod
    def example_config(cls) -> dict[str, Any]:
        """Narrow, for silhouettes of 64x44."""
        backbone = {"mode": "p3d", "in_channels": 1, "layers": [1, 1, 1, 1], "channels": [4, 4, 8, 8]}
        return {"Backbone": backbone, "SeparateBNNecks": {"class_num": 5}}


class SwinGaitResidual(_Published):
    """SwinGait with a residual stage; see ``ResidualGait``."""

    wrapped = "SwinGait"

    @classmethod
    def from_config(  # type: ignore[override]
        cls,
        *,
        Backbone: dict[str, Any],
        SeparateBNNecks: heads.BNNecksOptions,
        bin_num: Sequence[int] = (15,),
        embed_dim: int = 256,
        num_heads: tuple[int, int] = (16, 32),
        T_max_iter: int | None = None,
        OccMixerFCs: MixerOptions | None = None,
        occ_detector: DetectorOptions | None = None,
        amount_of: Pooling = "amounts",
        frozen_statistics: bool = True,
    ) -> Self:
        """Build from the published ``model_cfg``.

        Args:
            Backbone: blocks and widths of both copies, as in SwinGait.
            SeparateBNNecks: parts (one more than strips), channels and number of training identities.
            bin_num: strips of each pyramid level.
            embed_dim: width of the first attention stage.
            num_heads: heads of each attention stage.
            T_max_iter: iterations over which the learning rate falls along half a cosine.
            OccMixerFCs: sizes of the mixer, checked where given.
            occ_detector: how the occlusion module is read; see ResidualGait.
            amount_of: amounts or features; see ResidualGait.
            frozen_statistics: keep the frozen parts in eval mode.
        """
        model_cfg = {
            "Backbone": Backbone,
            "SeparateBNNecks": SeparateBNNecks,
            "bin_num": bin_num,
            "embed_dim": embed_dim,
            "num_heads": list(num_heads),
            "T_max_iter": T_max_iter,
        }
        return cls._around(
            model_cfg,
            OccMixerFCs=OccMixerFCs,
            occ_detector=occ_detector,
            amount_of=amount_of,
            frozen_statistics=frozen_statistics,
        )

    @classmethod
    def example_config(cls) -> dict[str, Any]:
        """Narrow, for silhouettes of 64x44."""
        return {
            "Backbone": {"mode": "p3d", "in_channels": 1, "layers": [1, 1, 2, 1], "channels": [4, 6]},
            "SeparateBNNecks": {"in_channels": 6, "class_num": 5, "parts_num": 16},
            "embed_dim": 8,
            "num_heads": [2, 4],
        }
