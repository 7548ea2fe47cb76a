"""Silhouettes of one sequence, made from its images or its video."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from gait_plugins.io.folders import is_special, suffix
from gait_plugins.io.images import UnreadableImage, read_image
from gait_plugins.io.sequence_file import VIDEO_SUFFIXES
from gait_plugins.prepare.align import align_mask, grey_mask, resize_mask
from gait_plugins.prepare.grey_values import is_dark, is_picture, on_white
from gait_plugins.prepare.layouts import Layout

LOSSY = (".jpg", ".jpeg", *VIDEO_SUFFIXES)
HALF = 127
EMPTY_FRAMES = "frames hold no person (grey-sum of 10,000 or less)"
DAMAGED_IMAGES = "images cannot be read"
DAMAGED_VIDEOS = "videos cannot be read"
CUT_SHORT = "videos end before the length that they state"
ON_WHITE = "sequences are left out: white background, the person is black"
PICTURES = "sequences are left out: pictures rather than masks"
DARK = "masks hold no white: the person is dark grey in them"
STRETCHED = "aligned images are not square, and are stretched to it"
ZERO_ONE = "masks hold 0 and 1, brought to 0 and 255"
_ENOUGH = 0.9
"""Share of its stated frames that a video has at least; containers state them roughly."""


Remarks = defaultdict[str, list[str]]


class Made(NamedTuple):
    """What became of one sequence."""

    frames: np.ndarray
    """uint8 ``[t, size, size]``; t may be 0."""
    remarks: dict[str, list[str]]
    """Remark -> the frames that it is about, as paths below the source."""


@contextmanager
def _in_utf8(path: Path) -> Iterator[str]:
    """A name of the file that OpenCV can take: bytes that are no UTF-8 end the process in it."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        with tempfile.TemporaryDirectory() as folder:
            link = Path(folder, f"video{suffix(path.name)}")
            link.symlink_to(path.absolute())
            yield str(link)
    else:
        yield str(path)


@dataclass(frozen=True)
class Maker:
    """Makes sequences from images and videos.

    Args:
        root: the folder that paths are relative to.
        layout: says whether images are aligned, and how they are resampled.
        size: height and width of the silhouettes.
        threshold: grey value above which a pixel is the person; None leaves lossless images as they
            are and takes 127 for JPEG and videos, whose noise would otherwise count as person.
        invert: the masks are black on white.
    """

    root: Path
    layout: Layout
    size: int
    threshold: int | None = None
    invert: bool = False

    def make(self, paths: list[str], stopped: Callable[[], bool] = lambda: False) -> Made:
        """The silhouettes of these images, or of this one video; ``stopped`` is asked before each."""
        shape = resize_mask if self.layout.aligned else align_mask
        one = partial(shape, size=self.size, interpolation=self.layout.interpolation)
        remarks: Remarks = defaultdict(list)
        doubts: Remarks = defaultdict(list)
        frames = []
        seen = 0
        for place, mask in self._masks(paths, remarks):
            if stopped():
                break
            seen += 1
            grey = self._grey(mask, place, remarks, doubts)
            frame = one(grey)
            if frame is None:
                remarks[EMPTY_FRAMES].append(place)
            else:
                frames.append(frame)
        # A few odd frames are the data set's own; where they are most, the whole is no sequence of masks.
        refused = {doubt: places[:1] for doubt, places in doubts.items() if 2 * len(places) > seen}
        if refused or not frames:
            return Made(np.empty((0, self.size, self.size), np.uint8), {**remarks, **refused})
        return Made(np.stack(frames), dict(remarks))

    def _grey(self, mask: np.ndarray, place: str, remarks: Remarks, doubts: Remarks) -> np.ndarray:
        """The mask in white on black; what is odd about it goes to the remarks and doubts."""
        grey = grey_mask(mask)
        if grey is not mask:
            remarks[ZERO_ONE].append(place)
        if self.invert:
            grey = cv2.bitwise_not(grey)
        if self.threshold is None and is_picture(grey):
            doubts[PICTURES].append(place)
        elif on_white(grey):
            doubts[ON_WHITE].append(place)
        if self.layout.aligned and grey.shape[0] != grey.shape[1]:
            remarks[STRETCHED].append(place)
        binarised = self._binarised(grey, place)
        if is_dark(binarised):
            remarks[DARK].append(place)
        return binarised

    def _masks(self, paths: list[str], remarks: Remarks) -> Iterator[tuple[str, np.ndarray]]:
        for path in paths:
            if suffix(path) in VIDEO_SUFFIXES:
                yield from self._video(path, remarks)
                continue
            try:
                mask = read_image(self.root / path)
            except (OSError, UnreadableImage):  # a link that leads nowhere, no right to read, damage
                remarks[DAMAGED_IMAGES].append(path)
            else:
                yield path, mask

    def _video(self, path: str, remarks: Remarks) -> Iterator[tuple[str, np.ndarray]]:
        if is_special(self.root / path):
            remarks[DAMAGED_VIDEOS].append(path)
            return
        with _in_utf8(self.root / path) as name:
            video = cv2.VideoCapture(name)
        try:
            number = 0
            while True:
                read, picture = video.read()
                if not read:
                    break
                number += 1
                yield f"{path} frame {number}", cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
            if not number:
                remarks[DAMAGED_VIDEOS].append(path)
            elif number < _ENOUGH * video.get(cv2.CAP_PROP_FRAME_COUNT):
                remarks[CUT_SHORT].append(path)
        finally:
            video.release()

    def _binarised(self, grey: np.ndarray, place: str) -> np.ndarray:
        threshold = self.threshold
        lossy = suffix(place.partition(" frame ")[0]) in LOSSY
        if threshold is None and lossy and not self.layout.aligned:
            threshold = HALF
        return grey if threshold is None else grey_mask(grey, threshold)
