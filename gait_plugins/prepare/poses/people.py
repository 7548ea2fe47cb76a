"""Choice of the person that a sequence is about, where frames show several."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from gait_plugins.prepare.poses.found import Frame

BY_TRACK = "sequences show several people: the track with the most frames is taken"
BY_PLACE = "sequences show several people: the one who goes on from the frame before is taken"
FIRST = "sequences show several people: the first in each frame is taken, as the data set's users do"
_STRIDE = 1.0
"""Heights of the body that someone may move from frame to frame."""


class Choice(NamedTuple):
    """Who was taken."""

    places: list[int | None]
    """For each frame the place of the person in it; None where it has nobody, or not that one."""
    remark: str | None = None
    detail: str = ""


def choose(
    frames: list[Frame], person: str | None, index: Mapping[str, int] | None, first: bool = False
) -> Choice:
    """The person in each frame.

    Args:
        frames: of a sequence, in order.
        person: a track, or where there are none, the place in every frame; None: chosen here.
        index: name of a frame -> place, of an index file; frames that it lacks have the first person.
        first: take the first person where nothing else decides.
    """
    tracked = all(frame.tracks is not None for frame in frames if len(frame.people))
    if person is not None:
        return Choice([_placed(frame, person, tracked) for frame in frames])
    if index is not None:
        return Choice([_indexed(frame, index) for frame in frames])
    if tracked:
        return _by_track(frames)
    if not any(len(frame.people) > 1 for frame in frames):
        return Choice([0 if len(frame.people) else None for frame in frames])
    if first:
        return Choice([0 if len(frame.people) else None for frame in frames], FIRST)
    return Choice(_followed(frames), BY_PLACE, f"up to {max(len(frame.people) for frame in frames)} people")


def _placed(frame: Frame, person: str, tracked: bool) -> int | None:
    if tracked:
        return frame.tracks.index(person) if frame.tracks and person in frame.tracks else None
    place = int(person) if person.isdigit() else -1
    return place if 0 <= place < len(frame.people) else None


def _indexed(frame: Frame, index: Mapping[str, int]) -> int | None:
    place = index.get(frame.name, 0)
    return place if 0 <= place < len(frame.people) else None


def _by_track(frames: list[Frame]) -> Choice:
    counts = Counter(track for frame in frames for track in dict.fromkeys(frame.tracks or ()))
    if not counts:
        return Choice([None] * len(frames))
    (chosen, _), *_ = counts.most_common(1)
    places = [_placed(frame, chosen, tracked=True) for frame in frames]
    if len(counts) == 1:
        return Choice(places)
    return Choice(places, BY_TRACK, f"track {chosen} of {', '.join(sorted(counts)[:12])}")


def _followed(frames: list[Frame]) -> list[int | None]:
    """The most confident person of the first frame that has any, and whoever is nearest in those after it."""
    places: list[int | None] = []
    last: np.ndarray | None = None
    gap = 0
    for frame in frames:
        gap += 1
        if not len(frame.people):
            places.append(None)
            continue
        if last is None:
            place = int(np.argmax(_confidence(frame.people)))
        else:
            moved = np.array([_distance(last, body) for body in frame.people])
            place = int(np.argmin(moved))
            if moved[place] > _STRIDE * gap:
                places.append(None)
                continue
        last, gap = frame.people[place], 0
        places.append(place)
    return places


def _confidence(people: np.ndarray) -> np.ndarray:
    """How sure each person is, ``[p]``: summed confidence, or height where there is none."""
    finite = np.nan_to_num(people)
    return np.asarray(finite[..., 2].sum(1) if people.shape[-1] == 3 else np.ptp(finite[..., 1], axis=1))


def _distance(before: np.ndarray, body: np.ndarray) -> float:
    """Mean way of the joints that both have, in heights of the body; infinite where there are none."""
    both = _found(before) & _found(body)
    if not both.any():
        return np.inf
    height = float(np.ptp(before[_found(before), :2], axis=0).max()) or 1.0
    return float(np.linalg.norm(before[both, :2] - body[both, :2], axis=1).mean() / height)


def _found(body: np.ndarray) -> np.ndarray:
    return np.asarray(np.isfinite(body).all(-1) & (body[:, :2] != 0).any(-1))
