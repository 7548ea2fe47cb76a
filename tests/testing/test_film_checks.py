"""The contract checks of segmenters, trackers and pose estimators catch what goes wrong."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pytest

from gait_plugins import Detection, Film, FilmFrame, PoseEstimator, Segmenter, Sighting, Tracker
from gait_plugins.plugins.films.background import Background
from gait_plugins.plugins.films.tracking.tracker import BodyTracker
from gait_plugins.testing import check_pose_estimator, check_segmenter, check_tracker, example_film


class Red(Segmenter):
    """What is red."""

    def people(self, frame: FilmFrame) -> Sequence[Detection]:
        blue, _, red = (frame.pixels[..., channel].astype(int) for channel in range(3))
        person = Detection.of_mask(red - blue > 80)
        return [] if person is None else [person]


class Outside(Red):
    def people(self, frame: FilmFrame) -> Sequence[Detection]:
        return [Detection(p.left + 150, p.top, p.mask) for p in super().people(frame)]


class Boolean(Red):
    def people(self, frame: FilmFrame) -> Sequence[Detection]:
        return [Detection(p.left, p.top, p.mask > 127) for p in super().people(frame)]


class Painting(Red):
    def people(self, frame: FilmFrame) -> Sequence[Detection]:
        frame.pixels[0, 0] += 1
        return super().people(frame)


class Remembering(Red):
    """Forgets nothing when a film begins."""

    seen = 0

    def people(self, frame: FilmFrame) -> Sequence[Detection]:
        self.seen += 1
        return super().people(frame) if self.seen > 50 else []


class OnlyFiles(Red):
    def begin(self, film: Film, preview: Iterable[FilmFrame] | None) -> None:
        assert preview is not None, "needs a file"


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (Outside, "outside of a frame"),
        (Boolean, r"a mask is bool \[\d+, \d+\], expected uint8"),
        (Painting, "changes the pixels"),
        (Remembering, "begin\\(\\) must forget"),
        (OnlyFiles, "needs a file"),
    ],
)
def test_broken_segmenters_are_caught(broken: type[Segmenter], said: str):
    check_segmenter(Red())
    with pytest.raises(AssertionError, match=said):
        check_segmenter(broken())


class Zero(BodyTracker):
    def update(self, frame: FilmFrame, people: Sequence[Detection]) -> Sequence[Sighting]:
        return [Sighting(s.track - 1, s.person) for s in super().update(frame, people)]


class ByPlace(Tracker):
    """Numbers the detections by their places in the list."""

    def update(self, frame: FilmFrame, people: Sequence[Detection]) -> Sequence[Sighting]:
        return [Sighting(place, person) for place, person in enumerate(people, 1)]


class Twice(Tracker):
    def update(self, frame: FilmFrame, people: Sequence[Detection]) -> Sequence[Sighting]:
        return [Sighting(1, person) for person in people]


class Nobody(Tracker):
    def update(self, frame: FilmFrame, people: Sequence[Detection]) -> Sequence[Sighting]:
        return []


class Filler(BodyTracker):
    """A filler of an index becomes a person."""

    def update(self, frame: FilmFrame, people: Sequence[Detection]) -> Sequence[Sighting]:
        filler = Detection(0, 0, np.zeros((4, 4), np.uint8))
        return [*super().update(frame, people), Sighting(999, filler)]


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (Zero, "numbered from 1 on"),
        (ByPlace, "from one person to another"),
        (Twice, "seen twice in a frame"),
        (Nobody, "0 sightings"),
        (Filler, "a mask is empty"),
    ],
)
def test_broken_trackers_are_caught(broken: type[Tracker], said: str):
    with pytest.raises(AssertionError, match=said):
        check_tracker(broken)


class Boxes(PoseEstimator):
    """Joints in the middle of each box."""

    def keypoints(self, frame: FilmFrame, people: Sequence[Detection]) -> np.ndarray:
        found = np.zeros((len(people), self.joints, 3), np.float32)
        for place, person in enumerate(people):
            left, top, right, bottom = person.box
            found[place] = (left + right) / 2, (top + bottom) / 2, 0.5
        return found


class NoNobody(Boxes):
    """With no boxes, one skeleton of the whole picture."""

    def keypoints(self, frame: FilmFrame, people: Sequence[Detection]) -> np.ndarray:
        height, width = frame.pixels.shape[:2]
        whole = [Detection(0, 0, np.full((height, width), 255, np.uint8))]
        return super().keypoints(frame, people or whole)


class Logits(Boxes):
    def keypoints(self, frame: FilmFrame, people: Sequence[Detection]) -> np.ndarray:
        return super().keypoints(frame, people) * np.float32(7)


def test_broken_pose_estimators_are_caught():
    check_pose_estimator(Boxes())
    with pytest.raises(
        AssertionError, match=r"keypoints are float32 \[1, 17, 3\], expected float32 \[0, 17, 3\]"
    ):
        check_pose_estimator(NoNobody())
    with pytest.raises(AssertionError, match="a confidence"):
        check_pose_estimator(Logits())


def test_the_built_in_ones_find_the_people_of_the_example():
    example = example_film()
    segmenter, tracker = Background(), BodyTracker()
    segmenter.begin(example.film, iter(example.frames))
    tracker.begin(example.film)
    seen = [len(tracker.update(frame, segmenter.people(frame))) for frame in example.frames]
    assert np.mean([number == 2 for number in seen[3:36]]) > 0.9


@pytest.mark.parametrize(
    "mask",
    [np.zeros((4, 4, 3), np.uint8), np.full((4, 4), 1.5), np.full((4, 4), np.nan), np.ones((4, 4), np.int32)],
)
def test_what_is_no_mask_of_one_person_is_refused(mask: np.ndarray):
    from gait_plugins import DataError

    with pytest.raises(DataError, match="expected the mask of one person"):
        Detection.of_mask(mask)


def test_a_mask_is_cut_to_its_box_and_confidence_is_kept():
    mask = np.zeros((20, 30))
    mask[5:9, 10:14] = 0.7
    mask[6, 20] = 0.3  # no person, and the box does not reach it
    person = Detection.of_mask(mask, 0.9)
    assert person is not None
    assert (person.box, person.area, person.score) == ((10, 5, 14, 9), 16, 0.9)
    assert person.mask.max() == 178
    assert Detection.of_mask(np.zeros((4, 4), bool)) is None
