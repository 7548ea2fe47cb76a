"""``video segment``: from a film to silhouettes that ``data check``, ``embed`` and ``enroll`` take."""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from helpers.components.tiny import TINY_YAML, seen_weights
from helpers.files.films import counting, label_frames, masks, street, write_film
from typer.testing import CliRunner, Result

from gait_plugins import Detection, Film, FilmFrame, PoseEstimator
from gait_plugins.cli import app
from gait_plugins.config.loading import load_video
from gait_plugins.core.tools.embeddings import read_embeddings
from gait_plugins.errors import DataError
from gait_plugins.films import following, segmenting
from gait_plugins.films.annotated import AnnotatedFilm
from gait_plugins.films.reading import FilmSource
from gait_plugins.io.sequence_file import read_frames
from gait_plugins.prepare.convert import quiet_opencv


def segment(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["video", "segment", *map(str, arguments)])


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The street film, segmented."""
    folder = tmp_path_factory.mktemp("films")
    result = segment(street(folder / "street.avi"), folder / "out")
    assert result.exit_code == 0, result.output
    return folder / "out"


def test_each_person_is_a_track_in_the_layout(done: Path):
    report = json.loads((done / "street.json").read_text())
    names = [track["sequence"] for track in report["tracks"]]
    assert len(names) == 2
    for name, track in zip(names, report["tracks"], strict=True):
        identity, film, view = name.split("/")
        assert (identity[:7], film, view) == ("street-", "street", "000")
        frames = read_frames(done / name / f"{view}.pkl")
        assert frames.shape == (track["silhouettes"], 64, 64)
        assert len(frames) >= 30
        # Whole people: from the first row to the last, narrower than high.
        assert frames[:, 0].max() > 0
        assert frames[:, -1].max() > 0
        assert (frames > 127).mean() < 0.5
    assert report["film"] == {"name": "street", "width": 160, "height": 120, "rate": 10, "frames": 44}


def test_times_and_boxes_lie_beside_them(done: Path):
    with open(done / "street.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    report = json.loads((done / "street.json").read_text())
    for track in report["tracks"]:
        own = [row for row in rows if row["track"] == track["sequence"].split("/")[0]]
        assert len(own) == track["seen"]
        assert [int(row["frame"]) for row in own] == sorted(int(row["frame"]) for row in own)
        kept = [row for row in own if row["silhouette"]]
        assert [int(row["silhouette"]) for row in kept] == list(range(track["silhouettes"]))
        assert all(not row["trouble"] for row in kept)
        assert all(float(row["time"]) == pytest.approx(int(row["frame"]) / 10, abs=0.002) for row in own)
        assert all(35 <= int(row["bottom"]) - int(row["top"]) <= 45 for row in kept)
    assert {"border"} <= {row["trouble"] for row in rows}


def test_there_is_something_to_look_at(done: Path):
    sheet = cv2.imread(str(done / "street.png"))
    assert sheet.shape[0] == 2 * 80 + 1
    film = cv2.VideoCapture(str(done / "street.mp4"))
    read, frame = film.read()
    assert read
    assert frame.shape == (120, 160, 3)
    assert sorted(path.name for path in done.iterdir() if path.name.startswith(".")) == []


def test_what_was_written_is_good_data(done: Path, tmp_path: Path):
    partition = tmp_path / "partition.json"
    made = CliRunner().invoke(app, ["data", "partition", str(done), "-O", str(partition)])
    assert made.exit_code == 0, made.output
    checked = CliRunner().invoke(app, ["data", "check", "--root", str(done), "--partition", str(partition)])
    assert checked.exit_code == 0, checked.output


def test_tracks_are_enrolled_embedded_and_found(
    done: Path, tiny: object, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.chdir(tmp_path)
    Path("tiny.yaml").write_text(TINY_YAML.replace("transform: [{type: Shift}]", "transform: [null]"))
    torch.save({"model": seen_weights()}, "a.pt")

    def gait(*words: object) -> str:
        result = CliRunner().invoke(app, [*map(str, words), "--checkpoint", "a.pt", "--device", "cpu"])
        assert result.exit_code == 0, result.output
        return result.output

    one, other = sorted(done.glob("street-[0-9]*"))[:2]
    gait("enroll", "tiny.yaml", one, "--gallery", "g", "--id", "eve")
    # Another track of the same person is another sequence.
    said = gait("enroll", "tiny.yaml", other, "--gallery", "g", "--id", "eve")
    assert "1 sequences enrolled; g holds 2 of 1 identities" in said
    listed = CliRunner().invoke(app, ["gallery", "list", "g", "--sequences"]).output
    assert f"{one.name}-street-000" in listed
    assert f"{other.name}-street-000" in listed
    assert gait("identify", "tiny.yaml", one, "--gallery", "g").splitlines()[:2] == [
        f"{one.name}-street-000: eve",
        f"   1  eve  0.0000  {one.name}-street-000",
    ]
    gait("embed", "tiny.yaml", one, other, "-O", "tracks.npz")
    assert read_embeddings(Path("tracks.npz")).labels.tolist() == [one.name, other.name]
    # The sheet and the tables beside the tracks are no people.
    assert "of 2 identities" in gait("enroll", "tiny.yaml", done, "--gallery", "all")


def test_masks_of_another_program_are_people_too(tmp_path: Path):
    film = masks(tmp_path / "m.avi")
    result = segment(
        film, tmp_path / "out", "-o", "video_cfg.segmenter.type=masks", "--no-annotated", "--json"
    )
    assert result.exit_code == 0, result.output
    assert len(json.loads(result.output)["tracks"]) == 2
    assert not (tmp_path / "out" / "m.mp4").exists()


def test_labels_are_kept_as_tracks(tmp_path: Path):
    frames = tmp_path / "labels"
    frames.mkdir()
    for number, frame in enumerate(label_frames()):
        cv2.imwrite(str(frames / f"{number}.png"), frame)
    file = tmp_path / "masks.yaml"
    file.write_text("video_cfg:\n  segmenter: {type: masks}\n  min_frames: 30\n")
    result = segment(frames, tmp_path / "out", "--config", file)
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in (tmp_path / "out").glob("labels-*")) == ["labels-0001", "labels-0002"]


def test_a_second_film_lies_beside_the_first_and_the_same_one_is_refused(done: Path, tmp_path: Path):
    film = street(tmp_path / "street.avi")
    before = sorted(done.rglob("*"))
    result = segment(film, done)
    assert result.exit_code == 2
    assert "tracks of a film called 'street' are there already" in result.output
    assert sorted(done.rglob("*")) == before
    film.rename(tmp_path / "other.avi")
    assert segment(tmp_path / "other.avi", done, "--no-annotated").exit_code == 0
    assert len([path for path in done.iterdir() if path.is_dir()]) == 4


@pytest.mark.parametrize("frames", [1, 30])
def test_a_film_without_people_is_told_and_leaves_nothing(tmp_path: Path, frames: int):
    result = segment(write_film(tmp_path / "none.avi", counting(frames)), tmp_path / "out")
    assert result.exit_code == 2
    assert "nobody was followed for 20 silhouettes" in result.output
    assert "Traceback" not in result.output
    assert list((tmp_path / "out").iterdir()) == []


def test_what_stands_still_is_left_out_and_counted(tmp_path: Path):
    picture = np.zeros((120, 160, 3), np.uint8)
    picture[40:90, 60:80] = 255
    film = write_film(tmp_path / "still.avi", [picture] * 30)
    masked = "video_cfg.segmenter.type=masks"
    result = segment(film, tmp_path / "out", "-o", masked)
    assert "(1 track did not move)" in result.output
    assert segment(film, tmp_path / "out", "-o", masked, "-o", "video_cfg.min_move=0").exit_code == 0


def test_pictures_are_no_masks(tmp_path: Path):
    film = street(tmp_path / "street.avi", 12)
    result = segment(film, tmp_path / "out", "-o", "video_cfg.segmenter.type=masks")
    assert result.exit_code == 2
    assert "no film of masks" in result.output
    assert "video_cfg.segmenter.type=background" in result.output


def test_targets_that_cannot_be_written_are_told(tmp_path: Path):
    film = street(tmp_path / "street.avi", 4)
    (tmp_path / "file").write_text("")
    result = segment(film, tmp_path / "file")
    assert result.exit_code == 2
    assert "the target is a file, expected a folder" in result.output
    result = segment(film, tmp_path / "file" / "out")
    assert result.exit_code == 2
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("video_cfg.segmenter.type=backgrund", "did you mean 'background'"),
        ("video_cfg.sizes=64", "did you mean 'size'"),
        ("video_cfg.segmenter.contrast=0", "expected a number from 1"),
    ],
)
def test_settings_are_checked_before_the_work(tmp_path: Path, override: str, said: str):
    result = segment(street(tmp_path / "street.avi", 4), tmp_path / "out", "-o", override)
    assert result.exit_code == 2
    assert said in result.output


def test_a_long_track_is_written_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(following, "MOST_HELD", 12)
    result = segment(street(tmp_path / "street.avi"), tmp_path / "out", "-o", "video_cfg.min_frames=10")
    assert result.exit_code == 0, result.output
    [first, *_] = sorted((tmp_path / "out").glob("street-*"))
    parts = sorted((first / "street").iterdir())
    assert [part.name for part in parts] == ["000", "001", "002", "003"][: len(parts)]
    assert len(parts) >= 3
    assert [len(read_frames(part / f"{part.name}.pkl")) for part in parts[:-1]] == [12] * (len(parts) - 1)


def test_a_segmenter_that_leaves_the_frame_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from gait_plugins.plugins.films.background import Background

    monkeypatch.setattr(
        Background, "people", lambda *_: [Detection(150, 100, np.full((40, 20), 255, np.uint8))]
    )
    with pytest.raises(DataError, match="the segmenter 'background' gives a uint8 mask at"):
        segmenting.segment(FilmSource(street(tmp_path / "s.avi", 4)), tmp_path / "out", load_video(), False)


class Middles(PoseEstimator):
    """Joints in the middle of each box."""

    def keypoints(self, frame: FilmFrame, people: Sequence[Detection]) -> np.ndarray:
        found = np.ones((len(people), self.joints, 3), np.float32)
        for place, person in enumerate(people):
            found[place, :, 0] = (person.box[0] + person.box[2]) / 2
        return found


def test_joints_lie_beside_the_silhouettes(tmp_path: Path):
    chosen = SimpleNamespace(build=Middles)
    video = load_video().model_copy(update={"pose_estimator": chosen})
    report = segmenting.segment(FilmSource(street(tmp_path / "s.avi")), tmp_path / "out", video, False)
    with open(tmp_path / "out" / "s.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["silhouette"]]
    for track in report.tracks:
        joints = np.load((tmp_path / "out").joinpath(*track.name, segmenting.KEYPOINTS))
        assert joints.shape == (track.quality.silhouettes, 17, 3)
        own = [row for row in rows if row["track"] == track.name.id]
        middles = [(int(row["left"]) + int(row["right"])) / 2 for row in own]
        assert joints[:, 0, 0].tolist() == middles


def test_the_film_itself_is_never_written_over(tmp_path: Path):
    film = street(tmp_path / "street.mp4", 30, "mp4v")
    before = film.read_bytes()
    result = segment(film, tmp_path)
    assert result.exit_code == 2
    assert "a file of that name would be written over" in result.output
    assert film.read_bytes() == before


def test_a_name_that_is_no_utf8_is_kept(tmp_path: Path):
    film = street(tmp_path / "street.avi")
    try:
        odd = film.rename(os.fsdecode(os.fsencode(tmp_path) + b"/street\xff.avi"))
    except OSError:
        pytest.skip("names are UTF-8 here")
    result = segment(odd, tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert r"street\udcff-0001" in result.output
    names = sorted(os.listdir(os.fsencode(tmp_path / "out")))
    endings = [b"-0001", b"-0002", b".csv", b".json", b".mp4", b".png"]
    assert names == [b"street\xff" + ending for ending in endings]


def draw_noise(path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (120, 160, 3), np.uint8)
    film = Film("noise", 160, 120, 10.0, 40, False)
    with quiet_opencv(threads=None), AnnotatedFilm(path, film) as drawn:
        for number in range(40):
            drawn.write(FilmFrame(number, number / 10, noise), [])


@pytest.mark.skipif(sys.platform == "win32", reason="no limits of files")
def test_an_annotated_film_that_does_not_fit_the_disk_is_told(tmp_path: Path):
    """OpenCV says nothing of it."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20000, before[1]))
    try:
        with pytest.raises(DataError, match="could not be written to its end"):
            draw_noise(tmp_path / "noise.mp4")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_nothing_is_written_among_the_pictures_of_a_film(tmp_path: Path):
    frames = tmp_path / "labels"
    frames.mkdir()
    for number, frame in enumerate(label_frames()):
        cv2.imwrite(str(frames / f"{number}.png"), frame)
    result = segment(frames, frames, "-o", "video_cfg.segmenter.type=masks")
    assert result.exit_code == 2
    assert "is the folder of the film's pictures" in result.output
    assert len(list(frames.iterdir())) == 44


