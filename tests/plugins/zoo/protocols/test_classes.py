"""Classes of walks: learnt from the type level, scored by what the model takes each sequence for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from gait_plugins import ConfigError, DataError, GaitModel, SequenceRef, build, hookimpl
from gait_plugins.config import load_config
from gait_plugins.core.data.classes import Classes
from gait_plugins.core.runtime.options import RunOptions
from gait_plugins.core.tools.embedder import Embedder
from gait_plugins.core.train.loop import train
from gait_plugins.plugins.zoo.protocols.classes import ClassProtocol
from gait_plugins.registry.manager import Manager, use_manager


class Height(GaitModel):
    """Tells classes apart by the mean silhouette."""

    def __init__(self, classes: int = 3) -> None:
        super().__init__()
        self.fc = nn.Linear(64 * 44, classes)

    def forward(self, batch: Any) -> Any:
        lens = None if batch.seq_lens is None else batch.seq_lens[0].tolist()
        frames = batch.inputs[0].flatten(2)
        means = frames.mean(1) if lens is None else torch.stack([x.mean(0) for x in frames[0].split(lens)])
        logits = self.fc(means)[..., None]
        loss = {"softmax": {"logits": logits, "labels": batch.targets.get("class", batch.labels)}}
        seen = {"embeddings": means[..., None], "logits": logits}
        return {"training_feat": loss, "visual_summary": {}, "inference_feat": seen}


class Plugin:
    """Offers the model."""

    @hookimpl
    def gait_models(self) -> dict[str, type]:
        return {"Height": Height}


YAML = """
data_cfg:
  {type: walkers, train: 6, test: 3, frames: 6, views: ["090"], gait_classes: true, cache_dir: CACHE,
  num_workers: 0, dataset_name: walkers, test_dataset_name: walkers,
  classes: {negative: ["negative*"], neutral: ["neutral*"], positive: ["positive*"]}}
model_cfg: {model: Height}
loss_cfg: {type: CrossEntropyLoss, log_prefix: softmax}
optimizer_cfg: {solver: Adam, lr: 0.01, weight_decay: 0}
trainer_cfg:
  {save_name: classes, total_iter: 3, save_iter: 3, log_iter: 1, with_test: true, enable_float16: false,
  sampler: {type: TripletSampler, batch_size: [3, 2], sample_type: all_ordered}}
evaluator_cfg:
  {restore_hint: 3, eval_func: evaluate_classes, enable_float16: false,
  sampler: {type: InferenceSampler, batch_size: 4, sample_type: all_ordered}}
"""


@pytest.fixture
def config(tmp_path: Path):
    manager = Manager(allow=[])
    manager.register(Plugin(), distribution="height", version="1.0")
    use_manager(manager)
    (tmp_path / "c.yaml").write_text(YAML.replace("CACHE", str(tmp_path / "cache")))
    yield lambda *more: load_config(
        str(tmp_path / "c.yaml"), overrides=[f"output_dir={tmp_path / 'out'}", *more]
    )
    use_manager(None)


def test_classes_are_learnt_and_scored(config: Any):
    results = train(config(), RunOptions(device="cpu"))
    assert results is not None
    assert list(results.metrics) == ["accuracy", "precision", "recall", "F1"]
    assert sum(map(sum, results.details["confusions"])) == results.probes > 0
    assert results.tables[1].columns == ("", "negative", "neutral", "positive")


def test_a_type_of_no_class_is_an_error_before_work(config: Any, tmp_path: Path):
    with pytest.raises(DataError, match="belongs to 0 of the classes negative, positive"):
        train(
            config("data_cfg.classes={negative: [negative*], positive: [positive*]}"),
            RunOptions(device="cpu"),
        )
    assert not (tmp_path / "out").exists()


def test_the_order_of_the_classes_is_part_of_a_resumed_run(config: Any):
    train(config("trainer_cfg.total_iter=2", "trainer_cfg.save_iter=2"), RunOptions(device="cpu"))
    swapped = "data_cfg.classes={positive: [positive*], neutral: [neutral*], negative: [negative*]}"
    with pytest.raises(ConfigError, match=r"order of data_cfg\.classes was"):
        train(config(swapped), RunOptions(device="cpu", resume=True))


def test_files_are_embedded_whatever_class_they_have(config: Any, tmp_path: Path):
    train(config(), RunOptions(device="cpu"))
    arrays = [np.zeros((5, 64, 64), np.uint8)]
    found = Embedder(config(), device="cpu").arrays(arrays)
    assert found.shape[0] == 1


def test_a_sequence_has_one_class():
    classes = Classes({"a": ["nm-*"], "b": ["bg-*", "cl-01"]})
    refs = [SequenceRef("1", kind, "0", None) for kind in ("nm-02", "bg-01", "cl-01")]
    assert [classes.of(ref) for ref in refs] == [0, 1, 1]
    with pytest.raises(DataError, match="belongs to 2 of the classes"):
        Classes({"a": ["nm-*"], "b": ["*"]}).of(refs[0])


def test_scores_are_means_over_the_parts():
    data = ClassProtocol.example_data()
    logits = np.zeros((9, 3, 2), np.float32)
    logits[np.arange(9), np.arange(9) % 3] = [3, -1]
    found = ClassProtocol().evaluate(replace(data, outputs={"logits": logits}))
    assert found.metrics["accuracy"] == 100
    plain = build("protocol", {"eval_func": "evaluate_classes", "output": "embeddings"})
    assert plain.evaluate(replace(data, embeddings=logits)).metrics == found.metrics


@pytest.mark.parametrize(
    ("protocol", "changed", "words"),
    [
        (ClassProtocol(), {"targets": {}}, "no class is known"),
        (ClassProtocol(), {"targets": {"class": np.arange(9)}}, "tells 3 classes apart, the data have 9"),
        (ClassProtocol(classes=["a"]), {}, "names 1 classes, the model tells 3 apart"),
        (ClassProtocol(), {"class_names": ("a", "b")}, "model_cfg: the model tells 3 classes apart"),
        (ClassProtocol(classes=["b", "a"]), {"class_names": ("a", "b")}, "are b, a here, and a, b in"),
    ],
)
def test_what_does_not_fit_is_told(protocol: ClassProtocol, changed: dict[str, Any], words: str):
    with pytest.raises(ConfigError, match=words):
        protocol.evaluate(replace(ClassProtocol.example_data(), **changed))
