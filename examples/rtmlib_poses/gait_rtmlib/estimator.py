"""Joints of people by RTMPose, with rtmlib."""

import sys
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np

from gait_plugins import DataError, PoseEstimator


class RTMPose(PoseEstimator):
    """The 17 joints of COCO by RTMPose (Jiang et al. 2023), run by rtmlib.

    Args:
        path: the model, an .onnx file of RTMPose for bodies of 17 joints.
        size: width and height of its input.
        backend: ``onnxruntime``, ``opencv`` or ``openvino``.
        device: ``cpu`` or ``cuda``.
    """

    def __init__(
        self, path: str, size: list[int] | None = None, backend: str = "onnxruntime", device: str = "cpu"
    ):
        from rtmlib import RTMPose as Model

        if not Path(path).is_file():  # rtmlib would take it for an address, and download it
            raise DataError("there is no such file", where=path, hint="path names an .onnx file of RTMPose")
        with redirect_stdout(sys.stderr):  # it prints that it loads
            self.model = Model(
                path, model_input_size=tuple(size or (192, 256)), backend=backend, device=device
            )
        self.path = path

    def keypoints(self, frame, people):
        if not people:  # with no boxes, rtmlib gives one skeleton of the whole picture
            return np.zeros((0, self.joints, 3), np.float32)
        boxes = [list(person.box) for person in people]
        places, scores = self.model(frame.pixels, bboxes=boxes)
        if places.shape != (len(people), self.joints, 2):
            raise DataError(
                f"the model gives joints {list(places.shape)}, expected {[len(people), self.joints, 2]}",
                where=self.path,
                hint="choose a model of COCO's 17 joints: body7, rather than body8, halpe26 or wholebody",
            )
        found = np.concatenate([places, np.clip(scores, 0, 1)[..., None]], 2).astype(np.float32)
        found[~np.isfinite(found).all(2)] = 0
        return found
