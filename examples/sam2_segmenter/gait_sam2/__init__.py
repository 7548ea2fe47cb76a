"""gait-sam2: people in films, outlined by Segment Anything 2."""

from gait_plugins import hookimpl


@hookimpl
def gait_segmenters():
    return {"SAM2": "gait_sam2.segmenter:SAM2"}
