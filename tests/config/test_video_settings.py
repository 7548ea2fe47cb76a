"""The section of films: alone, in a whole configuration, and in the schema for editors."""

from __future__ import annotations

from pathlib import Path

import pytest

from gait_plugins.config import load_config
from gait_plugins.config.describe.explain import explain
from gait_plugins.config.describe.json_schema import json_schema
from gait_plugins.config.loading import load_video
from gait_plugins.errors import ConfigError


def test_the_defaults_need_no_file():
    found = load_video()
    assert (found.segmenter.name, found.tracker.name, found.pose_estimator) == ("background", "bodies", None)
    assert (found.size, found.min_frames, found.rate) == (64, 20, None)


def test_options_go_to_the_default_component():
    found = load_video(None, ["video_cfg.segmenter.stay=60", "video_cfg.tracker.memory=5"])
    assert found.segmenter.options == {"stay": 60}
    assert found.tracker.build().memory == 5


def test_a_whole_configuration_holds_it_and_gives_it_back(tmp_path: Path):
    file = tmp_path / "mine.yaml"
    file.write_text("inherits: walkers/gei\nvideo_cfg:\n  segmenter: {type: masks, label: 3}\n  size: 128\n")
    config = load_config(file)
    assert config.video_cfg is not None
    assert config.video_cfg.segmenter.name == "masks"
    written = {"type": "masks", "label": 3}
    assert config.data["video_cfg"] == {"segmenter": written, "tracker": {"type": "bodies"}, "size": 128}
    assert load_config(config.data).data == config.data
    assert load_video(file).size == 128
    assert load_config("walkers/gei").video_cfg is None


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("video_cfg.segmenter.contrst=3", "has no option 'contrst'"),
        ("video_cfg.min_frame=3", "did you mean 'min_frames'"),
        ("video_cfg.size=65", "expected 64 | 128, got 65"),
        ("video_cfg.tracker=bodies", "expected a mapping with the key 'type' for a tracker"),
        ("video_cfg.rate=0", "rate"),
    ],
)
def test_mistakes_are_told_alone_and_in_a_configuration(override: str, said: str):
    for load in (lambda: load_video(None, [override]), lambda: load_config("walkers/gei", [override])):
        with pytest.raises(ConfigError) as caught:
            load()
        assert said in str(caught.value)


def test_it_is_explained_and_in_the_schema():
    [section] = explain("video_cfg")
    names = {option.name for option in section.options}
    gates = {"min_frames", "min_move", "min_cycles", "min_score"}
    assert {"segmenter", "tracker", "pose_estimator", "size", "rate", "chapter", *gates} == names
    schema = json_schema()
    assert names == set(schema["properties"]["video_cfg"]["properties"])
    assert {"segmenter", "tracker", "pose_estimator"} <= set(schema["$defs"])
