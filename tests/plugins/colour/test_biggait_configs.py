"""Configurations of BigGait and BiggerGait: OpenGait's files are accepted, and each trains a step."""

from __future__ import annotations

import json
import logging
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.components.golden_pictures import rgb
from helpers.files.layout_files import partition
from helpers.golden_rules import golden
from helpers.hosts.stand_in_vits import NARROW, OF, on_stand_in

import gait_plugins
from gait_plugins.config import load_config
from gait_plugins.core.assembly.components import model_outline
from gait_plugins.core.checkpoints.files import checkpoint_path, load_checkpoint
from gait_plugins.core.runtime.options import RunOptions
from gait_plugins.core.train.loop import train
from gait_plugins.errors import CheckpointError, ConfigError, DataError
from gait_plugins.io.atomic import file_sha256

CPU = RunOptions(device="cpu")
FILES = {
    "biggait/ccpg": ("biggait/BigGait_CCPG", ["in_channel"]),
    "biggait/sustech1k": ("biggait/BigGait_SUSTech1K", ["in_channel"]),
    "biggait/ccgrmini": ("biggait/BigGait_CCGR-Mini", ["in_channel"]),
    "biggergait/ccpg": ("biggergait/biggergait__DINOv2_CCPG", []),
    "biggergait/ccpg_groups": ("biggergait/biggergait__DINOv2_Group_CCPG", []),
}
"""A shipped configuration -> OpenGait's file, and what it writes in vain."""
PUBLISHED = {
    "biggait/ccpg": (30780866, 316),
    "biggergait/ccpg": (142208450, 2285),
    "biggergait/ccpg_groups": (42833890, 943),
}
"""A shipped configuration -> the published one's parameters, and entries of its state dict."""
every = pytest.mark.parametrize("name", FILES)


def made_up(name: str, folder: Path) -> dict[str, Any]:
    """Three people to train on, in files that are named, ordered and shaped as the published ones."""
    frames = rgb(1, 4, 32, 16 if "ccpg" in name else 32)[0]
    sizes = np.array([[100, 45], [90, 40], [95, 60], [100, 50]])
    files: dict[str, np.ndarray] = {
        "090-aligned-rgbs.pkl": frames,
        "090-ratios.pkl": sizes[:, 1] / sizes[:, 0],
    }
    if "sustech1k" in name:
        files = {f"0{place}-other.pkl": frames[:, 0] for place in range(4)}
        files |= {"04-Ratios-HW.pkl": sizes, "05-RGB_raw.pkl": frames.transpose(0, 2, 3, 1)}
    elif "ccgr" in name:
        files = {"0-ratios-HW.pkl": sizes, "1-rgbs.pkl": frames}
    people = ["001", "002", "003"]
    for person in people:
        for walk in ("nm-01", "nm-02"):
            for file, content in files.items():
                path = folder / "data" / person / walk / "090" / file
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(pickle.dumps(content))
    listed = partition(folder / "people.json", people, ["004"])
    return {"dataset_root": str(folder / "data"), "dataset_partition": str(listed), "num_workers": 0}


def trained(name: str, source: str, folder: Path) -> dict[str, Any]:
    """One step at reduced width; the checkpoint."""
    settings = load_config(source).data
    settings["data_cfg"] |= made_up(name, folder)
    model = settings["model_cfg"]
    kept = {key: model[key] for key in ("model", "train_mask") if key in model}
    settings["model_cfg"] = {**kept, **on_stand_in(model["model"])}
    trainer = settings["trainer_cfg"]
    trainer |= {"init": None, "total_iter": 1, "save_iter": 1, "with_test": False, "enable_float16": False}
    trainer["sampler"] |= {"batch_size": [2, 2], "frames_num_fixed": 2}
    settings["run_dir"] = str(folder / "run")
    train(load_config(settings), CPU)
    return load_checkpoint(checkpoint_path(folder / "run", trainer["save_name"], 1))


@pytest.mark.heavy
@pytest.mark.parametrize("name", [*FILES, "biggait/ccpg_mask"])
def test_a_shipped_configuration_trains(name: str, tmp_path: Path) -> None:
    assert trained(name, name, tmp_path)["iteration"] == 1


@pytest.mark.opengait
@every
def test_the_file_of_opengait_is_accepted_as_it_is(name: str, real_checkout: Path) -> None:
    file, in_vain = FILES[name]
    config = load_config(real_checkout / "configs" / f"{file}.yaml")
    told = [warning.message for warning in config.warnings]
    assert len(told) == len(in_vain)
    assert all(any(option in message for message in told) for option in in_vain)
    ours = load_config(name)
    assert config.data["model_cfg"]["extractor"] == ours.data["model_cfg"]["extractor"]
    assert config.trainer_cfg.init == ours.trainer_cfg.init


@pytest.mark.opengait
@pytest.mark.heavy
@every
def test_the_file_of_opengait_trains(name: str, real_checkout: Path, tmp_path: Path) -> None:
    assert (
        trained(name, str(real_checkout / "configs" / f"{FILES[name][0]}.yaml"), tmp_path)["iteration"] == 1
    )


@pytest.mark.parametrize("name", PUBLISHED)
def test_shipped_widths_give_the_published_numbers(name: str) -> None:
    model = model_outline(load_config(name))
    assert (sum(p.numel() for p in model.parameters()), len(model.state_dict())) == PUBLISHED[name]


