"""A picture of what each augmenter does to images: a row for each image, a column for each augmenter.

python -m gait_plugins.plugins.rle.augment.grid --to grid.png                    (made-up people)
python -m gait_plugins.plugins.rle.augment.grid one.jpg two.png --to grid.png
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from gait_plugins.errors import DataError, GaitPluginsError
from gait_plugins.io.printable import say
from gait_plugins.plugins.rle.augment.augmenter import Augmenter
from gait_plugins.plugins.rle.augment.erasing import RandomErasingRGB
from gait_plugins.plugins.rle.augment.framing import RandomGrayscale, RandomPadCrop
from gait_plugins.plugins.rle.augment.moderate import ModerateRLE
from gait_plugins.plugins.rle.augment.radical import RadicalRLE
from gait_plugins.plugins.rle.data.duo import Duo
from gait_plugins.plugins.rle.data.files import as_frame, read_pixels

AUGMENTERS: dict[str, Augmenter] = {
    "moderate RLE": ModerateRLE(1),
    "radical RLE": RadicalRLE(1),
    "erasing": RandomErasingRGB(1),
    "grayscale": RandomGrayscale(1),
    "pad + crop": RandomPadCrop(20),
}
SEED = 7
HEIGHT = 160
_PEOPLE = 3
_LEAST = 16
_GAP, _HEAD, _COLUMN = 4, 22, 80
_PAPER, _INK = 255, 40

Columns = dict[str, list[np.ndarray]]
"""Images uint8 ``[3, h, w]`` in RGB, all of one size, by what is written above them."""


def augmented(images: Sequence[np.ndarray], seed: int = SEED) -> Columns:
    """What each augmenter makes of each image: a draw of its own, whatever its probability is."""
    return {
        name: [
            augmenter.image(image, np.random.default_rng((seed, place, row)))
            for row, image in enumerate(images)
        ]
        for place, (name, augmenter) in enumerate(AUGMENTERS.items())
    }


def made_up(seed: int = SEED) -> Columns:
    """Made-up people, seen in colour and by a thermal camera, and what becomes of the former."""
    people = Duo(train=_PEOPLE, size=(HEIGHT, HEIGHT // 2))
    seen = {(ref.label, ref.view): people.load(ref)[0][0] for ref in people.sequences("train")}
    labels = sorted({label for label, _ in seen})
    visible = [seen[label, "cam1:0001"] for label in labels]
    thermal = [seen[label, "cam3:0001"] for label in labels]
    return {"visible": visible, "thermal": thermal, **augmented(visible, seed)}


def from_files(paths: Sequence[Path], seed: int = SEED, height: int = HEIGHT) -> Columns:
    """Images of one's own and what becomes of them, in the proportions of the first.

    Raises:
        DataError: an image cannot be read.
    """
    read = [read_pixels(str(path)) for path in paths]
    size = height, max(_LEAST, round(height * read[0].shape[1] / read[0].shape[0]))
    images = [as_frame(image, size)[0] for image in read]
    return {"image": images, **augmented(images, seed)}


def drawn(columns: Mapping[str, Sequence[np.ndarray]]) -> np.ndarray:
    """The picture, uint8 ``[h, w, 3]`` in BGR as OpenCV writes it."""
    rows = len(next(iter(columns.values())))
    height, width = next(iter(columns.values()))[0].shape[1:]
    across, down = max(width, _COLUMN) + _GAP, height + _GAP
    sheet = np.full((_HEAD + rows * down, len(columns) * across, 3), _PAPER, np.uint8)
    for column, (name, images) in enumerate(columns.items()):
        left = column * across
        cv2.putText(sheet, name, (left + 2, 15), cv2.FONT_HERSHEY_SIMPLEX, 0.36, (_INK,) * 3, 1, cv2.LINE_AA)
        for row, image in enumerate(images):
            top = _HEAD + row * down
            sheet[top : top + height, left : left + width] = image.transpose(1, 2, 0)[..., ::-1]
    return sheet


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("images", type=Path, nargs="*", help="images of people; by default synthetic ones")
    parser.add_argument("--to", type=Path, default=Path("grid.png"), help="the PNG file to write")
    parser.add_argument("--seed", type=int, default=SEED, help="random seed, 0 or more")
    parser.add_argument(
        "--height", type=int, default=HEIGHT, help="height of each of your images, 16 pixels or more"
    )
    options = parser.parse_args()
    if options.seed < 0 or options.height < _LEAST:
        parser.error(f"--seed must be at least 0 and --height at least {_LEAST}")
    try:
        columns = (
            from_files(options.images, options.seed, options.height)
            if options.images
            else made_up(options.seed)
        )
        write(options.to, drawn(columns))
    except GaitPluginsError as error:
        say(error, error=True)
        return 2
    say(options.to)
    return 0


def write(path: Path, picture: np.ndarray) -> None:
    """Write a PNG; raises ``DataError`` where it cannot be written."""
    try:
        path.write_bytes(cv2.imencode(".png", picture, [cv2.IMWRITE_PNG_COMPRESSION, 9])[1].tobytes())
    except OSError as error:
        raise DataError(
            f"the file cannot be written: {error.strerror}",
            where=str(path),
            hint="choose another path with --to",
        ) from error


if __name__ == "__main__":
    raise SystemExit(main())
