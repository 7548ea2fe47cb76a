"""A protocol says before a training what it would say after it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gait_plugins import ConfigError, DataError, EmbeddingSet, build
from gait_plugins.config import load_config
from gait_plugins.core.assembly.batches import build_batches
from gait_plugins.core.assembly.components import build_dataset
from gait_plugins.core.evaluate.score import score
from gait_plugins.core.runtime.options import RunOptions
from gait_plugins.core.train.loop import train

PROTOCOLS = {
    "Gait3D": {"eval_func": "evaluate_Gait3D"},
    "indoor": {"eval_func": "evaluate_indoor_dataset"},
    "cross-view": {"eval_func": "evaluate_indoor_dataset", "cross_view_gallery": True},
}
KINDS, VIEWS = ("nm-01", "nm-05", "bg-01"), ("a", "b")
WALKS = [(label, kind, view) for label in "012" for kind in KINDS for view in VIEWS]


def made(walks: list[tuple[str, str, str]], probes: frozenset[str] | None, name: str) -> EmbeddingSet:
    labels, types, views = (np.array(column) for column in zip(*walks, strict=True))
    embeddings = np.random.default_rng(0).normal(size=(len(walks), 4, 2)).astype(np.float32)
    return EmbeddingSet(embeddings, labels, types, views, name, probes)


DATA = {
    "good": made(WALKS, frozenset({"0-nm-05-a", "1-nm-05-a"}), "CASIA-B"),
    "no probes listed": made(WALKS, None, "CASIA-B"),
    "none of the listed": made(WALKS, frozenset({"x", "y"}), "CASIA-B"),
    "all are probes": made(WALKS, frozenset("-".join(walk) for walk in WALKS), "CASIA-B"),
    "nobody twice": made(WALKS[:1] + WALKS[7:8], frozenset({"0-nm-01-a"}), "CASIA-B"),
    "one view": made([walk for walk in WALKS if walk[2] == "a"], frozenset({"0-nm-05-a"}), "CASIA-B"),
    "no gallery": made([walk for walk in WALKS if walk[1] != "nm-01"], None, "CASIA-B"),
    "unknown data set": made(WALKS, None, "CASIA-Z"),
}


@pytest.mark.parametrize("data", DATA.values(), ids=DATA)
@pytest.mark.parametrize("cfg", PROTOCOLS.values(), ids=PROTOCOLS)
def test_check_and_evaluate_agree(cfg: dict[str, object], data: EmbeddingSet) -> None:
    protocol = build("protocol", cfg)
    said = []
    for step, given in (
        (protocol.evaluate, data),
        (protocol.check, replace(data, embeddings=np.empty((len(data), 0, 0), np.float32))),
    ):
        try:
            step(given)
            said.append("")
        except (ConfigError, DataError) as error:
            said.append(str(error))
    assert said[0] == said[1]


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize("phase", ["train", "test"])
def test_nothing_is_computed_for_a_test_that_cannot_be_scored(
    tiny_yaml: Path, tmp_path: Path, phase: str
) -> None:
    train(load_config(str(tiny_yaml)), RunOptions(device="cpu"))
    before = sorted(path for path in tmp_path.rglob("*") if path.is_file())
    overrides = ["evaluator_cfg.eval_func=evaluate_Gait3D", "trainer_cfg.with_test=true"]
    config = load_config(str(tiny_yaml), overrides=overrides)
    start = train if phase == "train" else score
    with pytest.raises(DataError, match="needs the list of probes"):
        start(config, RunOptions(device="cpu", overwrite=phase == "train"))
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == before


@pytest.mark.usefixtures("tiny")
def test_a_single_identity_is_told(tiny_yaml: Path, caplog: pytest.LogCaptureFixture) -> None:
    config = load_config(str(tiny_yaml), overrides=["data_cfg.identities=1"])
    build_batches(config, build_dataset(config), "train")
    assert "train: the set has one identity: at least two are needed" in caplog.text