@pytest.mark.parametrize(("given", "told"), [("./vits14.pth", 1), ("none", 0)])
def test_an_extractor_that_is_named_beside_a_path_of_opengait_is_taken(
    given: str, told: int, caplog: pytest.LogCaptureFixture
) -> None:
    written = load_config("biggergait/ccpg").data
    model = {**written["model_cfg"], "model": "BiggerGait__DINOv2", "pretrained_lvm": given}
    written["model_cfg"] = {**model, "extractor": {"type": "TinyDINOv2"}}
    assert load_config(written).data["model_cfg"]["extractor"] == {"type": "TinyDINOv2"}
    assert caplog.text.count("model_cfg.pretrained_lvm is not read") == told


def test_without_a_file_of_the_mask_branch_it_is_trained(caplog: pytest.LogCaptureFixture) -> None:
    written = load_config("biggait/ccpg").data
    written["trainer_cfg"]["init"] = None
    model = written["model_cfg"]
    del model["extractor"]
    model |= {
        "model": "BigGait__Dinov2_Gaitbase",
        "pretrained_dinov2": "d.pth",
        "pretrained_mask_branch": None,
    }
    with caplog.at_level(logging.WARNING, "gait_plugins"):
        found = load_config(written)
    assert found.data["model_cfg"]["train_mask"] is True
    assert found.data["model_cfg"]["extractor"] == {"type": "DINOv2", "weights": "d.pth"}
    assert "the mask branch is trained all the time" in caplog.text


def with_extractor(folder: Path, weights: Path) -> dict[str, Any]:
    """A narrow BigGait of one step, on a network of twelve channels."""
    settings = load_config("biggait/ccpg").data
    settings["data_cfg"] |= made_up("biggait/ccpg", folder)
    small = {"type": "DINOv2", "weights": str(weights), "channels": 12, "depth": 4, "heads": 2}
    settings["model_cfg"] = {"model": "BigGait", **NARROW, **OF["BigGait"], "extractor": small}
    trainer = settings["trainer_cfg"]
    trainer |= {"init": None, "total_iter": 1, "save_iter": 1, "with_test": False, "enable_float16": False}
    trainer["sampler"] |= {"batch_size": [2, 2], "frames_num_fixed": 2}
    return {**settings, "run_dir": str(folder / "run")}


def test_a_training_without_the_extractors_weights_ends_before_its_first_step(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no weights of the feature extractor: .*gone\.pth is not there"):
        train(load_config(with_extractor(tmp_path, tmp_path / "gone.pth")), CPU)
    assert not list((tmp_path / "run").rglob("*.pt"))


@pytest.mark.heavy
def test_a_checkpoint_records_the_extractors_file_and_goes_on_with_no_other(tmp_path: Path) -> None:
    file = tmp_path / "weights.pth"
    network = gait_plugins.build("backbone", {"type": "DINOv2", "channels": 12, "depth": 4, "heads": 2})
    torch.save(network.state_dict(), file)
    settings = with_extractor(tmp_path, file)
    train(load_config(settings), CPU)
    saved = load_checkpoint(checkpoint_path(tmp_path / "run", "BigGait", 1))
    (record,) = saved["init"]
    assert (record["part"], record["sha256"]) == ("backbone", file_sha256(file))
    assert json.loads((tmp_path / "run" / "init.json").read_text()) == [record]
    settings["trainer_cfg"]["total_iter"] = 2
    train(load_config(settings), RunOptions(device="cpu", resume=True))
    assert load_checkpoint(checkpoint_path(tmp_path / "run", "BigGait", 2))["init"] == [record]
    torch.save({name: weight + 1 for name, weight in network.state_dict().items()}, file)
    settings["trainer_cfg"]["total_iter"] = 3
    with pytest.raises(CheckpointError, match="made with another feature extractor"):
        train(load_config(settings), RunOptions(device="cpu", resume=True))


def transformed(frames: np.ndarray, **transform: Any) -> np.ndarray:
    found: np.ndarray = gait_plugins.build("transform", transform)(frames, np.random.default_rng(0))
    return found


def test_ratios_and_mirrored_pictures_are_the_published_ones() -> None:
    expected = golden("colour/rgb")
    ratios = transformed(np.array([[100, 40], [90, 55], [7, 7]]), type="RatioHW")
    np.testing.assert_allclose(ratios, expected["ratio_hw"], rtol=1e-7)
    both = [{"type": "RandomHorizontalFlip", "prob": 1.0}, {"type": "BaseRgbTransform"}]
    mirrored = transformed(rgb(1, 2, 8, 6)[0], type="Compose", trf_cfg=both)
    np.testing.assert_allclose(mirrored, expected["flip_base_rgb"], rtol=0, atol=2e-7)


def test_axes_are_brought_into_order() -> None:
    frames = rgb(1, 2, 8, 6)[0]
    form = {"source": "T H W C", "destination": "T C H W"}
    found = transformed(frames.transpose(0, 2, 3, 1), type="Rearrange", **form)
    assert np.array_equal(found, frames)
    assert found.flags.c_contiguous
    for wrong in ({"source": "T H W", "destination": "T C H W"}, {"source": "T H", "destination": "H T"}):
        with pytest.raises(ConfigError, match="expected the same axes"):
            gait_plugins.build("transform", {"type": "Rearrange", **wrong})
    with pytest.raises(DataError, match="expected a height and a width above 0"):
        transformed(np.zeros((2, 2)), type="RatioHW")
