"""Masks of a walk in the forms that tools write, each with what must become of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image

from gait_plugins.io.pictures import read_pictures
from gait_plugins.prepare.masks.forms import Choices, form_of

FRAMES = 10
SIZES = ((120, 160), (240, 320), (720, 960))
Masks = list[np.ndarray]
Writer = Callable[[Path, Masks, Masks], object]


def figure(number: int, size: tuple[int, int], left: float = 0.25) -> np.ndarray:
    """A walker in 0 and 1 that is 0.72 of the picture high, with legs that swing."""
    scale = size[0] / 180
    picture = np.zeros(size, np.uint8)
    x = int(left * size[1] + 2 * number * scale)

    def at(value: float) -> int:
        return int(value * scale)

    cv2.ellipse(picture, (x, at(95)), (at(14), at(42)), 0, 0, 360, 1, -1)
    cv2.circle(picture, (x, at(40)), at(13), 1, -1)
    swing = at(14 * np.sin(number * 0.7))
    for side in (-1, 1):
        cv2.line(picture, (x, at(125)), (x + side * swing, at(168)), 1, max(at(9), 1))
    return picture


def walkers(size: tuple[int, int]) -> tuple[Masks, Masks]:
    """A walker, and a second one beside him."""
    return (
        [figure(number, size, 0.25) for number in range(FRAMES)],
        [figure(number, size, 0.68) for number in range(FRAMES)],
    )


def confidence(mask: np.ndarray, blur: float, noise: float, seed: int = 0) -> np.ndarray:
    """A segmenter's probability, float32 in 0..1, with a noisy ground."""
    scale = blur * mask.shape[0] / 180
    logit = (cv2.GaussianBlur(mask.astype(np.float32), (0, 0), scale) - 0.5) * 10
    logit += np.random.default_rng(seed).normal(0, noise, mask.shape)
    found: np.ndarray = (1 / (1 + np.exp(-logit))).astype(np.float32)
    return found


def with_shadow(mask: np.ndarray, grey: int = 127) -> np.ndarray:
    """A mask of background subtraction: the shadow lies on the ground beside the person."""
    scale = mask.shape[0] / 180
    matrix = np.array([[1, -0.9, 150 * scale], [0, 0.35, 110 * scale]], np.float32)
    shadow = cv2.warpAffine(mask, matrix, mask.shape[::-1], flags=cv2.INTER_NEAREST)
    return np.where(mask, 255, np.where(shadow, grey, 0)).astype(np.uint8)


def blurred(mask: np.ndarray, sigma: float = 2, low: int = 3, high: int = 253) -> np.ndarray:
    """A grey mask with wide edges on a ground that is not black."""
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), sigma * mask.shape[0] / 180)
    return np.clip(soft * (high - low) + low, 0, 255).astype(np.uint8)


def noisy(mask: np.ndarray) -> np.ndarray:
    """Grey values with noise on ground and person."""
    noise = np.random.default_rng(int(mask.sum())).normal(0, 10, mask.shape)
    return np.clip(blurred(mask, 1, 20, 235) + noise, 0, 255).astype(np.uint8)


def labelled(first: np.ndarray, second: np.ndarray, values: tuple[int, int] = (1, 2)) -> np.ndarray:
    """Two people as numbers."""
    return np.where(first, values[0], np.where(second, values[1], 0))


def colours(mask: np.ndarray, colour: tuple[int, int, int], ground: int = 0) -> np.ndarray:
    """A painted mask, red, green and blue."""
    return np.where(mask[..., None] > 0, np.uint8(colour), np.uint8(ground))


def with_palette(indices: np.ndarray, palette: list[int]) -> Image.Image:
    """An image of indices."""
    image = Image.fromarray(indices.astype(np.uint8))
    image.putpalette(palette)
    return image


def photo(mask: np.ndarray) -> np.ndarray:
    """A picture of something."""
    return np.random.default_rng(0).integers(60, 200, (*mask.shape, 3)).astype(np.uint8)


def each(of: Callable[[np.ndarray, np.ndarray], object], suffix: str = "png", **how: object) -> Writer:
    """Writes an image a frame: arrays by Pillow (red, green, blue), and images as they are."""

    def write(folder: Path, first: Masks, second: Masks) -> None:
        folder.mkdir(parents=True)
        for number, (one, other) in enumerate(zip(first, second, strict=True)):
            made = of(one, other)
            image = made if isinstance(made, Image.Image) else Image.fromarray(np.asarray(made))
            image.save(folder / f"{number:03d}.{suffix}", **how)

    return write


