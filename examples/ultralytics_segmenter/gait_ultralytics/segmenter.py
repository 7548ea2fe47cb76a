"""People by a YOLO segmentation model of ultralytics; its tracker's numbers are their labels."""

import numpy as np

from gait_plugins import ConfigError, Detection, Segmenter


class Ultralytics(Segmenter):
    """People by a segmentation model of ultralytics.

    With a tracker of ultralytics, its numbers are kept as tracks. Without one, the tracker of ``video_cfg``
    follows the people.

    Args:
        model: file of the model, such as ``yolo26n-seg.pt``; ultralytics downloads those of its own names.
        tracker: ``bytetrack.yaml``, ``botsort.yaml`` or a file of yours; null: none.
        person: the class of people.
        confidence: score in [0, 1] from which something is a person.
        size: longer side of the picture that the model sees, in pixels.
        device: ``cpu``, or the number of a GPU.
    """

    def __init__(
        self,
        model: str = "yolo26n-seg.pt",
        tracker: str | None = "bytetrack.yaml",
        person: int = 0,
        confidence: float = 0.25,
        size: int = 640,
        device: str = "cpu",
    ):
        from ultralytics import YOLO

        self.model = YOLO(model)
        if self.model.task != "segment":
            raise ConfigError(
                f"the model is for the task {self.model.task!r}, expected 'segment'",
                where=model,
                hint="choose one whose name ends in -seg",
            )
        self.tracker = tracker
        # retina_masks: masks of the frame's own size, rather than of the model's input.
        self.options = {"classes": [person], "imgsz": size, "device": device, "retina_masks": True}
        self.options |= {"conf": confidence, "verbose": False, "save": False}

    def begin(self, film, preview):
        self._goes_on = False

    def people(self, frame):
        pixels = (
            frame.pixels.copy()
        )  # it takes BGR, as frames are, and torch wants an array that can be written
        if self.tracker is None:
            [result] = self.model.predict(pixels, **self.options)
        else:
            # persist=False at the first frame of a film: its tracker forgets the film before.
            [result] = self.model.track(pixels, persist=self._goes_on, tracker=self.tracker, **self.options)
        self._goes_on = True
        if result.masks is None or not len(result.boxes):
            return []
        masks, scores = _plain(result.masks.data), _plain(result.boxes.conf)
        labels = [None] * len(masks)
        if self.tracker is not None:
            if result.boxes.id is None:  # found, but not taken for anybody: a track may come of it later
                return []
            labels = [int(label) for label in _plain(result.boxes.id)]
        found = zip(masks, scores, labels, strict=True)
        people = [
            Detection.of_mask(mask > 0.5, min(float(score), 1.0), label) for mask, score, label in found
        ]
        return [person for person in people if person is not None]


def _plain(values):
    return np.asarray(values.cpu() if hasattr(values, "cpu") else values)
