"""Semantic maps of models: the class of people, by scores or labels, taken apart into bodies."""

from __future__ import annotations

from typing import Literal

import numpy as np

from gait_plugins.api.video.people import Detection
from gait_plugins.errors import ConfigError, DataError
from gait_plugins.plugins.films.components import parts_of
from gait_plugins.plugins.films.heads import side_by_side
from gait_plugins.plugins.films.onnx_models.fitting import Fitting

Axis = Literal["first", "last"]
"""Where the classes of a map are: ``[1, classes, h, w]`` or ``[1, h, w, classes]``."""


class ScoreMap:
    """Scores of classes for each pixel: logits or probabilities.

    Args:
        where: the file and the output, for messages.
        person: the class; None where there is a single one.
        axis: of the classes; None: the one that leaves a map of the input's proportions.
        threshold: probability from which a pixel is the person.
    """

    def __init__(self, where: str, person: int | None, axis: Axis | None, threshold: float) -> None:
        self.where, self.person, self.axis, self.threshold = where, person, axis, threshold

    def check(self, shape: list[int | None], size: tuple[int, int]) -> None:
        """See that the person is a class of an output whose sides are known.

        Raises:
            DataError: the output is no map.
            ConfigError: the class is out of range, or not chosen.
        """
        if len(shape) not in (0, 4):
            raise _no_map(shape, "[1, classes, h, w] or [1, h, w, classes]", self.where)
        sides = [side for side in shape[1:] if side is not None]
        if len(shape) == 4 and len(sides) == 3:
            self._class_of((sides[0], sides[1], sides[2]), size)

    def mask(self, output: np.ndarray, fitting: Fitting) -> np.ndarray:
        """Pixels of people in the frame, uint8 0 and 255."""
        if output.ndim != 4 or len(output) != 1 or not output.size:
            raise _no_map(list(output.shape), "[1, classes, h, w] or [1, h, w, classes]", self.where)
        scores = output[0].astype(np.float32)
        first, person = self._class_of(scores.shape, fitting.size)
        scores = scores if first else scores.transpose(2, 0, 1)
        chance = _chances(scores, person)
        return _white(fitting.to_frame(chance, fitting.whole) > self.threshold)

    def _class_of(self, sides: tuple[int, ...], size: tuple[int, int]) -> tuple[bool, int]:
        """Whether the classes come first, and the person's place among them."""
        first = self.axis == "first" if self.axis else _proportions(sides, size)
        classes = sides[0] if first else sides[2]
        if self.person is None and classes > 1:
            raise ConfigError(
                f"the model has {classes} classes, and nobody has said which is the person",
                where=self.where,
                hint="write person: N of the segmenter, from 0 on: 15 of Pascal VOC, 12 of ADE20K, 11 of "
                "Cityscapes",
            )
        person = self.person or 0
        if not person < classes:
            raise ConfigError(
                f"person of onnx is {person}, but the model has the classes 0 to {classes - 1}",
                where=self.where,
                hint="where the classes are on another axis of the output: axis: first or last",
            )
        return first, person


class LabelMap:
    """The number of a class for each pixel.

    Args:
        where: the file and the output, for messages.
        person: the class; None: everything but 0.
    """

    def __init__(self, where: str, person: int | None) -> None:
        self.where, self.person = where, person

    def check(self, shape: list[int | None], size: tuple[int, int]) -> None:
        """See that an output is a map.

        Raises:
            DataError: it is none.
        """
        if len(shape) not in (0, 2, 3, 4) or (len(shape) == 4 and 1 not in (*shape[1:2], *shape[3:])):
            raise _no_map(shape, "labels [1, h, w]", self.where)

    def mask(self, output: np.ndarray, fitting: Fitting) -> np.ndarray:
        """Pixels of people in the frame, uint8 0 and 255."""
        labels = output
        if labels.ndim == 4 and labels.shape[3] == 1:
            labels = labels[..., 0]
        while labels.ndim > 2 and len(labels) == 1:
            labels = labels[0]
        if labels.ndim != 2 or not labels.size:
            raise _no_map(list(output.shape), "labels [1, h, w]", self.where)
        people = labels != 0 if self.person is None else labels == self.person
        return _white(fitting.to_frame(people.astype(np.float32), fitting.whole) > 0.5)


def bodies_of(mask: np.ndarray, least: int) -> list[Detection]:
    """The people of a mask of all people, uint8 0 and 255; ``least``: rows of one, at least."""
    return [body for part in parts_of(mask, least) for body in side_by_side(part)]


def _proportions(sides: tuple[int, ...], size: tuple[int, int]) -> bool:
    """True where the last two sides are nearer to the proportions of the input than the first two."""
    wanted = np.log(size[1] / size[0])
    first, last = np.log(sides[1] / sides[2]), np.log(sides[0] / sides[1])
    return bool(abs(first - wanted) <= abs(last - wanted))


def _chances(scores: np.ndarray, person: int) -> np.ndarray:
    """Probability of a class: ``[classes, h, w]`` to ``[h, w]``; values beyond [0, 1] are logits."""
    chosen = scores[person]
    if scores.min() >= -1e-3 and scores.max() <= 1 + 1e-3:
        return np.asarray(chosen)
    scores = np.nan_to_num(scores, nan=-1e4, posinf=1e4, neginf=-1e4)
    if len(scores) == 1:
        return np.asarray(1 / (1 + np.exp(-scores[0].clip(-60, 60))))
    weights = np.exp(scores - scores.max(0))
    return np.asarray(weights[person] / weights.sum(0))


def _white(inside: np.ndarray) -> np.ndarray:
    return inside.astype(np.uint8) * np.uint8(255)


def _no_map(shape: list[int | None] | list[int], wanted: str, where: str) -> DataError:
    sides = ", ".join("?" if side is None else str(side) for side in shape)
    return DataError(
        f"the output is [{sides}], expected {wanted}",
        where=where,
        hint="outputs: {map: NAME} chooses another output; form says what it is",
    )