def pages(suffix: str, of: Callable[[np.ndarray], np.ndarray] = lambda m: m * 255, **how: object) -> Writer:
    """Writes all frames into one file."""

    def write(folder: Path, first: Masks, second: Masks) -> None:
        folder.mkdir(parents=True)
        images = [Image.fromarray(of(mask)) for mask in first]
        images[0].save(folder / f"walk.{suffix}", save_all=True, append_images=images[1:], **how)

    return write


def by_opencv(of: Callable[[np.ndarray, np.ndarray], np.ndarray], suffix: str = "png") -> Writer:
    """Writes an image a frame by OpenCV: blue, green, red, alpha."""

    def write(folder: Path, first: Masks, second: Masks) -> None:
        folder.mkdir(parents=True)
        for number, (one, other) in enumerate(zip(first, second, strict=True)):
            (folder / f"{number:03d}.{suffix}").write_bytes(
                cv2.imencode(f".{suffix}", of(one, other))[1].tobytes()
            )

    return write


def film(of: Callable[[np.ndarray, np.ndarray], np.ndarray], suffix: str, code: str) -> Writer:
    """Writes a film of red, green and blue, or grey, frames."""

    def write(folder: Path, first: Masks, second: Masks) -> None:
        folder.mkdir(parents=True)
        size = first[0].shape[::-1]
        film = cv2.VideoWriter(str(folder / f"walk.{suffix}"), cv2.VideoWriter.fourcc(*code), 25, size)
        for one, other in zip(first, second, strict=True):
            frame = of(one, other).astype(np.uint8)
            colour = cv2.cvtColor(frame, cv2.COLOR_GRAY2BGR if frame.ndim == 2 else cv2.COLOR_RGB2BGR)
            film.write(colour)
        film.release()

    return write


