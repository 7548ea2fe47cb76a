"""The page of labels and body models: its examples run, and its tables hold what there is."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import cv2
import numpy as np
import pytest
from helpers.bodies.configs import BODIES
from helpers.bodies.golden import body, parsing, smpl
from helpers.places import DOCS
from typer.testing import CliRunner

from gait_plugins.cli import app
from gait_plugins.config import load_config

TEXT = (DOCS / "body_models.md").read_text(encoding="utf-8")


def test_the_examples_run_one_after_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    walk = "0001/camid0_videoid2/seq0"
    for folder in ("2D_Parsings", "2D_Silhouettes", "3D_SMPLs"):
        (Path("Gait3D") / folder / walk).mkdir(parents=True)
    labels = (parsing(1, 3, 100, 70)[0] * body(1, 3, 100, 70)[0]).astype(np.uint8)
    for number, (map_of, row) in enumerate(zip(labels, smpl(1, 3)[0].numpy(), strict=True)):
        cv2.imwrite(f"Gait3D/2D_Parsings/{walk}/{number}.png", map_of)
        cv2.imwrite(f"Gait3D/2D_Silhouettes/{walk}/{number}.png", (map_of > 0) * 255)
        person = {"cam": row[:3], "poses": row[3:75], "betas": row[75:]}
        np.savez(f"Gait3D/3D_SMPLs/{walk}/{number}.npz", results=np.array([person]))
    (block,) = re.findall(r"<!-- run -->\n```\n(.*?)```", TEXT, re.DOTALL)
    for line in block.splitlines():
        program, *words = shlex.split(line)
        result = CliRunner().invoke(app, words)
        assert (program, result.exit_code) == ("gait-plugins", 0), result.output
    shapes = [np.load(f"Gait3D-{name}/{walk}/seq0.pkl", allow_pickle=True).shape for name in ("pars", "sils")]
    assert shapes == [(3, 64, 64)] * 2
    assert np.load(f"Gait3D-smpls/{walk}/seq0.pkl", allow_pickle=True).shape == (3, 85)


def test_every_configuration_is_on_the_page_or_in_its_ellipsis() -> None:
    named = set(re.findall(r"`([a-z]+/gait3d(?:_parsing)?)`", TEXT))
    assert named <= {each.name for each in BODIES}
    assert {"parsinggait/gait3d_parsing", "smplgait/gait3d", "smplgait/gait3d_parsing"} <= named


@pytest.mark.parametrize("name", [each.name for each in BODIES if "phase1" not in each.name])
def test_published_figures_are_those_of_the_configurations(name: str) -> None:
    model = {"Baseline": "GaitBase"}.get(load_config(name).model_cfg.name, load_config(name).model_cfg.name)
    text = (DOCS.parent / "configs" / f"{name}.yaml").read_text(encoding="utf-8")
    told = re.search(r"Rank-1 ([\d.]+)(?:, mAP ([\d.]+))?", text)
    assert told is not None
    if name == "smplgait/gait3d":
        assert f"Rank-1 {told[1]} in OpenGait's table" in TEXT
        return
    row = re.search(rf"\| {model} \| ([\d.]+) \| [\d.]+ \| ([\d.]+)", TEXT)
    assert row is not None
    assert (round(float(row[1]), 1), round(float(row[2]) + 1e-9, 1)) == (float(told[1]), float(told[2]))
