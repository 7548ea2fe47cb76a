"""Instances of models: people one by one, as masks with scores, or as boxes and prototypes of masks."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from gait_plugins.api.video.people import Box, Detection
from gait_plugins.errors import ConfigError, DataError
from gait_plugins.plugins.films.onnx_models.fitting import Fitting

MasksIn = Literal["picture", "boxes"]
"""What the masks of instances cover: the whole input, or the box of each."""


class MaskList:
    """Masks with scores, labels and boxes, as torchvision's Mask R-CNN gives them.

    Args:
        where: the file, for messages.
        person: the label of people; None: whoever is found is one.
        confidence: score from which one is a person.
        threshold: probability from which a pixel is the person.
        masks_in: what a mask covers; None: the input if it has its proportions and more than 56 columns, or
            if there are no boxes; else the box.
    """

    def __init__(
        self,
        where: str,
        person: int | None,
        confidence: float,
        threshold: float,
        masks_in: MasksIn | None,
    ) -> None:
        self.where, self.person, self.confidence = where, person, confidence
        self.threshold, self.masks_in = threshold, masks_in

    def people(
        self,
        masks: np.ndarray,
        scores: np.ndarray,
        labels: np.ndarray | None,
        boxes: np.ndarray | None,
        fitting: Fitting,
    ) -> list[Detection]:
        """The people of a frame.

        Args:
            masks: ``[n, h, w]``, ``[n, 1, h, w]`` or ``[1, n, h, w]``: probabilities or logits.
            scores: ``[n]`` or ``[1, n]``.
            labels: as the scores.
            boxes: ``[n, 4]`` or ``[1, n, 4]``: left, top, right and bottom in the input.
            fitting: of the frame.
        """
        scores = scores.reshape(-1)
        count = len(scores)
        plain = _listed(masks, count)
        labels = None if labels is None else labels.reshape(-1)
        corners = None if boxes is None else boxes.reshape(-1, 4) if boxes.size % 4 == 0 else boxes
        rest = [len(each) for each in (labels, corners) if each is not None]
        if plain is None or any(other != count for other in rest):
            raise DataError(
                f"there are {count} scores, but masks of {list(masks.shape)}"
                + (f", {len(labels)} labels" if labels is not None else "")
                + (f", boxes of {list(boxes.shape)}" if boxes is not None else "")
                + "; expected as many of each, and masks [n, h, w]",
                where=self.where,
                hint="outputs: {masks: NAME, scores: NAME, labels: NAME, boxes: NAME} chooses the outputs",
            )
        wanted = scores >= self.confidence
        if labels is not None and self.person is not None:
            wanted &= labels == self.person
        found = []
        in_boxes = corners is not None and self._in_boxes(plain, fitting)
        for place in np.flatnonzero(wanted):
            values = _probable(plain[place].astype(np.float32))
            score = float(min(scores[place], 1.0))
            if in_boxes and corners is not None:
                area = corners[place].astype(float)
                person = self._in_box(values, area, score, fitting)
            else:
                person = _of_map(values, score, fitting, self.threshold)
            found += [] if person is None else [person]
        return found

    def _in_boxes(self, masks: np.ndarray, fitting: Fitting) -> bool:
        if self.masks_in is not None:
            return self.masks_in == "boxes"
        rows, columns = masks.shape[1:]
        alike = abs(columns * fitting.size[1] - rows * fitting.size[0]) <= max(fitting.size)
        return not (alike and columns > 56)

    def _in_box(
        self, values: np.ndarray, area: np.ndarray, score: float, fitting: Fitting
    ) -> Detection | None:
        box = fitting.frame_box(area)
        if box is None or area[2] - area[0] < 1 or area[3] - area[1] < 1:
            return None
        return _placed(fitting.to_frame(values, box, area) > self.threshold, box, score)


class Prototypes:
    """Boxes with coefficients, and the prototypes of masks that they weigh, as YOLO's segmenters give them.

    Predictions are ``[1, 4 + classes + k, n]`` with the middle, width and height of a box (YOLO v8, 11),
    ``[1, n, 5 + classes + k]`` with the score of anything at all before the classes (v5, v7), or
    ``[1, n, 6 + k]`` with left, top, right, bottom, score and class (exported with the end of the way in it).
    There are more places ``n`` than values of one. Prototypes are ``[1, k, h, w]``.

    Args:
        where: the file, for messages.
        person: the class of people.
        confidence: score from which one is a person.
        threshold: probability from which a pixel is the person.
        overlap: of two boxes, as intersection over union, above which the less sure one is left out.
    """

    def __init__(self, where: str, person: int, confidence: float, threshold: float, overlap: float) -> None:
        self.where, self.person, self.confidence = where, person, confidence
        self.threshold, self.overlap = threshold, overlap

    def people(self, predictions: np.ndarray, prototypes: np.ndarray, fitting: Fitting) -> list[Detection]:
        """The people of a frame."""
        if predictions.ndim != 3 or prototypes.ndim != 4 or len(predictions) != 1 or len(prototypes) != 1:
            raise self._other(predictions, prototypes)
        boxes, scores, weights = self._rows(predictions[0].astype(np.float32), prototypes)
        kept = _apart(boxes, scores, self.overlap)
        flat = prototypes[0].astype(np.float32)
        found = []
        for place in kept:
            logits = np.tensordot(weights[place], flat, 1)
            box = fitting.frame_box(boxes[place])
            if box is None:
                continue
            inside = fitting.to_frame(_chance(logits), box) > self.threshold
            person = _placed(inside, box, float(min(scores[place], 1.0)))
            found += [] if person is None else [person]
        return found

    def _rows(self, rows: np.ndarray, prototypes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Boxes (left, top, right, bottom), scores and coefficients of people."""
        held = prototypes.shape[1]
        if rows.shape[1] == 6 + held:
            wanted = (rows[:, 4] >= self.confidence) & (rows[:, 5] == self.person)
            return rows[wanted, :4], rows[wanted, 4], rows[wanted, 6:]
        older = rows.shape[0] > rows.shape[1]
        rows = rows.T if older else rows
        first = 5 if older else 4
        classes = rows.shape[0] - first - held
        if classes < 1:
            raise self._other(rows[None], prototypes)
        if not self.person < classes:
            raise ConfigError(
                f"person of onnx is {self.person}, but the model has the classes 0 to {classes - 1}",
                where=self.where,
                hint="0 is the person of models that were trained on COCO",
            )
        scores = rows[first + self.person] * (rows[4] if older else 1)
        wanted = scores >= self.confidence
        rows = rows[:, wanted].T
        middle, half = rows[:, :2], rows[:, 2:4] / 2
        boxes = np.concatenate([middle - half, middle + half], 1)
        return boxes, scores[wanted], rows[:, first + classes :]

    def _other(self, predictions: np.ndarray, prototypes: np.ndarray) -> DataError:
        return DataError(
            f"the outputs are {list(predictions.shape)} and {list(prototypes.shape)}, expected predictions "
            "[1, 4 + classes + k, n], [1, n, 5 + classes + k] or [1, n, 6 + k], and prototypes [1, k, h, w]",
            where=self.where,
            hint="outputs: {predictions: NAME, prototypes: NAME} chooses them; form says what they are",
        )


