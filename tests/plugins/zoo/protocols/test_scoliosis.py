"""Scoliosis1K's figures equal the published evaluation's."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.golden_rules import golden

import gait_plugins
from gait_plugins.api import EmbeddingSet, SequenceRef
from gait_plugins.core.data.classes import Classes
from gait_plugins.plugins.zoo.config_compat import name_classes

FIGURES = {
    "scalar/test_accuracy/": "accuracy",
    "scalar/test_precision/": "precision",
    "scalar/test_recall/": "recall",
    "scalar/test_f1/": "F1",
}
CASES = ["mixed", "neutral_never_predicted", "no_positive_in_truth", "mean_over_parts_matters", "ties"]


@pytest.mark.parametrize("case", CASES)
def test_figures_are_the_published_ones(case: str) -> None:
    arrays = golden("pose/scoliosis")
    types = arrays[f"{case}_types"]
    config = {"model_cfg": {"model": "ScoNet"}, "data_cfg": {}, "evaluator_cfg": {}}
    name_classes(config)
    classes = Classes(config["data_cfg"]["classes"])
    n = len(types)
    data = EmbeddingSet(
        embeddings=arrays[f"{case}_logits"],
        labels=np.array([f"{number:03d}" for number in range(n)]),
        types=types,
        views=np.array(["000"] * n),
        dataset_name="Scoliosis1K",
        targets={"class": np.array([classes.of(SequenceRef("1", name, "0", None)) for name in types])},
        class_names=tuple(classes.patterns),
    )
    found = gait_plugins.build("protocol", {"eval_func": "evaluate_scoliosis"}).evaluate(data)
    for key, value in zip(arrays[f"{case}_keys"], arrays[f"{case}_vals"], strict=True):
        assert found.metrics[FIGURES[key]] == pytest.approx(100 * value, abs=1e-9), key
    printed = [line.rpartition(": ")[2].rstrip("%") for line in arrays[f"{case}_log"]]
    assert list(found.tables[0].rows[0]) == printed
    assert found.details["classes"] == ["negative", "neutral", "positive"]
