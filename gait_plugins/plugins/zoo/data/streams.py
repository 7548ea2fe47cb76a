"""Kinds of streams that the field's data sets hold: maps, parsing, clouds, bodies, film."""

from __future__ import annotations

import numpy as np

from gait_plugins.api import Stream
from gait_plugins.api.report import FindingLog
from gait_plugins.io.ragged import Frames

_DARK = 32
"""Grey value that a channel of pictures reaches somewhere; labels and masks of 0 and 1 lie below."""


class SkeletonMaps(Stream):
    """Heat maps of limbs and joints, ``[2, h, w]``, 0..255.

    Args:
        clock: frames per second, or the name of the stream in step with it.
    """

    def __init__(self, clock: float | str | None = None) -> None:
        about = "channel 0 limbs, channel 1 joints"
        super().__init__("skeleton_maps", (2, "h", "w"), "uint8", 0, 255, clock, about=about)

    def examine(self, frames: Frames, name: str, log: FindingLog) -> None:
        """Black frames, and channels whose values end far below 255."""
        _examine_pictures(frames, name, log)


SIDES = ((3, 4), (5, 6), (7, 8), (9, 10))
"""Labels of body parts, left and right: arms, hands, legs, feet."""


class Parsing(Stream):
    """Labels of body parts, ``[h, w]``.

    Args:
        labels: largest label; 11 in Gait3D-Parsing.
        clock: frames per second, or the name of the stream in step with it.
    """

    def __init__(self, labels: int = 11, clock: float | str | None = None) -> None:
        about = (
            "0 background, 1 head, 2 torso, 3 and 4 arms, 5 and 6 hands, 7 and 8 legs, 9 and 10 feet (left "
            "before right), 11 dress"
        )
        super().__init__("parsing", ("h", "w"), "uint8", 0, labels, clock, about=about)


class Maps(Stream):
    """Pictures of several channels, ``[channels, h, w]``, 0..255: depth, optical flow, several maps at once.

    Args:
        channels: of each frame.
        clock: frames per second, or the name of the stream in step with it.
    """

    def __init__(self, channels: int = 3, clock: float | str | None = None) -> None:
        super().__init__("maps", (channels, "h", "w"), "uint8", 0, 255, clock, about="grey values")

    def examine(self, frames: Frames, name: str, log: FindingLog) -> None:
        """Black frames, and channels whose values end far below 255."""
        _examine_pictures(frames, name, log)


class Film(Stream):
    """Pictures of the person, RGB ``[3, h, w]``, 0..255.

    Args:
        clock: frames per second, or the name of the stream in step with it.
    """

    def __init__(self, clock: float | str | None = None) -> None:
        super().__init__("rgb", (3, "h", "w"), "uint8", 0, 255, clock, about="red, green, blue")


class Points(Stream):
    """Point clouds: frames with unequal numbers of points, ``[m, columns]``.

    Args:
        columns: of each point: x, y, z in metres, and what else there is.
        clock: frames per second, or the name of the stream in step with it.
    """

    def __init__(self, columns: int = 3, clock: float | str | None = None) -> None:
        super().__init__("points", (None, columns), "float32", clock=clock, about="x, y, z in metres")


class Smpl(Stream):
    """Parameters of a body model in each frame, ``[85]``: camera 3, pose 72, shape 10.

    Args:
        clock: frames per second, or the name of the stream in step with it.
    """

    def __init__(self, clock: float | str | None = None) -> None:
        about = "camera 3, pose 72 (axis and angle, radians), shape 10"
        super().__init__("smpl", (85,), "float32", clock=clock, about=about)


class Ratios(Stream):
    """One number for each frame: the person's width to height before it was brought to one size.

    Args:
        clock: frames per second, or the name of the stream in step with it.
    """

    def __init__(self, clock: float | str | None = None) -> None:
        super().__init__("ratios", (), "float32", 0, clock=clock, about="width divided by height")


def _examine_pictures(frames: Frames, name: str, log: FindingLog) -> None:
    """What is odd about pictures ``[t, c, h, w]``."""
    if not isinstance(frames, np.ndarray) or frames.ndim != 4:
        return
    black = np.count_nonzero(~frames.any((1, 2, 3)))
    if black:
        log.warning(
            "sequences hold black frames",
            "drop frames without a person before saving the sequence",
            f"{name} ({black} of {len(frames)} frames)",
        )
    for channel, brightest in enumerate(frames.max((0, 2, 3))):
        if 0 < brightest < _DARK:
            log.warning(
                "channels are nearly black: all channels are divided by 255",
                "store every channel at 0 to 255: masks of 0 and 1 times 255, labels times 255 / largest",
                f"{name} (channel {channel}: brightest value {brightest})",
            )
