"""What files hold where a configuration does not say: the usual streams of the model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from helpers.components.config_fakes import FAKE_YAML, Walker

from gait_plugins.config import Config, load_config
from gait_plugins.errors import ConfigError

pytestmark = pytest.mark.usefixtures("fakes")
FILES = ["data_cfg.type=OpenGaitLayout", "data_cfg.dataset_root=walks", "data_cfg.dataset_name=CASIA-B"]
JOINTS = {"keypoints": {"type": "Keypoints", "joints": "alphapose"}}


@pytest.fixture
def usual(monkeypatch: pytest.MonkeyPatch) -> list[Mapping[str, Any]]:
    """A model of keypoints; the options that it was asked with."""
    asked: list[Mapping[str, Any]] = []

    def usual_streams(cls: type, **options: Any) -> Mapping[str, Mapping[str, Any]]:
        asked.append(options)
        return JOINTS

    monkeypatch.setattr(Walker, "usual_streams", classmethod(usual_streams))
    return asked


def loaded(folder: Path, *overrides: str) -> Config:
    (folder / "walks.yaml").write_text(FAKE_YAML)
    return load_config(folder / "walks.yaml", overrides)


def test_files_hold_what_the_models_data_usually_are(tmp_path: Path, usual: list[Mapping[str, Any]]) -> None:
    config = loaded(tmp_path, *FILES)
    (stream,) = config.data_cfg.dataset.build().streams()
    assert (stream.name, stream.shape) == ("keypoints", (18, 3))
    assert config.data["data_cfg"]["streams"] == JOINTS  # the run folder shows it
    assert "model" not in usual[0]
    assert usual[0] == config.model_cfg.options


def test_what_is_written_wins(tmp_path: Path, usual: list[Mapping[str, Any]]) -> None:
    config = loaded(tmp_path, *FILES, "data_cfg.streams={maps: {type: SkeletonMaps}}")
    assert [stream.name for stream in config.data_cfg.dataset.build().streams()] == ["maps"]
    config = loaded(tmp_path, *FILES, "data_cfg.streams=null")
    assert config.data_cfg.dataset.build().streams() is None


def test_data_that_know_their_streams_are_told_nothing(
    tmp_path: Path, usual: list[Mapping[str, Any]]
) -> None:
    config = loaded(tmp_path, "data_cfg.type=walkers")
    assert "streams" not in config.data["data_cfg"]


def test_a_model_with_wrong_options_is_not_asked(tmp_path: Path, usual: list[Mapping[str, Any]]) -> None:
    with pytest.raises(ConfigError, match="Head"):
        loaded(tmp_path, *FILES, "model_cfg.Head=1")
    assert not usual


def test_errors_stay_in_the_order_of_the_sections(tmp_path: Path, usual: list[Mapping[str, Any]]) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, *FILES, "model_cfg.Head=1", "data_cfg.cache=often")
    text = str(caught.value)
    assert text.index("data_cfg.cache") < text.index("model_cfg.Head")
