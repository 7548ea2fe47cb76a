"""Configurations of pictures: OpenGait's files are accepted, and each trains on made-up walkers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from helpers.files.layout_files import partition, write
from helpers.files.walking_sets import frames

from gait_plugins.config import load_config
from gait_plugins.core.runtime.options import RunOptions
from gait_plugins.core.train.loop import train
from gait_plugins.errors import DataError
from gait_plugins.plugins.colour.protocol import SegmentationProtocol

FILES = {
    "gaitedge/segmentation": ("gaitedge/phase1_seg", []),
    "gaitedge/gaitgl": ("gaitedge/phase1_rec", []),
    "gaitedge/edge": ("gaitedge/phase2_gaitedge", []),
    "gaitedge/e2e": ("gaitedge/phase2_e2e", []),
    "denoisinggait/casiab": (
        "denoisinggait/denoisinggait_casiab",
        ["test_da", "eroded_kernel", "in_channel"],
    ),
    "denoisinggait/ccpg": ("denoisinggait/denoisinggait_ccpg", ["diffusion_ckpt", "in_channel"]),
    "denoisinggait/sustech1k": ("denoisinggait/denoisinggait_sustech1k", ["in_channel"]),
}
"""A shipped configuration -> OpenGait's file, and what it writes in vain."""
NARROW: dict[str, dict[str, Any]] = {
    "GaitGL": {"channels": [2, 4, 6], "class_num": 3},
    "GaitEdge": {"GaitGL.channels": [2, 4, 6], "GaitGL.class_num": 3},
    "Segmentation": {},
    "DenoisingGait": {
        "backbone_cfg.channels": [4, 4, 8, 8],
        "backbone_cfg.strides": [2, 2, 2, 1],
        "SeparateFCs": "{in_channels: 8, out_channels: 8, parts_num: 12}",
        "SeparateBNNecks": "{in_channels: 8, class_num: 3, parts_num: 12}",
        "bin_num": [12],
    },
}
HELD = {
    "gaitedge": {
        "090-aligned-sils.pkl": "silhouettes",
        "090-ratios.pkl": "ratios",
        "090-rgbs.pkl": "rgb_square",
        "090-sils.pkl": "silhouettes_square",
    },
    "denoisinggait": {"00-DenoisingFea_96x48.pkl": "latents", "01-Sils_96x48.pkl": "silhouettes_96x48"},
}
every = pytest.mark.parametrize("name", FILES)


def made_up(kind: str, folder: Path) -> dict[str, str]:
    """Three people to train on, in files that are named and ordered as the published ones."""
    people = ["001", "002", "003"]
    for person, label in enumerate(people):
        for walk, view in (("nm-01", "090"), ("nm-02", "036")):
            for file, stream in HELD[kind].items():
                content = frames(stream, person, view)[:6]
                content = content[:, :, 10:54] if file == "090-aligned-sils.pkl" else content
                write(folder / "data" / label / walk / view / file, content)
    listed = partition(folder / "people.json", people, ["004"])
    return {"data_cfg.dataset_root": str(folder / "data"), "data_cfg.dataset_partition": str(listed)}


def trained(name: str, source: str, folder: Path) -> None:
    """One step at reduced width, from random weights."""
    model = load_config(source).model_cfg.name
    overrides: dict[str, Any] = {
        **made_up(name.partition("/")[0], folder),
        "data_cfg.num_workers": 0,
        "output_dir": folder / "output",
        "trainer_cfg.sampler.batch_size": [2, 2],
        "trainer_cfg.sampler.frames_num_fixed": 3,
        "trainer_cfg.total_iter": 1,
        "trainer_cfg.save_iter": 1,
        "trainer_cfg.with_test": False,
        "trainer_cfg.init": "null",
        "trainer_cfg.restore_hint": 0,  # GaitEdge's two files would become an init
        **{f"model_cfg.{key}": value for key, value in NARROW[model].items()},
    }
    train(
        load_config(source, [f"{key}={value}" for key, value in overrides.items()]), RunOptions(device="cpu")
    )
    assert list((folder / "output").rglob("*-00001.pt"))


@pytest.mark.heavy
@every
def test_a_shipped_configuration_trains(name: str, tmp_path: Path) -> None:
    trained(name, name, tmp_path)


@pytest.mark.opengait
@every
def test_the_file_of_opengait_is_accepted_as_it_is(name: str, real_checkout: Path) -> None:
    file, in_vain = FILES[name]
    told = [warning.message for warning in load_config(real_checkout / "configs" / f"{file}.yaml").warnings]
    assert len(told) == len(in_vain)
    assert all(any(option in message for message in told) for option in in_vain)


@pytest.mark.opengait
@pytest.mark.heavy
@every
def test_the_file_of_opengait_trains(name: str, real_checkout: Path, tmp_path: Path) -> None:
    trained(name, str(real_checkout / "configs" / f"{FILES[name][0]}.yaml"), tmp_path)


def test_a_segmentation_is_not_scored_by_embeddings() -> None:
    """OpenGait's trainer keeps nothing else of a test."""
    found = SegmentationProtocol.example_data()
    data = replace(found, outputs={"overlap": found.embeddings})
    with pytest.raises(DataError, match=r"the overlap of masks has shape \[6, 4, 2\], expected \[6, 2\]"):
        SegmentationProtocol().evaluate(data)


def test_both_files_of_gaitedge_become_parts(tmp_path: Path) -> None:
    """OpenGait reads one after the other and takes what fits."""
    hint = "trainer_cfg.restore_hint=[Segmentation-25000.pt, GaitGL-80000.pt]"
    config = load_config("gaitedge/edge", [hint])
    init = config.trainer_cfg.init
    assert isinstance(init, dict)
    assert init["Backbone"] == "Segmentation-25000.pt"
    assert {init[part] for part in init if part != "Backbone"} == {"GaitGL-80000.pt"}
    assert config.trainer_cfg.restore_hint == 0
