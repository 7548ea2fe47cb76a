"""The segmenter and the joints of pose-landmark models: bodies apart, presence as score, faults in words."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from helpers.film_models.landmark_model import landmark_model

import gait_plugins
from gait_plugins import ConfigError, DataError, Detection, Film, FilmFrame, Segmenter
from gait_plugins.config.loading import load_video
from gait_plugins.plugins.films.landmarks import bodies
from gait_plugins.plugins.films.landmarks.bodies import Posed
from gait_plugins.plugins.films.landmarks.joints import BLAZEPOSE, PoseMaskJoints
from gait_plugins.plugins.films.landmarks.net import BLAZE, SIDE, LandmarkNet, Look, Square
from gait_plugins.plugins.films.landmarks.pose_mask import PoseMask
from gait_plugins.plugins.films.tracking.body import Body
from gait_plugins.plugins.films.tracking.claims import joined_fragments
from gait_plugins.testing.films import check_pose_estimator, check_segmenter, example_film

EXAMPLE = example_film()
WIDTH, HEIGHT = 200, 120
REAL = "GAIT_POSE_LANDMARK_MODEL"
"""Names a pose_landmark_*.tflite of MediaPipe, for the tests that want a real one."""


def overlap(one: Detection, other: Detection) -> float:
    masks = np.zeros((2, HEIGHT, WIDTH), bool)
    for mask, person in zip(masks, (one, other), strict=True):
        left, top, right, bottom = person.box
        mask[top:bottom, left:right] = person.mask > 127
    return float(masks.all(0).sum() / masks.any(0).sum())


class Seer:
    """A net that sees the person whose middle is nearest to that of the square."""

    def __init__(self, people: Sequence[np.ndarray], presence: Sequence[float] | None = None) -> None:
        self.people, self.presence = people, presence or [0.9] * len(people)
        self.squares: list[Square] = []

    def look(self, pixels: np.ndarray, square: Square) -> Look:
        self.squares.append(square)
        middle = np.array([square.left, square.top]) + square.side / 2
        found = [np.argwhere(mask)[:, ::-1] for mask in self.people]
        distances = [np.hypot(*((each.min(0) + each.max(0) + 1) / 2 - middle)) for each in found]
        nearest = int(np.argmin(distances))
        mask = np.repeat(self.people[nearest][..., None], 3, 2).astype(np.uint8) * np.uint8(255)
        # The first is in front: the net is surer of what is his.
        logits = (square.cut(mask)[..., 0].astype(np.float32) / 16 - 8) / (1 + nearest)
        return Look(square, self.presence[nearest], logits, np.zeros((BLAZE, 3), np.float32))


class Given(Segmenter):
    """Proposals that were made before."""

    def __init__(self, masks: Sequence[np.ndarray], label: int | None = None) -> None:
        self.masks, self.label, self.cut = masks, label, False

    def new_scene(self) -> bool:
        return self.cut

    def people(self, frame: FilmFrame) -> Sequence[Detection]:
        found = (Detection.of_mask(mask, label=self.label) for mask in self.masks)
        return [person for person in found if person is not None]

    def remarks(self) -> Sequence[str]:
        return ["told"]


def ellipse(middle: float, foot: int = 100, tall: int = 70, wide: int = 24) -> np.ndarray:
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    return ((columns - middle) / (wide / 2)) ** 2 + ((rows - foot + tall / 2) / (tall / 2)) ** 2 <= 1


def segmenter(tmp_path: Path, people: Sequence[np.ndarray], **options: Any) -> tuple[PoseMask, Given, Seer]:
    proposals = Given(people)
    made = PoseMask(landmark_model(tmp_path / "m.tflite"), proposals, **options)
    seer = Seer(people)
    made.net = seer  # type: ignore[assignment]
    made.begin(Film("f", WIDTH, HEIGHT, 10.0), None)
    return made, proposals, seer


def frame(number: int = 0) -> FilmFrame:
    return FilmFrame(number, number / 10, np.zeros((HEIGHT, WIDTH, 3), np.uint8))


def test_another_view_of_the_proposals_is_another_view(tmp_path: Path):
    """Whoever was seen before is looked for nowhere, and all tracks end there."""
    made, proposals, seer = segmenter(tmp_path, [ellipse(60), ellipse(100)])
    assert len(made.people(frame(0))) == 2
    assert not made.new_scene()
    one = ellipse(80, wide=70)  # where both would be: without the cut two places are looked at
    proposals.masks, proposals.cut, seer.people, seer.squares = [one], True, [one], []
    made.people(frame(1))
    assert made.new_scene()
    assert [square.left + square.side / 2 for square in seer.squares] == pytest.approx([80], abs=1)


# --- bodies ----------------------------------------------------------------------------------------


def test_people_who_cross_are_seen_apart_from_where_each_was(tmp_path: Path):
    made, proposals, seer = segmenter(tmp_path, [])
    for number in range(9):
        one, other = ellipse(60 + 4 * number), ellipse(108 - 4 * number, 96)
        touch = (cv2.dilate(one.astype(np.uint8), np.ones((5, 5), np.uint8)) & other).any()
        seer.people, seer.presence, seer.squares = [one, other], [0.9, 0.9], []
        proposals.masks = [one | other] if touch else [one, other]
        people = made.people(frame(number))
        if abs(48 - 8 * number) < 16:  # hardly anything is left of the one behind
            continue
        truth = shown(one, other)
        assert len(people) == 2
        assert all(max(overlap(person, each) for person in people) > 0.8 for each in truth)
        assert not np.logical_and(*[_full(person) for person in people]).any()
        # It looked where each had to be, and nowhere else.
        middles = sorted(square.left + square.side / 2 for square in seer.squares)
        assert np.allclose(middles, sorted([60.5 + 4 * number, 108.5 - 4 * number]), atol=5)


def shown(one: np.ndarray, other: np.ndarray) -> list[Detection]:
    """The one in front, and what is seen of the other."""
    found = [Detection.of_mask(one), Detection.of_mask(other & ~one)]
    return [person for person in found if person is not None]


def _full(person: Detection) -> np.ndarray:
    found = np.zeros((HEIGHT, WIDTH), bool)
    left, top, right, bottom = person.box
    found[top:bottom, left:right] = person.mask > 127
    return found


def test_people_who_come_in_together_are_found_in_what_is_left(tmp_path: Path):
    one, other = ellipse(70), ellipse(95)
    made, proposals, seer = segmenter(tmp_path, [one, other])
    proposals.masks = [one | other]
    # The middle of both is a bit nearer to the first.
    seer.people = [ellipse(70), ellipse(96)]
    people = made.people(frame())
    assert sorted(person.left for person in people) == [Detection.of_mask(each).left for each in seer.people]
    assert len(seer.squares) == 2


def test_things_keep_their_outline_and_get_a_low_score(tmp_path: Path):
    made, _, seer = segmenter(tmp_path, [ellipse(50), ellipse(150)])
    seer.presence = [0.9, 0.1]
    people = sorted(made.people(frame()), key=lambda person: person.left)
    assert [person.score for person in people] == [0.9, 0.1]
    assert np.array_equal(_full(people[1]), ellipse(150))
    assert isinstance(people[0], Posed)
    assert not isinstance(people[1], Posed)


def test_pieces_of_one_person_are_one_person(tmp_path: Path):
    made, proposals, seer = segmenter(tmp_path, [ellipse(100)])
    made.people(frame())
    halves = [ellipse(100).copy(), ellipse(100).copy()]
    halves[0][70:], halves[1][:74] = False, False
    proposals.masks = halves
    [person] = made.people(frame())
    truth = Detection.of_mask(ellipse(100))
    assert truth is not None
    assert overlap(person, truth) > 0.9
    assert len(seer.squares) == 2


def test_labels_of_the_proposals_are_kept(tmp_path: Path):
    made, proposals, _ = segmenter(tmp_path, [ellipse(100)])
    proposals.label = 7
    assert [person.label for person in made.people(frame())] == [7]
    assert made.remarks() == ["told"]


def test_a_film_is_forgotten_at_the_next(tmp_path: Path):
    made, proposals, seer = segmenter(tmp_path, [ellipse(70), ellipse(95)])
    first = [person.box for person in made.people(frame())]
    made.begin(Film("g", WIDTH, HEIGHT, 10.0), None)
    assert [person.box for person in made.people(frame())] == first
    assert proposals.masks
    assert len(seer.squares) == 4


@pytest.mark.parametrize("box", [(-40, -30, 60, 90), (150, 40, 260, 170), (0, 0, 200, 120), (90, 50, 94, 56)])
def test_crops_reach_beyond_the_frame_and_masks_do_not(tmp_path: Path, box: tuple[int, ...]):
    square = Square.around(box, 1.25)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    smooth = (60 + 50 * np.sin(columns / 9) + 50 * np.cos(rows / 11)).astype(np.uint8)
    crop = square.cut(np.repeat(smooth[..., None], 3, 2))
    assert crop.shape == (SIDE, SIDE, 3)
    shown = square.within(WIDTH, HEIGHT)
    back = square.placed(crop[..., 0].astype(np.float32), shown)
    wanted = smooth[shown[1] : shown[3], shown[0] : shown[2]].astype(float)
    assert abs(back - wanted)[2:-2, 2:-2].mean() < 6


def test_a_body_far_outside_is_nobody(tmp_path: Path):
    net = LandmarkNet(landmark_model(tmp_path / "m.tflite"))
    look = net.look(EXAMPLE.frames[0].pixels, Square(-900.0, -900.0, 50.0))
    assert bodies.Body(look, EXAMPLE.frames[0].pixels).detection() is None


def test_pieces_that_the_tracker_joins_have_the_score_of_the_surest():
    body = Body.of(1, Detection(90, 20, np.full((60, 20), 255, np.uint8)), np.zeros((3, 3, 8), np.float32))
    pieces = [
        Detection(90, top, np.full((25, 20), 255, np.uint8), score) for top, score in ((20, 0.2), (52, 0.7))
    ]
    [joined] = joined_fragments(pieces, [body])
    assert joined.score == 0.7


# --- a model in a file -----------------------------------------------------------------------------


@pytest.mark.heavy
def test_the_contracts_are_kept(tmp_path: Path):
    path = landmark_model(tmp_path / "m.tflite")
    check_segmenter(PoseMask(path))
    check_pose_estimator(PoseMaskJoints(path))


def test_a_small_model_outlines_the_figures(tmp_path: Path):
    made = PoseMask(landmark_model(tmp_path / "m.tflite"), Given([]))
    made.begin(EXAMPLE.film, None)
    truth = EXAMPLE.people[12]
    boxes = []
    for person in truth:
        whole = np.zeros((HEIGHT, 160), bool)
        left, top, right, bottom = person.box
        whole[top:bottom, left:right] = True
        boxes.append(whole)
    made.proposals = Given(boxes)
    people = sorted(made.people(EXAMPLE.frames[12]), key=lambda person: person.top)
    assert [overlap(one, other) > 0.85 for one, other in zip(people, truth, strict=True)] == [True, True]
    joints = PoseMaskJoints(landmark_model(tmp_path / "m.tflite")).keypoints(EXAMPLE.frames[12], people)
    for person, found in zip(people, joints, strict=True):
        left, top, right, bottom = person.box
        assert abs(found[:, 0] - (left + right - 1) / 2).max() < 3
        assert found[0, 1] < top + 3  # the nose comes first in the model's line, the ankles late
        assert found[-1, 1] > (top + bottom) / 2
        assert (found[:, 2] > 0.9).all()


def test_joints_that_the_segmenter_has_seen_cost_nothing(tmp_path: Path):
    estimator = PoseMaskJoints(landmark_model(tmp_path / "m.tflite"))
    estimator.net = None  # type: ignore[assignment]
    known = np.arange(BLAZE * 3, dtype=np.float32).reshape(BLAZE, 3)
    person = Posed(10, 10, np.full((40, 20), 255, np.uint8), joints=known)
    found = estimator.keypoints(EXAMPLE.frames[0], [person])
    assert np.array_equal(found[0], known[[0, 2, 5, 7, 8, *range(11, 17), *range(23, 29)]])
    assert len(BLAZEPOSE) == BLAZE


def test_the_configuration_chooses_the_proposals(tmp_path: Path):
    path = landmark_model(tmp_path / "m.tflite")
    settings = tmp_path / "video.yaml"
    settings.write_text(
        "video_cfg:\n"
        f"  segmenter: {{type: pose_mask, path: {path}, proposals: {{type: background, stay: 60}}}}\n"
        f"  pose_estimator: {{type: pose_mask, path: {path}}}\n"
    )
    video = load_video(settings)
    made: Any = video.segmenter.build()
    assert made.proposals.stay == 60
    assert video.pose_estimator is not None
    assert video.pose_estimator.build().joints == 17


@pytest.mark.parametrize("outputs", [["mask"], ["joints", "presence"], ["mask", "joints"]])
def test_other_models_are_told(tmp_path: Path, outputs: list[str]):
    absent = {"mask", "joints", "presence"} - {*outputs}
    with pytest.raises(DataError, match="the model gives no ") as told:
        LandmarkNet(landmark_model(tmp_path / "m.tflite", outputs=outputs))
    assert all(word in told.value.message for word in absent)


def test_files_that_are_no_models_are_told(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    whole = Path(landmark_model(tmp_path / "m.tflite")).read_bytes()
    with pytest.raises(DataError, match="there is no such file"):
        LandmarkNet(str(tmp_path / "none.tflite"))
    damaged = tmp_path / "damaged.tflite"
    for content in (b"", b"no model", whole[: len(whole) // 2], b"\0\0\0\0TFL3" + bytes(range(256))):
        damaged.write_bytes(content)
        with pytest.raises(DataError, match=r"is no TensorFlow Lite model|cannot read the model"):
            LandmarkNet(str(damaged))


def test_an_option_out_of_range_is_refused(tmp_path: Path):
    with pytest.raises(ConfigError, match="presence of PoseMask"):
        PoseMask(str(tmp_path / "m.tflite"), presence=2)


@pytest.mark.parametrize("engine", [True, False])
def test_the_engine_is_named_where_there_are_several(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: bool
):
    """OpenCV 4 has one engine, and takes no number of it."""
    path, given = landmark_model(tmp_path / "m.tflite"), []
    read = cv2.dnn.readNetFromTFLite
    several = hasattr(cv2.dnn, "ENGINE_CLASSIC")
    if engine:
        monkeypatch.setattr(cv2.dnn, "ENGINE_CLASSIC", 1, raising=False)
    else:
        monkeypatch.delattr(cv2.dnn, "ENGINE_CLASSIC", raising=False)

    def reader(file: str, *more: int) -> object:
        given.append(more)
        return read(file, 1) if several else read(file)

    monkeypatch.setattr(cv2.dnn, "readNetFromTFLite", reader)
    LandmarkNet(path)
    assert given == [(1,) if engine else ()]


@pytest.mark.skipif(REAL not in os.environ, reason=f"{REAL} names no pose_landmark_*.tflite of MediaPipe")
def test_a_real_model_sees_no_person_in_an_empty_street():
    net = LandmarkNet(os.environ[REAL])
    empty = np.random.default_rng(0).integers(90, 150, (30, 40, 3), np.uint8).repeat(4, 0).repeat(4, 1)
    look = net.look(empty, Square(20.0, 10.0, 100.0))
    assert look.presence < 0.5
    assert look.joints.shape == (33, 3)
    assert look.logits.shape == (256, 256)
    check_pose_estimator(
        gait_plugins.build("pose_estimator", {"type": "pose_mask", "path": os.environ[REAL]})
    )
