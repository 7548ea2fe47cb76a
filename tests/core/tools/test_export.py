"""A data set written as OpenGait's layout reads back the same."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

import gait_plugins
from gait_plugins.api import GaitDataset, SequenceRef, Subset
from gait_plugins.cli.data.check import app
from gait_plugins.core.tools.export import write_opengait_layout
from gait_plugins.errors import ConfigError, DataError
from gait_plugins.plugins.walkers.dataset import Walkers


class Two(GaitDataset):
    """One training and one test sequence, of two sources, with a listed probe."""

    def __init__(self, label: str = "b", fail: bool = False) -> None:
        self.label, self.fail = label, fail

    def sequences(self, subset: Subset) -> list[SequenceRef]:
        return [SequenceRef("a" if subset == "train" else self.label, "t", "v", None)]

    def load(self, ref: SequenceRef) -> list[np.ndarray]:
        if self.fail and ref.label == "b":
            raise DataError("broken")
        return [np.zeros((2, 4, 4), np.uint8), np.ones((2, 4, 4), np.uint8)]

    def probe_set(self) -> frozenset[str]:
        return frozenset({"b-t-v"})


def test_walkers_read_back_equal(tmp_path: Path) -> None:
    data = Walkers(
        train=1, test=1, views=["090"], nm=1, bg=1, cl=0, frames=3, cache_dir=str(tmp_path / "cache")
    )
    partition = write_opengait_layout(data, tmp_path / "out")
    layout = {
        "type": "OpenGaitLayout",
        "dataset_root": str(tmp_path / "out"),
        "dataset_partition": str(partition),
    }
    copy = gait_plugins.build("dataset", layout)
    for subset in ("train", "test"):
        mine, theirs = data.sequences(subset), copy.sequences(subset)
        assert [ref.name for ref in mine] == [ref.name for ref in theirs]
        for a, b in zip(mine, theirs, strict=True):
            np.testing.assert_array_equal(data.load(a)[0], copy.load(b)[0])


def test_several_sources_and_probes(tmp_path: Path) -> None:
    partition = write_opengait_layout(Two(), tmp_path / "out")
    assert json.loads(partition.read_text()) == {
        "TRAIN_SET": ["a"],
        "TEST_SET": ["b"],
        "PROBE_SET": ["b-t-v"],
    }
    names = sorted(path.name for path in (tmp_path / "out" / "a" / "t" / "v").iterdir())
    assert names == ["0-v.pkl", "1-v.pkl"]


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="broken"):
        write_opengait_layout(Two(fail=True), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("label", ["", "..", "a/b", "a\\b"])
def test_labels_must_be_folder_names(tmp_path: Path, label: str) -> None:
    with pytest.raises(DataError, match="name of a folder"):
        write_opengait_layout(Two(label), tmp_path / "out")


def test_a_folder_with_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("")
    with pytest.raises(DataError, match="not an empty folder"):
        write_opengait_layout(Two(), tmp_path)
    assert (tmp_path / "mine.txt").exists()


def test_the_command(tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = {"train": 1, "test": 1, "nm": 1, "bg": 0, "cl": 0, "frames": 4, "cache_dir": tmp_path / "cache"}
    overrides = [part for name, value in options.items() for part in ("-o", f"data_cfg.{name}={value}")]
    done = CliRunner().invoke(app, ["export", "walkers/gei", "--out", str(out), *overrides])
    assert done.exit_code == 0, done.output
    assert "dataset_partition" in done.output
    assert (out / "001" / "nm-01" / "180" / "180.pkl").stat().st_size > 4 * 64 * 64


@pytest.mark.parametrize(
    "arguments", [[], ["walkers/gei", "--type", "walkers"], ["--type", "walkers", "-o", "data_cfg.train=1"]]
)
def test_an_unclear_command(tmp_path: Path, arguments: list[str]) -> None:
    unclear = CliRunner().invoke(app, ["export", *arguments, "--out", str(tmp_path / "x")])
    assert isinstance(unclear.exception, ConfigError)


def test_the_picture_command(tmp_path: Path) -> None:
    options = {"train": 0, "test": 1, "nm": 1, "bg": 0, "cl": 0, "frames": 2, "cache_dir": tmp_path / "cache"}
    overrides = [part for name, value in options.items() for part in ("-o", f"data_cfg.{name}={value}")]
    picture = tmp_path / "sheet.png"
    done = CliRunner().invoke(
        app,
        [
            "sheet",
            "walkers/gei",
            "--out",
            str(picture),
            "--view",
            "072",
            "--columns",
            "2",
            "--step",
            "1",
            *overrides,
        ],
    )
    assert done.exit_code == 0, done.output
    assert cv2.imread(str(picture)).shape == (64, 96 + 2 * 64, 3)
