"""gait-ultralytics: people in films, found and followed by a YOLO segmentation model."""

from gait_plugins import hookimpl


@hookimpl
def gait_segmenters():
    return {"Ultralytics": "gait_ultralytics.segmenter:Ultralytics"}
