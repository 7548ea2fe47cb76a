"""A kind of stream: what the frames of a source hold."""

from __future__ import annotations

import numpy as np

from gait_plugins import Stream
from gait_plugins.io.ragged import Frames

FARTHEST = 20.0


class ExampleStream(Stream):
    """Depth in metres from the camera, 0 where nothing is known.

    Args:
        clock: frames per second, or the name of the stream in step with it.
    """

    def __init__(self, clock: float | str | None = None) -> None:
        about = "metres from the camera, 0 where nothing is known"
        super().__init__("depth", ("h", "w"), "float32", 0, FARTHEST, clock, about=about)

    def converted(self, frames: Frames) -> tuple[Frames, str | None]:
        """Whole millimetres, as most depth cameras store them, become metres."""
        if not isinstance(frames, np.ndarray) or frames.dtype != np.uint16:
            return frames, None
        return (frames / 1000).astype(np.float32), "millimetres were divided by 1000"
