"""People by a segmentation or instance model in an ONNX file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import numpy as np

from gait_plugins.api.options import number_within
from gait_plugins.api.video.components import Segmenter
from gait_plugins.api.video.frames import Film, FilmFrame
from gait_plugins.api.video.people import Detection
from gait_plugins.errors import ConfigError
from gait_plugins.plugins.films.onnx_models.fitting import Fit, Fitting
from gait_plugins.plugins.films.onnx_models.instances import MaskList, MasksIn, Prototypes
from gait_plugins.plugins.films.onnx_models.maps import Axis, LabelMap, ScoreMap, bodies_of
from gait_plugins.plugins.films.onnx_models.session import OnnxModel
from gait_plugins.suggest import did_you_mean

Form = Literal["classes", "labels", "instances", "prototypes"]
"""What a model gives: scores of classes, a map of labels, masks one by one, or YOLO's prototypes."""
ROLES: dict[Form, tuple[str, ...]] = {
    "classes": ("map",),
    "labels": ("map",),
    "instances": ("masks", "scores", "labels", "boxes"),
    "prototypes": ("predictions", "prototypes"),
}
"""Form -> what its outputs are."""


class OnnxPeople(Segmenter):
    """People by any segmentation or instance model in an ONNX file, run by ONNX Runtime on the processor.

    ``form`` says what the model gives: ``classes`` (scores ``[1, classes, h, w]`` or ``[1, h, w, classes]``,
    logits or probabilities), ``labels`` (``[1, h, w]``), ``instances`` (masks, scores, labels and boxes, as
    torchvision's Mask R-CNN) or ``prototypes`` (YOLO's segmenters). Maps of all people are taken apart where
    the people do not touch.

    Args:
        path: the file.
        form: see above; null: told from the outputs.
        person: number of the class of people; needed where there are several classes, but 0 of
            ``prototypes``.
        outputs: names of the outputs that are the ``map``, or the ``masks``, ``scores``, ``labels`` and
            ``boxes``, or the ``predictions`` and ``prototypes``; what is left out is found by its name or
            form.
        size: height and width of the input; null: the file's.
        fit: how a frame is brought to that size: ``letterbox`` keeps its proportions, ``stretch`` does not.
        padding: grey of the bars of ``letterbox``.
        colours: order of the colours that the model takes.
        scale: what pixels from 0 to 255 are multiplied by; null: 1/255, and 1 for a model of uint8.
        mean: taken from the scaled colours.
        std: what they are divided by.
        axis: of the classes in a map; null: told from the proportions of the input.
        masks_in: what the masks of instances cover, ``picture`` or ``boxes``; null: told from their size.
        threshold: probability in [0, 1] from which a pixel is a person.
        confidence: score in [0, 1] from which an instance is a person.
        overlap: of two boxes of ``prototypes``, above which the less sure one is left out.
        smallest: height of the smallest person, as a share of the frame's.
    """

    def __init__(
        self,
        path: str,
        form: Form | None = None,
        person: int | None = None,
        outputs: dict[str, str] | None = None,
        size: list[int] | None = None,
        fit: Fit = "letterbox",
        padding: int = 114,
        colours: Literal["rgb", "bgr"] = "rgb",
        scale: float | None = None,
        mean: list[float] | None = None,
        std: list[float] | None = None,
        axis: Axis | None = None,
        masks_in: MasksIn | None = None,
        threshold: float = 0.5,
        confidence: float = 0.5,
        overlap: float = 0.7,
        smallest: float = 0.045,
    ) -> None:
        name = type(self).__name__
        self.threshold = number_within(name, "threshold", threshold, 0, 1)
        self.confidence = number_within(name, "confidence", confidence, 0, 1)
        self.overlap = number_within(name, "overlap", overlap, 0, 1)
        self.smallest = number_within(name, "smallest", smallest, 0.001, 1)
        self.padding = int(number_within(name, "padding", padding, 0, 255))
        if person is not None:
            number_within(name, "person", person, 0, 1e6)
        if size is not None and (len(size) != 2 or min(size) < 1):
            raise ConfigError(f"size of {name} is {list(size)}, expected [height, width]", where=name)
        self.fit, self.colours = fit, colours
        self.model = OnnxModel(path, size)
        whole = self.model.input.dtype is np.uint8
        self.scale = (1.0 if whole else 1 / 255) if scale is None else float(scale)
        self.mean, self.std = _three(name, "mean", mean, 0.0), _three(name, "std", std, 1.0)
        if not self.std.all():
            raise ConfigError(f"std of {name} is {std}, expected no 0", where=name)
        self.form = form or _form(self.model)
        self.names = _names(self.model, self.form, outputs or {})
        self._reader = self._make_reader(person, axis, masks_in)

    def begin(self, film: Film, preview: Iterable[FilmFrame] | None) -> None:
        """A model remembers nothing."""

    def people(self, frame: FilmFrame) -> Sequence[Detection]:
        """The people whom the model finds."""
        height, width = frame.pixels.shape[:2]
        size = self.model.input.width, self.model.input.height
        fitting = Fitting.of((width, height), size, self.fit)
        found = self.model.run(self._input(frame.pixels, fitting), list(self.names.values()))
        outputs = dict(zip(self.names, found, strict=True))
        least = max(4, round(self.smallest * height))
        reader = self._reader
        if isinstance(reader, MaskList):
            masks, scores = outputs["masks"], outputs["scores"]
            people = reader.people(masks, scores, outputs.get("labels"), outputs.get("boxes"), fitting)
        elif isinstance(reader, Prototypes):
            people = reader.people(outputs["predictions"], outputs["prototypes"], fitting)
        else:
            return bodies_of(reader.mask(outputs["map"], fitting), least)
        return [person for person in people if person.height >= least]

    def _input(self, pixels: np.ndarray, fitting: Fitting) -> np.ndarray:
        picture = fitting.apply(pixels, self.padding)
        if self.colours == "rgb":
            picture = picture[..., ::-1]
        values = (picture.astype(np.float32) * np.float32(self.scale) - self.mean) / self.std
        whole = self.model.input.dtype is np.uint8
        return np.asarray(values.round().clip(0, 255) if whole else values)

    def _make_reader(
        self, person: int | None, axis: Axis | None, masks_in: MasksIn | None
    ) -> ScoreMap | LabelMap | MaskList | Prototypes:
        path = self.model.path
        if self.form == "prototypes":
            return Prototypes(path, person or 0, self.confidence, self.threshold, self.overlap)
        if self.form == "instances":
            if person is None and "labels" in self.names:
                raise ConfigError(
                    "the model labels what it finds, and nobody has said which label is the person",
                    where=path,
                    hint="write person: N of the segmenter; 1 is the person of torchvision's models",
                )
            return MaskList(path, person, self.confidence, self.threshold, masks_in)
        where = f"{path}, output {self.names['map']!r}"
        reader = (
            LabelMap(where, person)
            if self.form == "labels"
            else ScoreMap(where, person, axis, self.threshold)
        )
        reader.check(self.model.outputs[self.names["map"]], (self.model.input.width, self.model.input.height))
        return reader


