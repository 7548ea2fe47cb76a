"""The shipped configurations: each loads, fits its data set, trains one step and is tested."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.files.published_sets import SETS, small_copy

from gait_plugins.config import Config, load_config, shipped
from gait_plugins.core.data.host_batch import Divider
from gait_plugins.core.runtime.options import RunOptions
from gait_plugins.core.train.first_batches import FrameCheck
from gait_plugins.core.train.state import Training

BODIES = ("parsinggait/", "smplgait/", *(f"{name}/gait3d_parsing" for name in ("gaitbase", "gaitset")))
BODIES += tuple(f"{name}/gait3d_parsing" for name in ("gaitpart", "gaitgl", "gln"))
POSES = ("gaitgraph1/", "gaitgraph2/", "gaittr/", "msgg/", "multigaitpp/", "sconet/", "skeletongait")
CLOUDS = ("lidargait/", "lidargaitpp/")
PICTURES = ("gaitedge/", "denoisinggait/", "biggait/", "biggergait/")
OWN = ("walkers/", "own_data/", "resgait/", "rle/", "foundationgait/")
ELSEWHERE = (*OWN, *POSES, *BODIES, *CLOUDS, *PICTURES)
"""Folders of configurations on other data, or with tests of their own."""

# By name alone: whoever loads all of them to choose waits for each collection.
ZOO = [name for name in shipped() if not name.startswith(ELSEWHERE)]
every_name = pytest.mark.parametrize("name", shipped())
every_published = pytest.mark.parametrize("name", ZOO)

NARROW = {
    "DeepGaitV2": {"Backbone.channels": "[8, 16, 32, 64]"},
    "SwinGait": {"Backbone.channels": "[16, 32]", "embed_dim": 32, "num_heads": "[2, 4]"},
    "TrackletGait": {"stem_channels": 8, "widths": "[8, 16, 16, 16, 16, 32, 32, 32, 32, 64]"},
    "TrackletGait_s": {"stem_channels": 8, "widths": "[16, 32]"},
}
"""Widths of the models that take seconds at their own; those are held to by shapes alone."""
EIGHTH = {
    "Baseline": ("backbone_cfg.channels", "backbone_cfg.layers_cfg", "SeparateFCs.in_channels"),
    "GLN": (
        "in_channels",
        "lateral_dim",
        "hidden_dim",
        "SeparateFCs.in_channels",
        "SeparateFCs.out_channels",
    ),
    "GaitGL": ("channels", "SeparateBNNecks.in_channels"),
    "GaitSSB_Finetune": ("backbone_cfg.channels",),
    "GaitSSB_Pretrain": ("backbone_cfg.channels",),
    "GaitSet": ("in_channels", "SeparateFCs.in_channels"),
}
"""Of these an eighth of what is written, so that what depends on another still fits it."""


def class_numbers(tree: dict[str, Any], path: str = "model_cfg") -> Iterator[tuple[str, int]]:
    """Every number of classes of a model, and where it is written."""
    for name, value in tree.items():
        if name in ("class_num", "num_id"):
            yield f"{path}.{name}", value
        elif isinstance(value, dict):
            yield from class_numbers(value, f"{path}.{name}")


def eighth(width: Any) -> Any:
    """An eighth of a width, of each in a list, or of the one in a text such as ``BC-64``."""
    if isinstance(width, list):
        return [eighth(one) for one in width]
    if isinstance(width, str):
        return re.sub(r"\d+", lambda number: str(eighth(int(number[0]))), width)
    return max(1, width // 8)


def narrow(name: str, options: dict[str, Any]) -> dict[str, Any]:
    """Overrides that make a model narrow: path -> value."""
    found = {f"model_cfg.{path}": value for path, value in NARROW.get(name, {}).items()}
    for path in EIGHTH.get(name, ()):
        section, _, key = path.rpartition(".")
        written = options.get(section, {}) if section else options
        if key in written:
            found[f"model_cfg.{path}"] = eighth(written[key])
    return found


def small(name: str, folder: Path) -> Config:
    """The same configuration on a small copy of its data set: two identities, few short sequences."""
    config = load_config(name)
    data_set = config.data_cfg.test_dataset_name
    root, partition = small_copy(data_set, folder)
    model = config.model_cfg
    overrides = {
        "data_cfg.dataset_root": root,
        "data_cfg.dataset_partition": partition,
        "data_cfg.num_workers": 0,
        "output_dir": folder / "output",
        "trainer_cfg.sampler.batch_size": "[2, 2]",
        "trainer_cfg.sampler.frames_num_fixed": 2,
        "trainer_cfg.with_test": bool(SETS[data_set].walks),
        "trainer_cfg.restore_hint": 0,  # a second stage without its first
    }
    if config.trainer_cfg.sampler.frames.name == "tracklet_mix_p":
        overrides["trainer_cfg.sampler.sample_tracklet_length"] = "[1, 2, 2]"
    else:
        overrides |= {"trainer_cfg.sampler.frames_num_min": 1, "trainer_cfg.sampler.frames_num_max": 2}
    overrides |= dict.fromkeys((path for path, _ in class_numbers(model.options)), 2)
    overrides |= narrow(model.name, model.options)
    return load_config(name, [f"{key}={value}" for key, value in overrides.items()])


@every_name
def test_every_component_is_built_as_it_is_written(name: str) -> None:
    config = load_config(name).counted(lambda setting: 60)
    with torch.device("meta"):  # shapes only: no time, no memory
        model = config.model_cfg.build()
    assert model.num_classes is None or {model.num_classes} == {
        number for _, number in class_numbers(config.model_cfg.options)
    }
    for loss in config.loss_cfg:
        loss.component.build()
    config.evaluator_cfg.protocol.build()
    for section in (config.trainer_cfg, config.evaluator_cfg):
        section.sampler.batch.build()
        assert len(section.sampler.frames.build().indices(50, np.random.default_rng(0))) > 0
        for transform in section.transform:
            assert transform is not None or section.joint_transform
            if transform is not None:
                transform.build()
        for joint in section.joint_transform:
            joint.build()


@every_published
def test_names_and_numbers_are_those_of_the_data_set(name: str) -> None:
    config = load_config(name)
    data, trainer, evaluator = config.data_cfg, config.trainer_cfg, config.evaluator_cfg
    published = SETS[data.test_dataset_name]
    assert data.dataset_name in {data.test_dataset_name, "GaitLU-1M"}
    assert data.dataset.options["dataset_root"] == "your_path"  # train asks for it
    folder, file = Path(data.dataset.options["dataset_partition"]).parts[-2:]
    assert (folder, file) == (data.test_dataset_name, f"{data.test_dataset_name}.json")
    assert evaluator.protocol.name == published.protocol
    assert {number for _, number in class_numbers(config.model_cfg.options)} <= {published.train_identities}
    assert (evaluator.restore_hint, evaluator.save_name) == (trainer.total_iter, trainer.save_name)
    own_schedule = "T_max_iter" in config.model_cfg.options
    assert own_schedule or max(config.scheduler_cfg.options["milestones"]) < trainer.total_iter


@every_published
def test_one_step_and_one_test(name: str, tmp_path: Path) -> None:
    config = small(name, tmp_path)
    training = Training(config, RunOptions(device="cpu"))
    training.train_mode()
    batch = training.maker.make(0)
    FrameCheck(training)(batch)
    trained = [p for p in training.raw.parameters() if p.requires_grad]
    before = [p.detach().clone() for p in trained]
    loss, figures, _ = training.forward(batch, Divider(training.maker.transforms), 1)
    training.update(loss, 1)
    assert loss.isfinite()
    assert {f"scalar/{spec.log_prefix}/loss" for spec in config.loss_cfg} <= set(figures)
    # Some of the narrow networks are dead: they give equal embeddings, which nothing is learnt from.
    apart = max((float(value) for key, value in figures.items() if key.endswith("mean_dist")), default=1.0)
    assert not apart or any(not torch.equal(old, new) for old, new in zip(before, trained, strict=True))
    if config.trainer_cfg.with_test:
        results = training.test(1)
        assert results is not None
        assert results.dataset == config.data_cfg.test_dataset_name
        assert results.metrics or results.files


def checkpoint(config: Config) -> str:
    """The file that a training ends with."""
    run, data, steps = (
        config.trainer_cfg.save_name,
        config.data_cfg.dataset_name,
        config.trainer_cfg.total_iter,
    )
    return f"./{config.output_dir}/{data}/{config.model_cfg.name}/{run}/checkpoints/{run}-{steps}.pt"


SECOND_STAGES = {
    "gln/casiab_phase2": "gln/casiab_phase1",
    **{name: "gaitssb/pretrain" for name in ZOO if name.startswith("gaitssb/finetune")},
    **{name: f"deepgaitv2/{name.partition('/')[2]}" for name in ZOO if name.startswith("swingait/")},
}


@pytest.mark.parametrize("name", ZOO)
def test_a_second_stage_starts_from_what_its_first_one_ends_with(name: str) -> None:
    first = SECOND_STAGES.get(name)
    hint = load_config(name).trainer_cfg.restore_hint
    assert hint == (0 if first is None else checkpoint(load_config(first)))


@pytest.mark.parametrize("name", [name for name in ZOO if "/pretrain_test_on_" in name])
def test_the_pretrained_model_is_tested_where_its_training_left_it(name: str) -> None:
    assert checkpoint(load_config(name)) == checkpoint(load_config("gaitssb/pretrain"))
