"""The page on films, and another package's segmenter on the page on plugins: both work as shown."""

from __future__ import annotations

import importlib
import re
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers.components.tracks import tiny_files
from helpers.files.films import masks, street
from helpers.places import DOCS
from typer.testing import CliRunner

from gait_plugins import FilmFrame
from gait_plugins.cli import app
from gait_plugins.config.loading import load_video
from gait_plugins.testing import check_segmenter, example_film
from gait_plugins.testing.films import ExampleFilm

PAGE = (DOCS / "films.md").read_text(encoding="utf-8")


def test_the_segmenting_commands_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    street(Path("street.mp4"), code="mp4v")
    masks(Path("masks.avi"))
    [settings] = re.findall(r"```yaml\n# crossing.yaml\n(.*?)```", PAGE, re.DOTALL)
    Path("crossing.yaml").write_text(settings.replace("min_frames: 40", "min_frames: 20"))
    commands = [
        line.partition("#")[0]
        for line in re.findall(r"^gait-plugins (video|config|plugins)(.*)$", PAGE, re.MULTILINE)
        for line in [" ".join(line)]
        if "identify my.yaml" not in line
    ]
    assert len(commands) >= 5
    for number, command in enumerate(commands):
        words = [word if word != "tracks" else f"tracks{number}" for word in shlex.split(command)]
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 0, f"{command}: {result.output}"
    made = {path.name for path in Path("tracks0").iterdir()}
    shown = set(re.findall(r"^\| `(street\.\w+)`", PAGE, re.MULTILINE))
    assert shown == {name for name in made if "." in name}
    assert "street-0001" in made


def test_the_naming_commands_work(tiny: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    config, weights = tiny_files(tmp_path)
    config.rename("my.yaml")
    weights.rename("weights.pt")
    street(Path("street.mp4"), code="mp4v")
    commands = re.findall(
        r"^gait-plugins ((?:video identify|embed|enroll|identify) my\.yaml .*)$", PAGE, re.MULTILINE
    )
    assert len(commands) == 5
    for command in sorted(commands, key=lambda line: not line.startswith("enroll")):
        result = CliRunner().invoke(app, shlex.split(command))
        assert result.exit_code == 0, f"{command}: {result.output}"
    assert {path.name for path in tmp_path.iterdir()} >= {
        "names.json",
        "named.mp4",
        "tracks.npz",
        "staff.gallery",
    }


def test_the_gates_of_the_page_are_those_of_the_settings():
    shown = dict(re.findall(r"^\| `(min_\w+)` \|.*\| ([\d.]+)", PAGE, re.MULTILINE))
    video = load_video()
    names = [name for name in type(video).model_fields if name.startswith("min_")]
    assert {name: float(value) for name, value in shown.items()} == {
        name: float(getattr(video, name)) for name in names
    }


def test_every_trouble_and_file_of_the_page_is_one(tmp_path: Path):
    from typing import get_args

    from gait_plugins.api.video.people import Trouble

    assert set(re.findall(r"^\| `(merged|hidden|border|standing)` \|", PAGE, re.MULTILINE)) == set(
        get_args(Trouble)
    ) - {""}


def test_the_settings_of_the_page_are_accepted(tmp_path: Path):
    [settings] = re.findall(r"```yaml\n# crossing.yaml\n(.*?)```", PAGE, re.DOTALL)
    file = tmp_path / "crossing.yaml"
    file.write_text(settings)
    assert load_video(file).min_frames == 40


def test_the_segmenter_of_another_package_keeps_the_contract(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    page = (DOCS / "plugins.md").read_text(encoding="utf-8")
    files = re.findall(r"<!-- segmenter: (\S+) -->\n```\w+\n(.*?)```", page, re.DOTALL)
    lines = sum(bool(line.strip()) for _, text in files for line in text.splitlines())
    assert lines <= 30, "the page says: in 30 lines"
    for name, text in files:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    manifest = importlib.import_module("green_screen")
    module, _, attribute = manifest.gait_segmenters()["GreenScreen"].partition(":")
    segmenter = getattr(importlib.import_module(module), attribute)()
    example = example_film()
    frames = []
    for frame, people in zip(example.frames, example.people, strict=True):
        pixels = np.zeros_like(frame.pixels)
        pixels[..., 1] = 200
        left, top, right, bottom = people[0].box
        pixels[top:bottom, left:right][people[0].mask > 127] = (40, 50, 90)
        frames.append(FilmFrame(frame.number, frame.time, pixels))
    check_segmenter(segmenter, ExampleFilm(example.film, frames, example.people))
    [found] = segmenter.people(frames[20])
    assert found.box == example.people[20][0].box
    for name in ("green_screen", "green_screen.segmenter"):
        sys.modules.pop(name, None)
