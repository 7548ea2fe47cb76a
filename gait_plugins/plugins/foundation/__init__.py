"""FoundationGait: pretraining on many data sets at once, fine-tuning, and probes of what was learnt."""

from __future__ import annotations

from gait_plugins.hookspecs import Contribution, hookimpl

requires_api = 1
_HERE = "gait_plugins.plugins.foundation"


@hookimpl
def gait_models() -> Contribution:
    return {
        "FoundationGait_Scaling": f"{_HERE}.pretrain:FoundationGaitPretrain",
        "FoundationGait_Scaling_Finetune": f"{_HERE}.finetune:FoundationGaitFinetune",
        "FoundationGait_Scaling_LinearProbing_Scoliosis1K": f"{_HERE}.probes:ScoliosisProbe",
        "FoundationGait_Scaling_LinearProbing_DGait": f"{_HERE}.probes:DepressionProbe",
        "FoundationGait_Scaling_LinearProbing_RAGAR": f"{_HERE}.probes:AttributeProbe",
    }