def test_two_at_once_do_not_touch_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    film, target = masks(tmp_path / "m.avi"), tmp_path / "out"
    theirs = target / f".m.{os.getppid()}.partial"  # of a process that lives
    theirs.mkdir(parents=True)
    (target / ".m.99999999.partial").mkdir()
    options = ("-o", "video_cfg.segmenter.type=masks", "--no-annotated")
    result = segment(film, target, *options)
    assert result.exit_code == 0, result.output
    assert [path.name for path in target.glob(".*")] == [theirs.name]
    # The other one has finished while this one was at work.
    check, asked = segmenting.check_target, []

    def late(*of: Any) -> None:
        asked.append(of)
        if len(asked) > 1:
            check(*of)

    monkeypatch.setattr(segmenting, "check_target", late)
    before = (target / "m.json").stat().st_mtime_ns
    result = segment(film, target, *options)
    assert result.exit_code == 2
    assert "are there already" in result.output
    assert (target / "m.json").stat().st_mtime_ns == before
    assert [path.name for path in target.glob(".*")] == [theirs.name]
    # Or at the very moment when this one has seen that there is nothing.
    before = {path.name: path.stat().st_mtime_ns for path in target.iterdir() if path.is_file()}
    monkeypatch.setattr(segmenting, "check_target", lambda *_: None)
    result = segment(film, target, *options)
    assert result.exit_code == 2
    assert "another run has written these tracks meanwhile" in " ".join(result.output.split())
    assert {path.name: path.stat().st_mtime_ns for path in target.iterdir() if path.is_file()} == before
