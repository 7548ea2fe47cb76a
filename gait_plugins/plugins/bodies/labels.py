"""Labels of body parts: their numbers, their stream, and the transform that cuts them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from gait_plugins.api import Stream, Transform
from gait_plugins.errors import ConfigError, DataError

LABELS = 11
"""Parts of Gait3D-Parsing; 0 is the background."""
PARSING = Stream(
    "parsing",
    ("h", "w"),
    "float32",
    0,
    about="labels as numbers: 1 head, 2 torso, 3 and 4 arms, 5 and 6 hands, 7 and 8 legs, 9 and 10 feet "
    "(left before right), 11 dress; not divided, as after BaseParsingCuttingTransform",
)
"""What a model takes: the numbers themselves, as floats."""
MASK = 255
"""The value by which OpenGait tells silhouettes from labels."""


class BaseParsingCuttingTransform(Transform):
    """Cut the empty margins left and right of labels of body parts, which keep their numbers.

    Only frames as wide as high are cut: 64x64 to 64x44, 128x128 to 128x88. Frames narrower than high have
    been cut before and stay as they are, whatever ``cutting`` says.

    Args:
        divsor: with ``published``: divisor of sequences of silhouettes.
        cutting: pixels to cut on either side. None cuts 10 for every full 64 pixels of width.
        published: parity with OpenGait: every frame is cut, and a sequence in which 255 occurs is taken for
            silhouettes and divided by ``divsor``.
    """

    ignored_options: ClassVar[Mapping[str, str]] = {
        "img_w": "the width follows from the frames; 'cutting' sets how many pixels are cut"
    }

    def __init__(self, divsor: float = 255.0, cutting: int | None = None, published: bool = False) -> None:
        if not divsor > 0:
            raise ConfigError(
                f"divsor is {divsor!r}, expected a number above 0", where="BaseParsingCuttingTransform"
            )
        if cutting is not None and cutting < 0:
            raise ConfigError(
                f"cutting is {cutting}, expected pixels >= 0 on either side",
                where="BaseParsingCuttingTransform",
            )
        self.divsor, self.cutting, self.published = float(divsor), cutting, published

    def example_stream(self) -> Stream | None:
        """Labels."""
        return Stream("parsing", (64, 64), "uint8", 0, LABELS)

    def __call__(self, sequence: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        height, width = sequence.shape[-2:]
        margin = self._margin(height, width)
        if 2 * margin >= width:
            raise DataError(
                f"cutting {margin} pixels on either side leaves nothing of frames of {height}x{width}",
                where="BaseParsingCuttingTransform",
                hint=f"choose cutting below {(width + 1) // 2}",
            )
        cut = sequence[..., margin : width - margin]
        if not self.published:
            return cut
        return (cut / (self.divsor if cut.max() == MASK else 1.0)).astype(np.float32)

    def becomes(self, stream: Stream) -> Stream | None:
        """Narrower frames, where the size is known; with ``published``, floats.

        Raises:
            ConfigError: the frames are pictures: grey values would stay undivided.
        """
        if stream.high is not None and stream.high >= MASK and not self.published:
            raise ConfigError(
                f"the stream {stream.name!r} has values up to {stream.high:g}, expected labels of body parts",
                where="BaseParsingCuttingTransform",
                hint="use BaseSilCuttingTransform, which divides by 255",
            )
        if self.published:
            stream = stream.changed(dtype="float32")
        *rest, height, width = stream.shape if len(stream.shape) > 1 else (None, None)
        if not isinstance(height, int) or not isinstance(width, int):
            return stream
        return stream.changed(shape=(*rest, height, max(width - 2 * self._margin(height, width), 1)))

    def _margin(self, height: int, width: int) -> int:
        if width < height and not self.published:
            return 0
        return width // 64 * 10 if self.cutting is None else self.cutting
