"""ResGait: occlusions, the occlusion evaluation module and residual stages (arXiv 2507.10978)."""

from __future__ import annotations

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
