"""Files of poses in the forms that estimators and data sets have."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from helpers.golden_poses import keypoints


def body(frame: int, joints: int = 17, right: float = 0.0) -> np.ndarray:
    """A person in a frame, float64 ``[v, 3]``, whose place to the right may be moved."""
    return keypoints(1, frame + 1, joints)[0, frame] + [100 + right, 50, 0]


def walk(frames: int = 16, joints: int = 17) -> np.ndarray:
    """Keypoints ``[t, v, 3]`` of one person."""
    return np.stack([body(frame, joints) for frame in range(frames)])


def write_json(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def openpose(*bodies: np.ndarray) -> dict[str, Any]:
    """One frame's JSON."""
    return {
        "version": 1.3,
        "people": [{"person_id": [-1], "pose_keypoints_2d": body.ravel().tolist()} for body in bodies],
    }


def openpose_walk(folder: Path, points: np.ndarray) -> Path:
    """A file a frame."""
    for frame, one in enumerate(points):
        write_json(folder / f"walk_{frame:012d}_keypoints.json", openpose(one))
    return folder


def alphapose(frames: list[list[tuple[object, np.ndarray]]]) -> list[dict[str, Any]]:
    """Results: for each frame its people, with tracks where they are not None."""
    return [
        {
            "image_id": f"{frame}.jpg",
            "category_id": 1,
            "keypoints": body.ravel().tolist(),
            "score": 2.5,
            "box": [0, 0, 10, 20],
            **({} if track is None else {"idx": track}),
        }
        for frame, people in enumerate(frames)
        for track, body in people
    ]


def mmpose(points: np.ndarray, names: tuple[str, ...] | None = None) -> dict[str, Any]:
    """Predictions of a film."""
    instances = [
        {"keypoints": one[:, :2].tolist(), "keypoint_scores": one[:, 2].tolist(), "bbox": [[0, 0, 9, 9]]}
        for one in points
    ]
    listed = [{"frame_id": place + 1, "instances": [one]} for place, one in enumerate(instances)]
    meta = {} if names is None else {"keypoint_id2name": {str(i): name for i, name in enumerate(names)}}
    return {"meta_info": meta, "instance_info": listed}


def grew_text(one: np.ndarray) -> str:
    """One frame's text: two fields, then the joints."""
    return ",".join(["00001.jpg", "0.9", *(f"{number:.4f}" for number in one.ravel())]) + "\n"


def gaitgraph_table(path: Path, walks: dict[str, np.ndarray]) -> Path:
    """A table of sequences, called as ``001-nm-01-090``; rows of NaN lack numbers."""
    heads = [f"{joint}_{part}" for joint in range(17) for part in ("x", "y", "conf")]
    lines = [",".join(["image_name", *heads])]
    for name, points in walks.items():
        for frame, one in enumerate(points):
            cells = ["" if np.isnan(number) else f"{number:.3f}" for number in one.ravel()]
            lines.append(",".join([f"x/{name}/{frame:06d}.jpg", *cells]))
    path.write_text("\n".join(lines) + "\n")
    return path
