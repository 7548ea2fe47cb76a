"""Pose-landmark models of MediaPipe in a .tflite file, run by OpenCV on square crops of frames."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from gait_plugins.api.video.people import Box
from gait_plugins.errors import DataError

SIDE = 256
"""Rows and columns of a crop."""
BLAZE = 33
"""Joints of a person; models give a few more, which serve their own crops."""
_VALUES = 5
"""Of a joint: column, row, depth, and logits of being visible and of being in the crop."""
_COUNTS = (33 * _VALUES, 39 * _VALUES)
_HINT = (
    "expected pose_landmark_lite.tflite, pose_landmark_full.tflite or pose_landmark_heavy.tflite of MediaPipe"
)


@dataclass(frozen=True)
class Square:
    """A square of a frame, in pixels; it may reach beyond the frame."""

    left: float
    top: float
    side: float

    @classmethod
    def around(cls, box: Sequence[float], margin: float) -> Square:
        """The square around the middle of a box.

        Args:
            box: left, top, right and bottom.
            margin: its side, in heights of the box; never less than the width.
        """
        width, height = box[2] - box[0], box[3] - box[1]
        side = max(margin * height, 1.05 * width, 8.0)
        return cls((box[0] + box[2] - side) / 2, (box[1] + box[3] - side) / 2, side)

    @property
    def scale(self) -> float:
        """Pixels of the frame in one of the crop."""
        return self.side / SIDE

    def within(self, width: int, height: int) -> Box:
        """The whole pixels of a frame that it covers."""
        left, top = max(0, int(np.floor(self.left))), max(0, int(np.floor(self.top)))
        right = min(width, int(np.ceil(self.left + self.side)))
        bottom = min(height, int(np.ceil(self.top + self.side)))
        return left, top, max(left, right), max(top, bottom)

    def cut(self, pixels: np.ndarray) -> np.ndarray:
        """The square of a frame, uint8 ``[256, 256, 3]``; black beyond the frame."""
        # Pixel centres of the crop in the frame.
        move = np.array([[self.scale, 0, self.left - 0.5], [0, self.scale, self.top - 0.5]], np.float64)
        move[:, 2] += 0.5 * self.scale
        if self.scale <= 1.5:
            return _warped(pixels, move, (SIDE, SIDE))
        # A warp looks at four pixels alone: large crops are made smaller by areas first.
        left, top, right, bottom = self.within(pixels.shape[1], pixels.shape[0])
        if right <= left or bottom <= top:
            return np.zeros((SIDE, SIDE, pixels.shape[2]), pixels.dtype)
        size = max(1, round((right - left) / self.scale)), max(1, round((bottom - top) / self.scale))
        small = cv2.resize(pixels[top:bottom, left:right], size, interpolation=cv2.INTER_AREA)
        shift = (left - self.left) / self.scale, (top - self.top) / self.scale
        crop = np.zeros((SIDE, SIDE, pixels.shape[2]), pixels.dtype)
        column, row = min(round(shift[0]), SIDE - 1), min(round(shift[1]), SIDE - 1)
        held = small[: SIDE - row, : SIDE - column]
        crop[row : row + held.shape[0], column : column + held.shape[1]] = held
        return crop

    def placed(self, crop: np.ndarray, box: Box) -> np.ndarray:
        """A picture of the crop, ``[256, 256]``, in a box of the frame; its edge goes on outside."""
        move = np.array([[1.0, 0, box[0] + 0.5 - self.left], [0, 1.0, box[1] + 0.5 - self.top]])
        move /= self.scale
        move[:, 2] -= 0.5
        return _warped(crop, move, (box[2] - box[0], box[3] - box[1]), cv2.BORDER_REPLICATE)


def _warped(picture: np.ndarray, move: np.ndarray, size: tuple[int, int], border: int = 0) -> np.ndarray:
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(picture, move, size, flags=flags, borderMode=border))


@dataclass(frozen=True)
class Look:
    """What the model sees in a crop."""

    square: Square
    presence: float
    """How sure it is that there is a person, in [0, 1]."""
    logits: np.ndarray
    """Of the person's mask, float32 ``[256, 256]``."""
    joints: np.ndarray
    """float32 ``[33, 3]``: column and row in pixels of the frame, and confidence in [0, 1]."""


