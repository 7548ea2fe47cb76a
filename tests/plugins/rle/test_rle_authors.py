"""Checkpoints of the public code."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from gait_plugins.errors import CheckpointError
from gait_plugins.plugins.rle.models.network import CrossSpectralNet
from gait_plugins.plugins.rle.models.resnet import Layers, Stem
from gait_plugins.plugins.rle.published_weights import main, read_authors


def published(folder: Path, layers: int) -> tuple[Path, dict[str, Tensor]]:
    """A small file as the public code writes it, with every part that its forward pass never uses."""
    torch.manual_seed(0)
    whole = {**Stem(4).state_dict(), **Layers(50, 4).state_dict()}
    ours = CrossSpectralNet(7, width=4, layers=layers).state_dict()
    unused = {
        f"{part}.{key}": torch.randn_like(value.float())
        for part in (
            "visible_module.visible",
            "thermal_module.thermal",
            "middle_module.middle",
            "base_resnet.base",
        )
        for key, value in whole.items()
    }
    file = folder / "best.t"
    figures = {"cmc": np.zeros(20, np.float32), "mAP": np.float64(0.5), "epoch": 3}
    torch.save({"net": {**unused, **ours}, **figures}, file)
    return file, ours


@pytest.mark.parametrize("layers", [3, 4])
def test_the_authors_files_load_whole(layers: int, tmp_path: Path) -> None:
    file, ours = published(tmp_path, layers)
    found = read_authors(file)
    CrossSpectralNet(7, width=4, layers=layers).load_state_dict(found)
    assert all(torch.equal(value, ours[key]) for key, value in found.items())


def test_the_command_writes_a_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file, ours = published(tmp_path, 3)
    target = tmp_path / "regdb.pt"
    monkeypatch.setattr("sys.argv", ["authors", str(file), str(target)])
    assert main() == 0
    assert "7 identities, 64 channels; model_cfg.layers: 3" in capsys.readouterr().out
    assert set(torch.load(target, weights_only=True)["model"]) == set(ours)
    monkeypatch.setattr("sys.argv", ["authors", str(tmp_path / "none.t"), str(target)])
    assert main() == 2


def test_other_files_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "other.pt"
    torch.save({"conv1.weight": torch.zeros(1)}, file)
    with pytest.raises(CheckpointError, match="the file holds no cross-spectral network"):
        read_authors(file)
    torch.save({"net": Path("x")}, file)
    with pytest.raises(CheckpointError, match="cannot be read"):
        read_authors(file)
