"""JSON of pose estimators: OpenPose's, AlphaPose's, MMPose's and COCO's forms."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from gait_plugins.io.folders import by_numbers
from gait_plugins.io.printable import printable
from gait_plugins.prepare.poses.found import Frame, PoseFile, UnreadablePose, frame_of

EXPECTED = (
    "OpenPose's (people: pose_keypoints_2d), AlphaPose's and COCO's results (a list of image_id and "
    "keypoints), COCO's annotations with keypoints, or MMPose's (keypoints and keypoint_scores)"
)
_SHOWN = 4


def read_json(data: bytes) -> PoseFile:
    """The poses in a JSON text of any known form.

    Raises:
        UnreadablePose: it is empty, cut off, or of another kind: the message says what it seems to be.
    """
    if not data.strip():
        raise UnreadablePose("an empty file", damaged=True)
    try:
        content = json.loads(data.decode("utf-8-sig"))
    except RecursionError as error:
        raise UnreadablePose("JSON that is nested too deeply", damaged=True) from error
    except ValueError as error:
        raise UnreadablePose(f"no whole JSON: {error}", damaged=True) from error
    for fits, read, whose in _FORMS:
        if fits(content):
            try:
                return read(content)
            except (KeyError, TypeError, AttributeError, IndexError, ValueError, OverflowError) as error:
                why = f"no {error}" if isinstance(error, KeyError) else str(error)
                raise UnreadablePose(f"JSON in the form of {whose}, but {why}") from error
    raise UnreadablePose(f"{seems(content)}, expected {EXPECTED}")


def seems(content: Any) -> str:
    """What JSON that holds no poses seems to be, in words."""
    first = content[0] if isinstance(content, list) and content else content
    keys = set(first) if isinstance(first, dict) else set()
    for kind, marks in _KINDS.items():
        if marks <= keys:
            return kind
    several = "a list of " if isinstance(content, list) and content else ""
    if isinstance(first, dict):
        names = ", ".join(printable(key) for key in list(first)[:_SHOWN]) or "no keys"
        return f"{several}JSON objects with {names}" if several else f"a JSON object with {names}"
    return f"{several}{type(first).__name__} in JSON"


_KINDS = {
    "a partition (TRAIN_SET, TEST_SET)": {"TRAIN_SET"},
    "the record of a preparation (prepare.json)": {"settings", "sequences"},
    "annotations of masks or boxes, in COCO's form": {"images", "annotations"},
    "annotations of shapes, in LabelMe's form": {"shapes"},
    "boxes of a detector, without keypoints": {"image_id", "bbox"},
    "geographic features": {"features", "type"},
}


def _openpose(content: Any) -> PoseFile:
    return PoseFile("OpenPose's JSON", [_people("", content)], one=True)


def _people(name: object, content: Any) -> Frame:
    people = [person.get("pose_keypoints_2d", person.get("joints")) for person in _bodies(content)]
    return frame_of(name, [body for body in people if body])


def _bodies(content: Any) -> Any:
    return content["people"] if "people" in content else content["bodies"]


def _has_people(content: Any) -> bool:
    return isinstance(content, dict) and any(
        isinstance(content.get(key), list) for key in ("people", "bodies")
    )


def _by_image(content: Any) -> PoseFile:
    frames = [_people(name, content[name]) for name in sorted(content, key=by_numbers)]
    return PoseFile("AlphaPose's JSON by image", frames)


def _results(content: Any) -> PoseFile:
    kind = "AlphaPose's results" if any("idx" in one or "box" in one for one in content) else "COCO's results"
    return PoseFile(kind, _grouped(content, lambda one: one["keypoints"]))


def _annotations(content: Any) -> PoseFile:
    names = {image["id"]: image.get("file_name", image["id"]) for image in content.get("images") or []}
    found = [
        {**one, "image_id": names.get(one["image_id"], one["image_id"])}
        for one in content["annotations"]
        if one.get("keypoints")
    ]
    frames = _grouped(found, lambda one: _seen(one["keypoints"]))
    absent = set(map(str, names.values())) - {frame.name for frame in frames}
    frames = sorted([*frames, *(frame_of(name, []) for name in absent)], key=lambda f: by_numbers(f.name))
    joints = next((c["keypoints"] for c in content.get("categories") or [] if c.get("keypoints")), None)
    return PoseFile("COCO's annotations", frames, joints=_names(joints))


def _seen(keypoints: Any) -> np.ndarray:
    """Annotations say of a joint that it is absent, 0, hidden, 1, or visible, 2: the last two are there."""
    body = np.array(keypoints, np.float64).reshape(-1, 3)
    body[:, 2] = body[:, 2] > 0
    return body


def _grouped(content: Any, body: Callable[[Any], Any]) -> list[Frame]:
    """Frames of a list of people, by the names of their images."""
    images: defaultdict[str, list[Any]] = defaultdict(list)
    for one in content:
        images[str(one["image_id"])].append(one)
    return [
        frame_of(name, [body(one) for one in images[name]], _tracks(images[name]))
        for name in sorted(images, key=by_numbers)
    ]


def _tracks(people: list[Any]) -> list[object] | None:
    found = [_track(person) for person in people]
    # An estimator that does not track gives everyone the same number.
    return None if None in found or len(set(map(str, found))) < len(found) else found


def _track(person: Any) -> object:
    for key in ("idx", "track_id", "instance_id"):
        value = person.get(key)
        while isinstance(value, list) and value:
            value = value[0]
        if value is not None and not isinstance(value, (dict, list)):
            return int(value) if isinstance(value, float) and value.is_integer() else value
    return None


def _mmpose(content: Any) -> PoseFile:
    meta: Mapping[str, Any] = {}
    if isinstance(content, dict):
        meta = content.get("meta_info") or {}
        content = content["instance_info"] if "instance_info" in content else content["predictions"]
    names = meta.get("keypoint_id2name")
    joints = [names[str(place)] for place in range(len(names))] if isinstance(names, dict) else None
    if content and isinstance(content[0], dict) and "instances" in content[0]:
        frames = [_instances(one.get("frame_id", at), one["instances"]) for at, one in enumerate(content)]
    elif content and isinstance(content[0], list):
        frames = [_instances(place, one) for place, one in enumerate(content)]
    else:
        return PoseFile("MMPose's JSON", [_instances("", content)], one=True, joints=_names(joints))
    return PoseFile("MMPose's JSON", frames, joints=_names(joints))


def _instances(name: object, people: Any) -> Frame:
    bodies = [
        np.column_stack([np.array(one["keypoints"], np.float64)[:, :2], _scores(one)]) for one in people
    ]
    return frame_of(name, bodies, _tracks(people) if people else None)


def _scores(person: Any) -> np.ndarray:
    scores = person.get("keypoint_scores")
    return np.zeros((len(person["keypoints"]), 0)) if scores is None else np.array(scores, np.float64)


def _is_mmpose(content: Any) -> bool:
    if isinstance(content, dict):
        return any(isinstance(content.get(key), list) for key in ("instance_info", "predictions"))
    first = content[0] if isinstance(content, list) and content else None
    if isinstance(first, list):
        first = next((one for people in content if isinstance(people, list) for one in people), None)
    return isinstance(first, dict) and bool({"instances", "keypoint_scores"} & set(first))


def _names(joints: Any) -> tuple[str, ...] | None:
    return None if joints is None else tuple(str(name).strip().lower().replace(" ", "_") for name in joints)


def _nobody(content: Any) -> PoseFile:
    return PoseFile("an empty JSON list", [frame_of("", [])], one=True)


def _is_annotated(content: Any) -> bool:
    annotations = content.get("annotations") if isinstance(content, dict) else None
    return isinstance(annotations, list) and any(
        isinstance(one, dict) and "keypoints" in one for one in annotations
    )


def _is_results(content: Any) -> bool:
    return (
        isinstance(content, list)
        and bool(content)
        and all(isinstance(one, dict) and {"image_id", "keypoints"} <= set(one) for one in content)
    )


def _is_by_image(content: Any) -> bool:
    return isinstance(content, dict) and bool(content) and all(map(_has_people, content.values()))


_FORMS: list[tuple[Callable[[Any], bool], Callable[[Any], PoseFile], str]] = [
    (lambda content: content == [], _nobody, "nobody"),
    (_has_people, _openpose, "OpenPose"),
    (_is_annotated, _annotations, "COCO's annotations"),
    (_is_results, _results, "AlphaPose and COCO"),
    (_is_mmpose, _mmpose, "MMPose"),
    (_is_by_image, _by_image, "AlphaPose"),
]
