"""The page of feature extractors: its files are accepted, and it names every configuration and component."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from helpers.places import ROOT

import gait_plugins
from gait_plugins.config import load_config, shipped
from gait_plugins.plugins.colour.features.vit import WHERE_TO_GET

PAGE = (ROOT / "docs" / "feature_extractors.md").read_text(encoding="utf-8")


def test_the_files_of_the_page_are_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, content in re.findall(r"<!-- file: (\S+) -->\n```\w+\n(.*?)```", PAGE, re.DOTALL):
        Path(name).write_text(content)
    config = load_config("mine.yaml")
    assert config.data["model_cfg"]["extractor"]["weights"] == "dinov2_vits14_pretrain.pth"
    assert config.trainer_cfg.init == {"Mask_Branch": "MaskBranch_vits14.pt"}
    squares = gait_plugins.build("backbone", {"type": "./squares.py:Squares"})
    maps, last = squares.features(torch.rand(2, 3, 56, 28), [1, 4])
    assert [x.shape for x in (*maps, last)] == [(2, 3, 4, 2)] * 3


def test_the_page_names_every_component_and_folder() -> None:
    for name in ("BigGait", "BigGaitMask", "BiggerGait", "DINOv2", "Dinov2Model", "TinyDINOv2"):
        assert f"`{name}`" in PAGE
    for name in ("Rearrange", "RatioHW", "biggait/walkers", "biggait/ccpg_mask", "biggergait/ccpg"):
        assert name in PAGE
    assert "biggait/ccpg_mask" in shipped()
    for address in re.findall(r"https://\S+?(?=,|\s|$)", WHERE_TO_GET):
        assert address in PAGE