def alpha_of(picture: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Red, green, blue and alpha."""
    return np.dstack([picture, mask * np.uint8(255)])


def specked(mask: np.ndarray) -> np.ndarray:
    """A clean mask with some specks of noise in a corner."""
    picture = mask * np.uint8(255)
    picture[2:4, -6:-3] = 255
    picture[-4:-2, 3:6] = 255
    return picture


def one_bit(mask: np.ndarray) -> Image.Image:
    return Image.fromarray(mask * np.uint8(255)).convert("1")


class Form(NamedTuple):
    """A form of masks."""

    write: Writer
    says: str = ""
    """What the report says; empty: nothing."""
    advice: tuple[str, ...] = ()
    """Options of the advice where it is an error without them; their text is in it."""
    soft: bool = False
    """As good as the best single threshold; else 0.98 of the clean masks."""
    least: float = 0.98
    """Overlap with the right silhouettes."""


_VOC = [0, 0, 0, 128, 0, 0, 0, 128, 0]
_RED, _GREEN = (255, 0, 0), (0, 255, 0)
_WHITE = (255, 255, 255)
_SOFT = "are confidence maps"
_ONE = "have one label"
_CUT = "are cut-outs"
_NUMBERS = "have numbers beyond 0 to 255"
_SEVERAL = "hold several labels"
_TWO = "show two people"
_ONE_OF = ("--label", "1")
_ON_WHITE = "white background"

CLEAN = {
    "0 and 255": Form(each(lambda a, b: a * 255)),
    "0 and 255, three channels": Form(each(lambda a, b: colours(a, _WHITE))),
    "one bit": Form(each(lambda a, b: one_bit(a))),
    "one bit, TIFF": Form(each(lambda a, b: one_bit(a), "tif", compression="group4")),
    "0 and 1": Form(each(lambda a, b: a), "hold 0 and 1"),
    "black and white palette": Form(each(lambda a, b: with_palette(a, [0, 0, 0, 255, 255, 255]))),
    "white and black palette": Form(each(lambda a, b: with_palette(1 - a, [255, 255, 255, 0, 0, 0]))),
    "web palette": Form(each(lambda a, b: Image.fromarray(colours(a, _WHITE)).convert("P"))),
    "BMP": Form(by_opencv(lambda a, b: a * 255, "bmp")),
    "WebP, lossless": Form(each(lambda a, b: a * 255, "webp", lossless=True)),
    "TIFF, LZW": Form(each(lambda a, b: a * 255, "tif", compression="tiff_lzw")),
    "alpha that is full": Form(each(lambda a, b: alpha_of(colours(a, _WHITE), np.ones_like(a)))),
    "JPEG": Form(each(lambda a, b: a * 255, "jpg")),
    "WebP, lossy": Form(each(lambda a, b: a * 255, "webp")),
    "JPEG in TIFF": Form(each(lambda a, b: a * 255, "tif", compression="jpeg")),
    "JPEG named PNG": Form(each(lambda a, b: a * 255, "png", format="JPEG")),
}
"""Masks of black and white, whatever the file."""
SOFT = {
    "blurred": Form(each(lambda a, b: blurred(a)), _SOFT, soft=True),
    "blurred on black": Form(each(lambda a, b: blurred(a, 3, 0, 255)), _SOFT, soft=True),
    "noisy ground": Form(each(lambda a, b: noisy(a)), _SOFT, soft=True),
    "dim": Form(each(lambda a, b: blurred(a, 1, 2, 90)), _SOFT, soft=True),
    "confidence in 8 bits": Form(
        each(lambda a, b: np.rint(confidence(a, 1, 0.3) * 255).astype(np.uint8)), _SOFT, soft=True
    ),
    "confidence in 16 bits": Form(
        each(lambda a, b: np.rint(confidence(a, 1, 0.3) * 65535).astype(np.uint16)), _SOFT, soft=True
    ),
    "confidence, floating point": Form(each(lambda a, b: confidence(a, 1, 0.3), "tif"), _SOFT, soft=True),
    "confidence, JPEG": Form(
        each(lambda a, b: np.rint(confidence(a, 1, 0.3) * 255).astype(np.uint8), "jpg"), soft=True
    ),
    "confidence in alpha": Form(each(lambda a, b: np.dstack([photo(a), blurred(a)])), _SOFT, soft=True),
    "dim JPEG": Form(each(lambda a, b: a * 90, "jpg"), _SOFT, soft=True),
    "inverted confidence": Form(
        each(lambda a, b: 255 - blurred(a)), _ON_WHITE, advice=("--invert",), soft=True
    ),
}
"""Confidence, and other grey masks."""
CUT_OUTS = {
    "white, alpha": Form(each(lambda a, b: alpha_of(colours(a, _WHITE, 255), a)), _CUT),
    "photograph, alpha": Form(each(lambda a, b: alpha_of(photo(a), a)), _CUT),
    "photograph, alpha, WebP": Form(each(lambda a, b: alpha_of(photo(a), a), "webp"), _CUT),
    "grey and alpha": Form(
        each(lambda a, b: Image.merge("LA", [Image.fromarray(photo(a)[..., 0]), Image.fromarray(a * 255)])),
        _CUT,
    ),
    "palette with a transparent colour": Form(
        each(lambda a, b: with_palette(a, [9, 99, 200, 40, 90, 30]), transparency=0), _CUT
    ),
}
"""Cut-outs: the person is what is opaque."""
LABELS = {
    "one colour": Form(each(lambda a, b: colours(a, (128, 0, 0))), _ONE),
    "one colour on white": Form(each(lambda a, b: colours(a, _RED, 255)), _ONE),
    "one colour, JPEG": Form(each(lambda a, b: colours(a, _RED), "jpg"), "are coloured"),
    "one grey": Form(each(lambda a, b: a * 147), _ONE),
    "grey 1 and 2, background 1": Form(each(lambda a, b: a + 1), _ONE),
    "one of a palette": Form(each(lambda a, b: with_palette(a * 2, _VOC)), _ONE),
    "two of a palette": Form(each(lambda a, b: with_palette(labelled(a, b), _VOC)), _SEVERAL, _ONE_OF),
    "two greys": Form(each(lambda a, b: labelled(a, b).astype(np.uint8)), _SEVERAL, _ONE_OF),
    "two colours": Form(
        each(lambda a, b: colours(a, _RED) | colours(b, _GREEN)), _SEVERAL, ("--label", "#ff0000")
    ),
    "two colours, clear ground": Form(
        each(lambda a, b: alpha_of(colours(a, _RED) | colours(b, _GREEN), a | b)),
        _SEVERAL,
        ("--label", "#ff0000"),
    ),
    "two labels, 16 bits": Form(
        each(lambda a, b: labelled(a, b, (1000, 2000)).astype(np.uint16)), _SEVERAL, ("--label", "1000")
    ),
    "CDnet's greys": Form(
        each(lambda a, b: np.where(b, 85, with_shadow(a, 50)).astype(np.uint8)), _SEVERAL, ("--label", "255")
    ),
    "two greys, JPEG": Form(
        each(lambda a, b: labelled(a, b, (200, 100)).astype(np.uint8), "jpg"), _TWO, ("--largest",)
    ),
    "two people, 255 and 90, JPEG": Form(
        each(lambda a, b: labelled(a, b, (255, 90)).astype(np.uint8), "jpg"), _TWO, ("--largest",)
    ),
    "two people, 255 and 127, JPEG": Form(
        each(lambda a, b: labelled(a, b, (255, 127)).astype(np.uint8), "jpg"), _TWO, ("--largest",)
    ),
    "two people, 127 and 255": Form(
        each(lambda a, b: labelled(a, b, (255, 127)).astype(np.uint8)), _SEVERAL, ("--label", "255")
    ),
}
"""Labels: numbers, indices and colours."""
OTHERS = {
    "shadows": Form(each(lambda a, b: with_shadow(a)), "have shadows"),
    "shadows, JPEG": Form(each(lambda a, b: with_shadow(a), "jpg", quality=90), "have shadows"),
    "shadows, film": Form(film(lambda a, b: with_shadow(a), "avi", "MJPG"), "have shadows"),
    "film": Form(film(lambda a, b: a * 255, "mp4", "mp4v")),
    "film, lossless": Form(film(lambda a, b: a * 255, "avi", "png ")),
    "film in colour": Form(film(lambda a, b: colours(a, _RED), "mp4", "mp4v"), "are coloured", least=0.97),
    "16 bits, 0 and 1": Form(each(lambda a, b: a.astype(np.uint16)), _NUMBERS),
    "16 bits, 0 and 255": Form(each(lambda a, b: a.astype(np.uint16) * 255), _NUMBERS),
    "16 bits, 0 and 65535": Form(each(lambda a, b: a.astype(np.uint16) * 65535), _NUMBERS),
    "floating point, 0 and 1": Form(each(lambda a, b: a.astype(np.float32), "tif"), _NUMBERS),
    "double, 0 and 1": Form(by_opencv(lambda a, b: a.astype(np.float64), "tif"), _NUMBERS),
    "pages of TIFF": Form(pages("tif"), "several pages"),
    "animated PNG": Form(pages("png"), "several pages"),
    "animated WebP": Form(pages("webp"), "several pages"),
    "GIF": Form(pages("gif"), "several pages"),
    "black on white": Form(each(lambda a, b: 255 - a * 255), _ON_WHITE, ("--invert",)),
    "two people": Form(each(lambda a, b: (a | b) * 255), _TWO, ("--largest",)),
    "specks": Form(each(lambda a, b: specked(a)), "beside the person", ("--largest",)),
    "logits": Form(each(lambda a, b: a.astype(np.float32) * 9 - 4, "tif"), "values from -4 to 5"),
}
"""Shadows, numbers, pages, and more than one body."""
FORMS = {**CLEAN, **SOFT, **CUT_OUTS, **LABELS, **OTHERS}


def overlap(found: np.ndarray, right: np.ndarray) -> float:
    """Intersection over union of silhouettes, of all frames together; 0 where their number differs."""
    if found.shape != right.shape:
        return 0.0
    one, other = found > 127, right > 127
    return float((one & other).sum() / max((one | other).sum(), 1))


def in_the_picture(paths: list[Path], first: Masks, choices: Choices) -> tuple[float, float]:
    """Overlap of the cut masks with the right ones before any alignment, and that of the best threshold.

    Alignment rounds to whole columns: there, one threshold more or less moves a frame by a pixel.
    """
    pictures = [picture for path in paths for picture in read_pictures(path)]
    form = form_of(pictures, choices)
    greys = [form.grey(picture) for picture in pictures]
    right = np.stack(first) * np.uint8(255)
    cut = overlap(np.stack([form.cut(grey) for grey in greys]), right)
    thresholds = range(5, 250, 5)
    return cut, max(overlap((np.stack(greys) > value) * np.uint8(255), right) for value in thresholds)