def _listed(masks: np.ndarray, count: int) -> np.ndarray | None:
    """Masks as ``[n, h, w]``; None where they are not."""
    if masks.ndim == 4 and masks.shape[1] == 1 and masks.shape[0] == count:
        return np.asarray(masks[:, 0])
    if masks.ndim == 4 and masks.shape[0] == 1 and masks.shape[1] == count:
        return np.asarray(masks[0])
    return masks if masks.ndim == 3 and len(masks) == count else None


def _of_map(values: np.ndarray, score: float, fitting: Fitting, threshold: float) -> Detection | None:
    """The person of a map of the whole input."""
    rows, columns = np.flatnonzero(values.max(1) > threshold), np.flatnonzero(values.max(0) > threshold)
    if not len(rows):
        return None
    across, down = fitting.size[0] / values.shape[1], fitting.size[1] / values.shape[0]
    area = np.array([columns[0] - 1, rows[0] - 1, columns[-1] + 2, rows[-1] + 2], float)
    box = fitting.frame_box(area * [across, down, across, down])
    return None if box is None else _placed(fitting.to_frame(values, box) > threshold, box, score)


def _placed(inside: np.ndarray, box: Box, score: float) -> Detection | None:
    person = Detection.of_mask(inside, score)
    return None if person is None else replace(person, left=person.left + box[0], top=person.top + box[1])


def _probable(values: np.ndarray) -> np.ndarray:
    """Probabilities of probabilities or logits."""
    if not values.size or (values.min() >= -1e-3 and values.max() <= 1 + 1e-3):
        return values
    return _chance(values)


def _chance(logits: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-np.nan_to_num(logits, nan=-60.0).clip(-60, 60))))


def _apart(boxes: np.ndarray, scores: np.ndarray, overlap: float) -> list[int]:
    """Places of the boxes that overlap no surer one by more, the surest first."""
    kept: list[int] = []
    areas = np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0), 1)
    for place in np.argsort(-scores, kind="stable"):
        others = boxes[kept]
        corner, end = np.maximum(others[:, :2], boxes[place, :2]), np.minimum(others[:, 2:], boxes[place, 2:])
        both = np.prod(np.maximum(end - corner, 0), 1)
        if not (both > overlap * np.maximum(areas[kept] + areas[place] - both, 1e-6)).any():
            kept.append(int(place))
    return kept
