"""Defaults of a configuration; the values are OpenGait's."""

from __future__ import annotations

import copy
from typing import Any

from gait_plugins.config import sections, update_sections
from gait_plugins.config.options.signature import of_model
from gait_plugins.config.section import Section
from gait_plugins.config.yaml.tree import Tree, marked

_COMPONENTS: dict[str, dict[str, Any]] = {
    "data_cfg": {"cache": False},
    "model_cfg": {"model": "Baseline"},
    "loss_cfg": {"type": "TripletLoss", "log_prefix": "triplet", "margin": 0.2, "loss_term_weight": 1.0},
    "optimizer_cfg": {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.0005},
    "scheduler_cfg": {"milestones": [20000, 40000, 60000], "gamma": 0.1},
    "trainer_cfg": {
        "sampler": {
            "type": "TripletSampler",
            "batch_size": [8, 16],
            "batch_shuffle": False,
            "sample_type": "fixed_unordered",
            "frames_num_fixed": 30,
            "frames_num_min": 25,
            "frames_num_max": 50,
        },
        "transform": [{"type": "BaseSilCuttingTransform"}],
    },
    "evaluator_cfg": {
        "eval_func": "evaluate_indoor_dataset",
        "metric": "euc",
        "cross_view_gallery": False,
        "sampler": {"type": "InferenceSampler", "batch_size": 4, "sample_type": "all_ordered"},
        "transform": [{"type": "BaseSilCuttingTransform"}],
    },
}

SECTIONS: dict[str, type[Section]] = {
    "data_cfg": sections.DataSection,
    "optimizer_cfg": update_sections.OptimizerSection,
    "scheduler_cfg": update_sections.SchedulerSection,
    "trainer_cfg": sections.TrainerSection,
    "evaluator_cfg": sections.EvaluatorSection,
}


def default_tree() -> Tree:
    """A fresh tree of all defaults."""
    data: dict[str, Any] = copy.deepcopy(_COMPONENTS)
    for name, model in SECTIONS.items():
        fixed = {
            p.name: copy.deepcopy(p.default)  # files are merged into it
            for p in of_model(model).params.values()
            if p.default_text and not p.default_note
        }
        data[name] = {**fixed, **data[name]}
    data["output_dir"] = sections.Config.model_fields["output_dir"].default
    return Tree(data, marked(data, None))