def _three(owner: str, option: str, given: Any, default: float) -> np.ndarray:
    values = [default] * 3 if given is None else list(given)
    if len(values) != 3 or not np.isfinite(values).all():
        raise ConfigError(f"{option} of {owner} is {values}, expected three numbers", where=owner)
    return np.array(values, np.float32)


def _form(model: OnnxModel) -> Form:
    ranks = [len(shape) for shape in model.outputs.values()]
    if {"masks", "scores"} <= {*model.outputs}:
        return "instances"
    if 3 in ranks and 4 in ranks and len(ranks) == 2:
        return "prototypes"
    first = next(iter(model.outputs))
    return "labels" if model.is_whole(first) else "classes"


def _names(model: OnnxModel, form: Form, chosen: dict[str, str]) -> dict[str, str]:
    """What an output is -> its name, of those that the form needs and that there are."""
    roles = ROLES[form]
    for role, name in chosen.items():
        if role not in roles:
            raise ConfigError(
                f"outputs of onnx has the key {role!r}, expected {', '.join(roles)} for the form {form!r}",
                where=model.path,
                hint=did_you_mean(role, list(roles)) or "form says what the model gives",
            )
        if name not in model.outputs:
            raise ConfigError(
                f"the model has no output {name!r}, but {_listed(model)}",
                where=model.path,
                hint=did_you_mean(name, list(model.outputs)) or f"outputs: {{{role}: NAME}} chooses one",
            )
    found = {role: chosen.get(role) or _usual(model, role) for role in roles}
    needed = {role for role in roles if role not in ("labels", "boxes")}
    absent = [role for role in roles if role in needed and not found[role]]
    if absent:
        raise ConfigError(
            f"which output of the model is the {absent[0]} cannot be told: it has {_listed(model)}",
            where=model.path,
            hint=f"write outputs: {{{absent[0]}: NAME}}, or another form",
        )
    return {role: name for role, name in found.items() if name}


def _usual(model: OnnxModel, role: str) -> str | None:
    """The output that has a role if nobody chooses."""
    if role == "map":
        return next(iter(model.outputs))
    if role in model.outputs:
        return role
    rank = {"predictions": 3, "prototypes": 4}.get(role)
    return next((name for name, shape in model.outputs.items() if len(shape) == rank), None)


def _listed(model: OnnxModel) -> str:
    shown = []
    for name, shape in model.outputs.items():
        sides = ", ".join("?" if side is None else str(side) for side in shape)
        shown.append(f"{name} [{sides}]")
    return ", ".join(shown)
