"""Lists of data sets: their runs are resumed from their own configurations, their batches taken in parts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from helpers.components.tiny_training import equal, trained
from helpers.files.layout_files import partition, person

from gait_plugins.config import load_config
from gait_plugins.core.checkpoints.files import checkpoint_path, load_checkpoint
from gait_plugins.core.runtime.options import RunOptions
from gait_plugins.core.train.loop import train
from gait_plugins.prepare import Name, write_sequence

SETTINGS = """\
data_cfg:
  - {dataset_name: one, dataset_root: one, dataset_partition: people.json, num_workers: 0}
  - {dataset_name: two, dataset_root: two, dataset_partition: people.json, num_workers: 0}
model_cfg:
  model: Baseline
  backbone_cfg:
    type: ResNet9
    block: BasicBlock
    channels: [2, 2, 4, 4]
    layers: [1, 1, 1, 1]
    strides: [1, 2, 2, 1]
    maxpool: false
  SeparateFCs: {in_channels: 4, out_channels: 4, parts_num: 2}
  SeparateBNNecks: {class_num: auto, in_channels: 4, parts_num: 2}
  bin_num: [2]
loss_cfg:
  - {type: TripletLoss, log_prefix: triplet}
  - {type: CrossEntropyLoss, log_prefix: softmax}
optimizer_cfg: {solver: SGD, lr: 0.01}
trainer_cfg:
  total_iter: 4
  save_iter: 2
  fix_BN: true
  enable_float16: false
  sampler: {type: TripletSampler, batch_size: [2, 2], sample_type: fixed_unordered, frames_num_fixed: 3}
  transform: [{type: BaseSilCuttingTransform}]
evaluator_cfg:
  eval_func: evaluate_own_data
  sampler: {type: InferenceSampler, batch_size: 2, sample_type: all_ordered}
  transform: [{type: BaseSilCuttingTransform}]
"""


@pytest.fixture(autouse=True)
def _two_sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    partition(Path("people.json"), ["ann", "ben"], ["cem"])
    for place, root in enumerate(("one", "two")):
        for number, label in enumerate(("ann", "ben", "cem")):
            for kind in ("nm-01", "nm-02"):
                write_sequence(root, Name(label, kind, "000"), person(4 + place + number))
    Path("both.yaml").write_text(SETTINGS)


def run(source: str, folder: str, *settings: str, resume: bool = False) -> dict[str, Any]:
    """What is trained, and the state of its last checkpoint."""
    config = load_config(source, [f"run_dir={folder}", "trainer_cfg.save_name=run", *settings])
    train(config, RunOptions(device="cpu", resume=resume))
    return load_checkpoint(checkpoint_path(Path(folder), "run", config.trainer_cfg.total_iter))


@pytest.mark.parametrize("parts", [1, 2])
def test_a_run_is_resumed_from_its_own_configuration(parts: int) -> None:
    settings = f"trainer_cfg.accumulate={parts}"
    whole = run("both.yaml", "whole", settings)
    run("both.yaml", "halved", settings, "trainer_cfg.total_iter=2")
    written = yaml.safe_load(Path("halved/config.yaml").read_text())
    assert list(written["data_cfg"]["of"]) == ["one", "two"]
    assert written["trainer_cfg"]["accumulate"] == parts
    resumed = run("halved/config.yaml", "halved", "trainer_cfg.total_iter=4", resume=True)
    assert equal(trained(whole), trained(resumed))
    listed = run("both.yaml", "halved", settings, "trainer_cfg.total_iter=5", resume=True)
    assert listed["iteration"] == 5


def test_batches_of_a_list_are_taken_in_parts() -> None:
    whole, parts = (run("both.yaml", f"run-{n}", f"trainer_cfg.accumulate={n}")["model"] for n in (1, 2))
    before = run("both.yaml", "before", "optimizer_cfg.lr=0.0")["model"]
    for key, value in whole.items():
        torch.testing.assert_close(parts[key], value, rtol=1e-4, atol=1e-6)
    assert not all(torch.equal(before[key], value) for key, value in whole.items())
