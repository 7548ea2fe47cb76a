"""FoundationGait: pretraining on many data sets at once, fine-tuning, and probes of what was learnt."""

from __future__ import annotations

from typing import Any

from gait_plugins.api import PublishedWork
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


@hookimpl
def gait_datasets() -> Contribution:
    return {"mixture": f"{_HERE}.mixture:Mixture"}


@hookimpl
def gait_batch_samplers() -> Contribution:
    return {"OneSetSampler": f"{_HERE}.one_set:OneSetSampler"}


@hookimpl
def gait_protocols() -> Contribution:
    return {
        "evaluate_dgait": f"{_HERE}.protocols:DGaitProtocol",
        "evaluate_ragar": f"{_HERE}.protocols:RagarProtocol",
    }


@hookimpl
def gait_configure(config: dict[str, Any]) -> None:
    """What OpenGait's files leave to its code: lists of data sets, views, steps, terms of the probes."""
    from gait_plugins.plugins.foundation import config_compat

    config_compat.mix_listed_sets(config)
    config_compat.join_views(config)
    config_compat.name_steps(config)
    config_compat.name_terms(config)
    config_compat.drop_idle_triplets(config)


@hookimpl
def gait_works() -> dict[str, PublishedWork]:
    exact = "keys and outputs of the published code within rounding"
    return {
        "FoundationGait": PublishedWork(
            "arXiv 2512.00691, ECCV 2026",
            models=(
                "FoundationGait_Scaling",
                "FoundationGait_Scaling_Finetune",
                "FoundationGait_Scaling_LinearProbing_Scoliosis1K",
                "FoundationGait_Scaling_LinearProbing_DGait",
                "FoundationGait_Scaling_LinearProbing_RAGAR",
            ),
            streams=("silhouettes",),
            configurations=("foundationgait/",),
            weights="none yet",
            licence="no weights",
            published="in the paper, without fine-tuning: Rank-1 Gait3D 48.0, OU-MVLP 64.5",
            seen=exact,
            needs="for fine-tuning and probes those of its own pretraining",
        ),
    }
