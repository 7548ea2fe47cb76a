"""``gait-plugins demo --video``: two films, a training, a gallery, and names beside the truth."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import pytest
from typer.testing import CliRunner

from gait_plugins.cli import app
from gait_plugins.core.galleries.store import Gallery
from gait_plugins.core.recognition import film_demo
from gait_plugins.core.recognition.film_demo import Enrolment, FilmPlan

SMALL = FilmPlan(enrolled=3, strangers=1, seconds=(40.0, 12.0), crowd=2.0, size=(320, 240), false_matches=0.1)
FEW = (
    *("data_cfg.train=4", "data_cfg.views=['090']", "data_cfg.frames=12", "data_cfg.num_workers=0"),
    *("model_cfg.SeparateBNNecks.class_num=4", "trainer_cfg.sampler.batch_size=[2, 2]"),
    *("trainer_cfg.total_iter=2", "trainer_cfg.save_iter=2", "evaluator_cfg.restore_hint=2"),
)


def demo(*overrides: str, code: int = 0) -> str:
    words = [word for override in overrides for word in ("-o", override)]
    result = CliRunner().invoke(app, ["demo", "--video", "--out", "out", *words], terminal_width=200)
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    return result.output


@pytest.mark.heavy
def test_the_demonstration_names_people_in_a_film_and_tells_what_is_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(film_demo, "FilmPlan", lambda: SMALL)
    folder = Path("out/video")
    folder.mkdir(parents=True)
    # What an earlier demonstration left is replaced.
    (folder / "street-a.mp4").write_text("old")
    (folder / "street-b").mkdir()
    said = demo(f"data_cfg.cache_dir={tmp_path / 'cache'}", *FEW)
    told = json.loads((folder / "demo.json").read_text())
    score, [film] = told["score"], told["films"]
    spans = [span for person in film["people"] for span in person["spans"]]
    assert sum(score.values()) == len(spans) > 0
    known = score["right"] + score["wrong"] + score["missed"]
    assert f"{score['right']} of {known} tracks bear the right name" in said
    assert f"{score['refused']} of {score['refused'] + score['taken']} tracks are unknown" in said
    assert json.loads((folder / "names.json").read_text())["films"] == told["films"]
    with Gallery(folder / "people.gallery") as gallery:
        assert {entry.person for entry in gallery.entries()} <= {"005", "006", "007"}
        assert gallery.thresholds()
    named = cv2.VideoCapture(str(folder / "named.mp4"))
    assert named.get(cv2.CAP_PROP_FRAME_COUNT) == 12 * 25


def test_the_rate_of_false_matches_is_one_that_the_tracks_can_tell():
    few = Enrolment({"061": [1, 2], "062": [3], "063": [4]})
    assert 3 / few.rate(0.05) <= 5 < 3 / few.rate(0.05) + 1
    many = Enrolment({str(number): [number] * 4 for number in range(5)})
    assert many.rate(0.05) == 0.05


@pytest.mark.parametrize(
    ("override", "said"),
    [("data_cfg.test=3", "the films need 9 people"), ("data_cfg.nonsense=3", "nonsense")],
)
def test_what_cannot_be_shown_is_told_before_anything_is_made(
    override: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    assert said in demo(override, code=2)
    assert not Path("out/video").exists()
