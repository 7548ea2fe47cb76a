"""The page of RLE: its Python runs, its YAML loads, its names exist, its picture is what is drawn."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import yaml
from helpers.files.cross_spectral_files import sysu_files
from helpers.places import DOCS
from typer.testing import CliRunner

import gait_plugins
from gait_plugins.cli import app
from gait_plugins.config import load_config, shipped
from gait_plugins.plugins.rle.augment.grid import drawn, made_up, main
from gait_plugins.plugins.rle.models.network import CrossSpectralNet
from gait_plugins.registry.manager import default_manager

PAGE = (DOCS / "rle.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_the_python_of_the_page_runs() -> None:
    names: dict[str, object] = {}
    for block in blocks("python"):
        exec(block, names)
    assert isinstance(names["image"], np.ndarray)
    assert isinstance(names["batch"], torch.Tensor)


def test_the_yaml_of_the_page_is_accepted(tmp_path: Path) -> None:
    augmented, pretrained = blocks("yaml")
    for transform in yaml.safe_load(augmented)["trainer_cfg"]["transform"]:
        gait_plugins.build("transform", transform)
    file = tmp_path / "own.yaml"
    file.write_text(pretrained)
    assert load_config(str(file)).trainer_cfg.init["base_resnet.base"] == "resnet50.pth"


def test_the_page_names_every_component_and_configuration() -> None:
    ours = [
        component.name
        for kind in ("model", "loss", "transform", "batch_sampler", "dataset", "protocol")
        for component in default_manager().components(kind)
        if ".plugins.rle." in component.origin
    ]
    assert len(ours) >= 16
    assert [name for name in ours if f"`{name}`" not in PAGE] == []
    assert [n for n in shipped() if n.startswith("rle/") and f"`{n}`" not in PAGE] == []


def test_the_picture_is_what_is_drawn() -> None:
    picture, stored = drawn(made_up()), cv2.imread(str(DOCS / "images" / "rle.png"))
    assert stored is not None
    assert picture.shape == stored.shape
    np.testing.assert_array_equal(picture, drawn(made_up()))
    # Another version of OpenCV may set another pixel on an edge.
    assert np.abs(picture.astype(int) - stored).mean() < 1, "python -m gait_plugins.plugins.rle.augment.grid"


def test_a_picture_of_own_images_is_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [str(tmp_path / name) for name in ("one.png", "gray.png")]
    cv2.imwrite(paths[0], np.random.default_rng(0).integers(0, 256, (90, 60, 3), dtype=np.uint8))
    cv2.imwrite(paths[1], np.full((40, 70), 99, np.uint8))
    target = tmp_path / "grid.png"
    monkeypatch.setattr("sys.argv", ["grid", *paths, "--to", str(target), "--height", "48"])
    assert main() == 0
    assert cv2.imread(str(target)).shape == (22 + 2 * 52, 6 * 84, 3)
    monkeypatch.setattr("sys.argv", ["grid", str(tmp_path / "none.png"), "--to", str(target)])
    assert main() == 2
    assert "none.png: the file cannot be read" in capsys.readouterr().err
    for option in (["--height", "0"], ["--seed", "-1"]):
        monkeypatch.setattr("sys.argv", ["grid", *paths, *option])
        with pytest.raises(SystemExit):
            main()
        assert "--seed must be at least 0 and --height at least 16" in capsys.readouterr().err


def test_data_check_reads_the_images(tmp_path: Path) -> None:
    root = Path(sysu_files(tmp_path))
    run = CliRunner()
    words = ["data", "check", "rle/sysu", "-o", f"data_cfg.dataset_root={root}"]
    found = run.invoke(app, words)
    assert found.exit_code == 0, found.output
    assert "thermal images" in found.output
    (root / "cam3" / "0006" / "0001.png").write_bytes(b"")
    broken = run.invoke(app, words)
    assert broken.exit_code == 2
    assert "images cannot be read" in broken.output


def test_converted_weights_are_tested(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"model": CrossSpectralNet(3, depth=18, width=4).state_dict()}, "sysu.pt")
    options = {
        "data_cfg.dataset_root": sysu_files(tmp_path / "data"),
        "data_cfg.size": "[48,24]",
        "data_cfg.num_workers": 0,
        "model_cfg.class_num": 3,
        "model_cfg.depth": 18,
        "model_cfg.width": 4,
    }
    words = [word for key, value in options.items() for word in ("-o", f"{key}={value}")]
    found = CliRunner().invoke(app, ["test", "rle/sysu", "--checkpoint", "sysu.pt", *words])
    assert found.exit_code == 0, found.output
    flat = " ".join(found.output.split())
    assert "10 trials each" in flat
    assert "single-shot" in flat
