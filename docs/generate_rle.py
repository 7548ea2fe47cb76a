"""Draws ``images/rle.png``: what each augmenter does to a made-up person.

python docs/generate_rle.py [FILE]
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np

from gait_plugins.plugins.rle.augmenter import Augmenter
from gait_plugins.plugins.rle.duo import Duo
from gait_plugins.plugins.rle.erasing import RandomErasingRGB
from gait_plugins.plugins.rle.framing import RandomGrayscale, RandomPadCrop
from gait_plugins.plugins.rle.moderate import ModerateRLE
from gait_plugins.plugins.rle.radical import RadicalRLE

PICTURE = Path(__file__).parent / "images" / "rle.png"
SIZE = (160, 80)
GAP, HEAD = 4, 22
PAPER, INK = 255, 40
DRAWS = 3
COLUMNS: dict[str, Augmenter] = {
    "moderate RLE": ModerateRLE(1),
    "radical RLE": RadicalRLE(1),
    "erasing": RandomErasingRGB(1),
    "grayscale": RandomGrayscale(1),
    "pad + crop": RandomPadCrop(20),
}


def picture() -> np.ndarray:
    """A column for each augmenter, a row for each draw; BGR uint8 ``[h, w, 3]``."""
    people = Duo(train=DRAWS, size=SIZE)
    seen = {(ref.label, ref.view): people.load(ref)[0][0] for ref in people.sequences("train")}
    visible = [seen[f"{row + 1:04d}", "cam1:0001"] for row in range(DRAWS)]
    thermal = [seen[f"{row + 1:04d}", "cam3:0001"] for row in range(DRAWS)]
    columns = {"visible": visible, "thermal": thermal}
    for place, (name, augmenter) in enumerate(COLUMNS.items()):
        columns[name] = [
            augmenter.image(image, np.random.default_rng((7, place, row)))
            for row, image in enumerate(visible)
        ]
    height, width = SIZE[0] + GAP, SIZE[1] + GAP
    sheet = np.full((HEAD + DRAWS * height, len(columns) * width, 3), PAPER, np.uint8)
    for column, (name, images) in enumerate(columns.items()):
        left = column * width
        cv2.putText(sheet, name, (left + 2, 15), cv2.FONT_HERSHEY_SIMPLEX, 0.36, (INK,) * 3, 1, cv2.LINE_AA)
        for row, image in enumerate(images):
            top = HEAD + row * height
            sheet[top : top + SIZE[0], left : left + SIZE[1]] = image.transpose(1, 2, 0)[..., ::-1]
    return sheet


if __name__ == "__main__":
    cv2.imwrite(
        sys.argv[1] if len(sys.argv) > 1 else str(PICTURE), picture(), [cv2.IMWRITE_PNG_COMPRESSION, 9]
    )
