"""ResGait: occlusions, the occlusion evaluation module and residual stages (arXiv 2507.10978)."""

from __future__ import annotations

from typing import Any

from gait_plugins.api import PublishedWork
from gait_plugins.hookspecs import Contribution, hookimpl

requires_api = 1
_HERE = "gait_plugins.plugins.resgait"


@hookimpl
def gait_models() -> Contribution:
    return {
        "OEM": f"{_HERE}.oem.model:OcclusionModule",
        "ResidualGait": f"{_HERE}.residual.model:ResidualGait",
        "Baseline_Mimic_Residual": f"{_HERE}.residual.published:BaselineResidual",
        "DeepGaitV2_Mimic_Residual": f"{_HERE}.residual.published:DeepGaitV2Residual",
        "SwinGait_Residual": f"{_HERE}.residual.published:SwinGaitResidual",
    }


@hookimpl
def gait_transforms() -> Contribution:
    names = {
        "ConsistentHalfPatchTwoTypesResized": "transforms",
        "ConsistentMiddlePatch": "transforms",
        "MovingPatch": "transforms",
        "MovingPole": "transforms",
        "Occlusion": "transforms",
        "FixedOcclusion": "fixed",
        "LabelledOcclusion": "fixed",
    }
    return {name: f"{_HERE}.occlusion.{module}:{name}" for name, module in names.items()}


@hookimpl
def gait_losses() -> Contribution:
    return {"OcclusionLoss": f"{_HERE}.oem.loss:OcclusionLoss"}


@hookimpl
def gait_protocols() -> Contribution:
    return {"evaluate_occlusion": f"{_HERE}.oem.protocol:OcclusionProtocol"}


@hookimpl
def gait_commands() -> dict[str, tuple[str, str]]:
    return {
        "runs retention": (
            f"{_HERE}.retention.command:run_retention",
            "Compare a model alone and a later stage under conditions.",
        )
    }


@hookimpl
def gait_configure(config: dict[str, Any]) -> None:
    """The published files name the earlier stages' files in the model's section."""
    from gait_plugins.plugins.resgait.config_compat import take_earlier_stages

    take_earlier_stages(config)


@hookimpl
def gait_works() -> dict[str, PublishedWork]:
    exact = "keys and outputs of the published code within rounding"
    return {
        "ResGait": PublishedWork(
            "arXiv 2507.10978",
            models=(
                "OEM",
                "ResidualGait",
                "Baseline_Mimic_Residual",
                "DeepGaitV2_Mimic_Residual",
                "SwinGait_Residual",
            ),
            streams=("silhouettes",),
            configurations=("resgait/",),
            weights="none known here",
            licence="none stated",
            published="in the paper: the relative performance on Gait3D rises from 0.11 to 0.58",
            seen=f"{exact}; resgait/walkers: it rises from 0.11 to 0.31 (top cut) and 0.44 (bottom cut)",
            needs="those of the occlusion module and of the model around which it is laid",
        ),
    }
