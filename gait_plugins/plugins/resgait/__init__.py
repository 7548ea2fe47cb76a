"""ResGait: occlusions, the occlusion evaluation module and residual stages (arXiv 2507.10978)."""

from __future__ import annotations

from typing import Any

from gait_plugins.hookspecs import Contribution, hookimpl

requires_api = 1
_HERE = "gait_plugins.plugins.resgait"


@hookimpl
def gait_models() -> Contribution:
    return {
        "OEM": f"{_HERE}.oem:OcclusionModule",
        "ResidualGait": f"{_HERE}.residual:ResidualGait",
        "Baseline_Mimic_Residual": f"{_HERE}.published:BaselineResidual",
        "DeepGaitV2_Mimic_Residual": f"{_HERE}.published:DeepGaitV2Residual",
        "SwinGait_Residual": f"{_HERE}.published:SwinGaitResidual",
    }


@hookimpl
def gait_transforms() -> Contribution:
    names = {
        "ConsistentHalfPatchTwoTypesResized": "occlusions",
        "ConsistentMiddlePatch": "occlusions",
        "MovingPatch": "occlusions",
        "MovingPole": "occlusions",
        "Occlusion": "occlusions",
        "FixedOcclusion": "known",
        "LabelledOcclusion": "known",
    }
    return {name: f"{_HERE}.{module}:{name}" for name, module in names.items()}


@hookimpl
def gait_losses() -> Contribution:
    return {"OcclusionLoss": f"{_HERE}.oem_loss:OcclusionLoss"}


@hookimpl
def gait_protocols() -> Contribution:
    return {"evaluate_occlusion": f"{_HERE}.oem_protocol:OcclusionProtocol"}


@hookimpl
def gait_configure(config: dict[str, Any]) -> None:
    """The published files name the earlier stages' files in the model's section."""
    from gait_plugins.plugins.resgait.dialect import take_earlier_stages

    take_earlier_stages(config)