class LandmarkNet:
    """A pose-landmark model.

    Args:
        path: the .tflite file.

    Raises:
        DataError: it is missing, damaged, or another model.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._net = _opened(path)
        self._names = tuple(self._net.getUnconnectedOutLayersNames())
        self._mask = self._joints = self._presence = ""
        black = np.zeros((SIDE, SIDE, 3), np.uint8)
        for name, output in self._outputs(black, self._names).items():
            if output.size == SIDE * SIDE and output.ndim == 4:
                self._mask = name
            elif output.size in _COUNTS and not (self._joints and output.size < _COUNTS[-1]):
                self._joints = name
            elif output.size == 1:
                self._presence = name
        lacking = {"mask": self._mask, "joints": self._joints, "presence": self._presence}
        absent = [what for what, name in lacking.items() if not name]
        if absent:
            raise DataError(f"the model gives no {' and no '.join(absent)}", where=path, hint=_HINT)

    def look(self, pixels: np.ndarray, square: Square) -> Look:
        """The person in the middle of a square.

        Args:
            pixels: the frame, uint8 ``[h, w, 3]``: blue, green, red.
            square: where to look.
        """
        found = self._outputs(square.cut(pixels), (self._mask, self._joints, self._presence))
        presence = float(np.nan_to_num(found[self._presence].ravel()[0]))
        values = found[self._joints].reshape(-1, _VALUES)[:BLAZE]
        joints = np.empty((BLAZE, 3), np.float32)
        joints[:, 0] = square.left + values[:, 0] * square.scale - 0.5
        joints[:, 1] = square.top + values[:, 1] * square.scale - 0.5
        joints[:, 2] = _shares(values[:, 3:].min(1))
        lost = ~np.isfinite(joints).all(1)
        joints[lost] = 0
        logits = np.nan_to_num(found[self._mask].reshape(SIDE, SIDE), nan=-1.0)
        return Look(square, min(max(presence, 0.0), 1.0), logits, joints)

    def _outputs(self, crop: np.ndarray, names: Sequence[str]) -> dict[str, np.ndarray]:
        # One crop at a time: the models' own resizing is made for a batch of one.
        blob = np.ascontiguousarray(crop[None, ..., ::-1].transpose(0, 3, 1, 2), np.float32) / np.float32(255)
        try:
            self._net.setInput(blob)
            return dict(zip(names, self._net.forward(names), strict=True))
        except cv2.error as error:
            raise DataError(
                f"the model takes no picture of {SIDE}x{SIDE} (OpenCV {cv2.__version__}: {_reason(error)})",
                where=self.path,
                hint=_HINT,
            ) from error


def _shares(logits: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-np.clip(logits, -40, 40))))


def _opened(path: str) -> Any:
    file = Path(path).expanduser()
    if not file.is_file():
        raise DataError(
            "there is no such file",
            where=path,
            hint="path of pose_mask names a pose-landmark model: the wheel of mediapipe 0.10.21 and the npm "
            "package @mediapipe/pose hold pose_landmark_*.tflite",
        )
    if not hasattr(cv2.dnn, "readNetFromTFLite"):
        raise DataError(
            f"OpenCV {cv2.__version__} was built without a reader of .tflite files",
            where=path,
            hint="pip install opencv-python-headless",
        )
    # The newer engine of OpenCV 5 gives one output of several; OpenCV 4 has the classic one alone.
    engine = [cv2.dnn.ENGINE_CLASSIC] if hasattr(cv2.dnn, "ENGINE_CLASSIC") else []
    data = file.read_bytes()
    if data[4:8] != b"TFL3":
        raise DataError("the file is no TensorFlow Lite model", where=path, hint=_HINT)
    try:
        return cv2.dnn.readNetFromTFLite(os.fspath(file), *engine)
    except cv2.error as error:
        raise DataError(
            f"OpenCV {cv2.__version__} cannot read the model: {_reason(error)}", where=path, hint=_HINT
        ) from error


def _reason(error: cv2.error) -> str:
    return " ".join(str(error).split())[:200]
