"""A segmenter: frames of a film to the masks of its people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice

import cv2
import numpy as np

from gait_plugins import Detection, Film, FilmFrame, Segmenter


class ExampleSegmenter(Segmenter):
    """What differs from the still background, cut into bodies.

    Args:
        threshold: difference of a pixel's brightest change, 0 to 255, above which something is there.
        smallest: share of the frame's height that a body has at least.
        look_ahead: frames from which the background is learnt; without them it is the first frame.
    """

    def __init__(self, threshold: int = 25, smallest: float = 0.15, look_ahead: int = 50) -> None:
        self.threshold, self.smallest, self.look_ahead = threshold, smallest, look_ahead
        self.background: np.ndarray | None = None

    def begin(self, film: Film, preview: Iterable[FilmFrame] | None) -> None:
        """Learn the background; whatever is known of an earlier film is forgotten."""
        ahead = [frame.pixels for frame in islice(preview or (), self.look_ahead)]
        self.background = np.median(ahead, axis=0).astype(np.int16) if ahead else None

    def people(self, frame: FilmFrame) -> Sequence[Detection]:
        """A mask for each body."""
        if self.background is None:
            self.background = frame.pixels.astype(np.int16)
        changed = abs(frame.pixels - self.background).max(2) > self.threshold
        kernel = np.ones((3, 3), np.uint8)
        mask = cv2.morphologyEx(changed.astype(np.uint8), cv2.MORPH_CLOSE, kernel)
        count, numbers, figures, _ = cv2.connectedComponentsWithStats(mask)
        lowest = self.smallest * len(mask)
        bodies = [i for i in range(1, count) if figures[i, cv2.CC_STAT_HEIGHT] >= lowest]
        found = (Detection.of_mask(numbers == body) for body in bodies)
        return [person for person in found if person is not None]
