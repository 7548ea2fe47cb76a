"""Data that OpenGait's own evaluators cannot score: told before any work, with the protocol that can."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from helpers.hosts.two_hosts import OURS, in_host
from helpers.hosts.upstream_host import mini, pin, write_config, write_data

from gait_plugins.errors import ConfigError
from upstream_patches.checkout.tree import Checkout
from upstream_patches.patches.scorable import check_scorable

EVALUATORS = """

def across(features, dataset):
    gallery = {"CASIA-B": ["nm-02", "bg-02"], "OUMVLP": ["01"]}
    return gallery[dataset]


def apart(features, dataset, metric):
    probes = {"CASIA-B": {"NM": ["nm-05"], "BG": ["bg-01"]}, "SUSTech1K": {"Normal": ["01-nm"]}}
    gallery = {"CASIA-B": ["nm-01"], "SUSTech1K": ["00-nm"]}
    for name, kinds in probes[dataset].items():
        for kind in kinds:
            features = gallery[dataset]
    return features


def indoor(data, dataset, metric="euc", cross_view_gallery=False):
    if dataset not in ("CASIA-B", "OUMVLP", "SUSTech1K"):
        raise KeyError(dataset)
    if cross_view_gallery:
        return across(data, dataset)
    else:
        return apart(data, dataset, metric)


def outdoor(data, dataset, metric="euc"):
    kinds = {"GREW": ["01"]}
    if metric == "cos":
        return kinds[dataset]
    return {"scalar/test_accuracy/rank": 1.0}
"""


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    checkout = mini(tmp_path / "host")
    file = checkout.file("evaluation.evaluator")
    file.write_text(file.read_text() + EVALUATORS)
    pin(checkout, tmp_path / "pins", monkeypatch)
    return checkout


def asked(checkout: Checkout, function: str, dataset: str, **more: Any) -> None:
    data = {"test_dataset_name": dataset, **more.pop("data", {})}
    check_scorable(checkout, {"eval_func": function, **more}, data)


def test_the_names_are_read_from_the_source_with_the_options_that_are_given(checkout: Checkout):
    for dataset in ("CASIA-B", "SUSTech1K"):
        asked(checkout, "indoor", dataset)
    for dataset, more, known in (
        ("walkers", {}, "only for CASIA-B, SUSTech1K"),
        ("OUMVLP", {}, "only for CASIA-B, SUSTech1K"),
        ("SUSTech1K", {"cross_view_gallery": True}, "only for CASIA-B, OUMVLP"),
    ):
        with pytest.raises(ConfigError, match=f"indoor has no rule for the data set '{dataset}', {known}"):
            asked(checkout, "indoor", dataset, **more)
    asked(checkout, "indoor", "OUMVLP", cross_view_gallery=True)
    asked(checkout, "outdoor", "anything")
    asked(checkout, "nowhere", "anything")


def test_types_that_it_does_not_compare_are_told(checkout: Checkout, tmp_path: Path):
    walks = write_data(tmp_path / "walks", kinds=("walk-1", "walk-2"))
    with pytest.raises(ConfigError, match=r"of the types bg-01, nm-05 of CASIA-B; .* has walk-1, walk-2"):
        asked(checkout, "indoor", "CASIA-B", data=walks)
    asked(checkout, "indoor", "CASIA-B", data=write_data(tmp_path / "usual"))


def test_a_run_tells_it_before_any_work_and_names_the_protocol_that_can(checkout: Checkout, tmp_path: Path):
    file = checkout.file("evaluation.evaluator")
    file.write_text(
        file.read_text().replace('"""Protocols', '"""All protocols')
        + (
            "\n\ndef evaluate_indoor_dataset(data, dataset, metric='euc', cross_view_gallery=False):\n"
            "    return indoor(data, dataset, metric, cross_view_gallery)\n"
        )
    )
    from upstream_patches.patches import load
    from upstream_patches.run import pins

    checkout = Checkout(checkout.root)
    pins.write(checkout, load(), "miniature")
    data = {
        **write_data(tmp_path / "data", views=("000", "090")),
        "dataset_name": "mine",
        "test_dataset_name": "mine",
    }
    config = write_config(tmp_path / "mine.yaml", data)
    for phase, more in (("test", ()), ("train", ("trainer_cfg.with_test=true",))):
        with pytest.raises(ConfigError, match="has no rule for the data set 'mine'") as told:
            in_host(checkout, config, phase, *more)
        assert f"eval_func: {OURS}/evaluate_indoor_dataset" in str(told.value.hint)
        assert not (checkout.root / "output").exists()
    in_host(checkout, config, "train")  # nothing is scored
    ours = (
        f"evaluator_cfg.eval_func={OURS}/evaluate_indoor_dataset",
        "evaluator_cfg.probe_types={NM: [nm-05]}",
        "evaluator_cfg.gallery_types=[nm-01]",
    )
    in_host(
        checkout, config, "test", *ours, f"evaluator_cfg.transform=[{{type: {OURS}/BaseSilCuttingTransform}}]"
    )


@pytest.mark.opengait
def test_the_rules_of_the_real_evaluators_are_read(real_checkout: Path):
    checkout = Checkout.find(real_checkout)
    asked(checkout, "evaluate_indoor_dataset", "CASIA-B")
    asked(checkout, "evaluate_Gait3D", "Gait3D")
    asked(checkout, "evaluate_CCPG", "CCPG")
    asked(checkout, "evaluate_real_scene", "GREW")
    for function in ("evaluate_indoor_dataset", "evaluate_real_scene", "evaluate_CCPG", "GREW_submission"):
        with pytest.raises(ConfigError, match=f"{function} has no rule for the data set 'walkers'"):
            asked(checkout, function, "walkers")
    with pytest.raises(ConfigError, match="only for CASIA-B, OUMVLP"):
        asked(checkout, "evaluate_indoor_dataset", "CASIA-E", cross_view_gallery=True)
