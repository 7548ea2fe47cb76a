"""The shipped configurations of the occlusion module and of the residual stages."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from helpers.files.published_sets import small_copy

from gait_plugins.config import Config, load_config, shipped
from gait_plugins.core.data.host_batch import Divider
from gait_plugins.core.runtime.options import RunOptions
from gait_plugins.core.train.first_batches import FrameCheck
from gait_plugins.core.train.state import Training

STAGES = [name for name in shipped() if name.startswith("resgait/stages/")]
RESIDUAL = [name for name in STAGES if "/oem_" not in name]
WRAPPED = {
    "gaitbase": "SeparateBNNecks",
    "deepgaitv2": "SeparateBNNecks",
    "swingait": "SeparateBNNecks",
    "trackletgait": "gse.SeparateBNNecks",
}
NARROW = {
    "gaitbase": {"backbone_cfg.channels": "[8, 16, 32, 64]", "SeparateFCs.in_channels": 64},
    "deepgaitv2": {"Backbone.channels": "[8, 16, 32, 64]", "OccMixerFCs": "null"},
    "swingait": {"Backbone.channels": "[16, 32]", "embed_dim": 32, "num_heads": "[2, 4]"},
    "trackletgait": {
        "gse.stem_channels": 8,
        "gse.widths": "[8, 16, 16, 16, 16, 32, 32, 32, 32, 64]",
    },
}


def parts(name: str) -> tuple[str, str]:
    """``gaitbase`` and ``gait3d`` of ``resgait/stages/gaitbase_gait3d``."""
    model, data_set = name.rpartition("/")[2].split("_")
    return model, data_set


def checkpoint(name: str) -> str:
    """The file that a training ends with."""
    config = load_config(name)
    run, data, steps = (
        config.trainer_cfg.save_name,
        config.data_cfg.dataset_name,
        config.trainer_cfg.total_iter,
    )
    return f"./{config.output_dir}/{data}/{config.model_cfg.name}/{run}/checkpoints/{run}-{steps}.pt"


@pytest.mark.parametrize("name", RESIDUAL)
def test_a_residual_stage_starts_from_what_the_earlier_ones_end_with(name: str) -> None:
    model, data_set = parts(name)
    gse, oem = checkpoint(f"{model}/{data_set}"), checkpoint(f"resgait/stages/oem_{data_set}")
    init = load_config(name).trainer_cfg.init
    assert init == {"full_component": gse, "BNNecks": gse, "occ_detector": oem}


def test_files_as_published_name_what_they_start_from_in_the_models_section(tmp_path: Path) -> None:
    file = tmp_path / "published.yaml"
    file.write_text(
        "inherits: resgait/stages/gaitbase_grew\n"
        "model_cfg:\n"
        "  occ_detector_path: oem.pth\n"
        "  mimic_cfg: {phase: 2, teacher_model_name: Baseline, teacher_save_name: X, "
        "teacher_model_iter: 180000}\n"
        "trainer_cfg: {init: null, wandb: false}\n"
    )
    config = load_config(file)
    teacher = "./output/GREW/Baseline/X/checkpoints/X-180000.pt"
    init = {"full_component": teacher, "BNNecks": teacher, "occ_detector": "oem.pth"}
    assert config.trainer_cfg.init == init
    assert [warning.message for warning in config.warnings if "wandb" in warning.message]


@pytest.mark.parametrize("name", RESIDUAL)
def test_the_wrapped_model_is_that_of_the_earlier_stage(name: str) -> None:
    model, data_set = parts(name)
    with torch.device("meta"):
        residual = load_config(name).model_cfg.build()
        alone = load_config(f"{model}/{data_set}").model_cfg.build()
    own = {key: value.shape for key, value in residual.full_component.state_dict().items()}
    own |= {f"BNNecks.{key}": value.shape for key, value in residual.BNNecks.state_dict().items()}
    assert own == {key: value.shape for key, value in alone.state_dict().items()}
    assert residual.num_classes == {"gait3d": 3000, "grew": 20000}[data_set]


def test_the_published_settings() -> None:
    config = load_config("resgait/stages/deepgaitv2_gait3d")
    assert config.trainer_cfg.total_iter == 60000
    assert config.optimizer_cfg.options["lr"] == 0.01
    assert config.trainer_cfg.sampler.batch.options["batch_size"] == [28, 4]
    swin = load_config("resgait/stages/swingait_grew")
    assert (swin.optimizer_cfg.solver, swin.trainer_cfg.total_iter) == ("AdamW", 200000)
    assert swin.trainer_cfg.sampler.batch.options["batch_size"] == [20, 4]
    assert swin.trainer_cfg.restore_hint == 0


def small(name: str, folder: Path) -> Config:
    """The same configuration, narrow, on a small copy of its data set and without earlier stages."""
    config = load_config(name)
    root, partition = small_copy(config.data_cfg.test_dataset_name, folder)
    model, _ = parts(name)
    overrides = {
        "data_cfg.dataset_root": root,
        "data_cfg.dataset_partition": partition,
        "data_cfg.num_workers": 0,
        "output_dir": folder / "output",
        "trainer_cfg.init": "null",
    }
    if model == "oem":
        overrides["trainer_cfg.sampler.batch_size"] = 4
    else:
        overrides |= {
            "trainer_cfg.sampler.batch_size": "[2, 2]",
            "trainer_cfg.sampler.frames_num_fixed": 2,
            f"model_cfg.{WRAPPED[model]}.class_num": 2,
        }
        if model == "trackletgait":
            overrides["trainer_cfg.sampler.sample_tracklet_length"] = "[1, 2, 2]"
        else:
            overrides |= {"trainer_cfg.sampler.frames_num_min": 1, "trainer_cfg.sampler.frames_num_max": 2}
        overrides |= {f"model_cfg.{key}": value for key, value in NARROW.get(model, {}).items()}
    return load_config(name, [f"{key}={value}" for key, value in overrides.items()])


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.heavy if name.endswith("grew") else ()) for name in STAGES]
)
def test_one_step_and_one_test(name: str, tmp_path: Path) -> None:
    config = small(name, tmp_path)
    training = Training(config, RunOptions(device="cpu"))
    training.train_mode()
    batch = training.maker.make(0)
    FrameCheck(training)(batch)
    trained = [p for p in training.raw.parameters() if p.requires_grad]
    before = [p.detach().clone() for p in trained]
    loss, _, _ = training.forward(batch, Divider(training.maker.transforms), 1)
    training.update(loss, 1)
    assert loss.isfinite()
    assert any(not torch.equal(old, new) for old, new in zip(before, trained, strict=True))
    results = training.test(1)
    assert results is not None
    if "/oem_" in name:
        assert {"accuracy", "amount_error"} <= set(results.metrics)
    else:
        last = "Rank-1" if "grew" in name else "mAP"
        assert {"Rank-1", "top 40%: Rank-1", f"moving 20%: {last}"} <= set(results.metrics)
