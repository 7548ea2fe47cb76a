"""Pictures with all that a file holds of them: pages, palette, alpha, depth of the values, colour."""

from __future__ import annotations

import io
import os
import struct
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np

from gait_plugins.io.images import UnreadableImage, check_size, decoded, image_bytes

if TYPE_CHECKING:
    from PIL.Image import Image

MOST_PAGES = 10_000
"""Pages of a file that are read: at 25 a second, more than six minutes."""
_PNG = b"\x89PNG\r\n\x1a\n"
_TINT = 8
"""Difference between the channels of a pixel up to which a lossless picture is grey."""
_LOSSY_TINT = 40
_LOSSY_SHARE = 0.002
_THUMBNAIL = 254
_COMPRESSION = 259
_LOSSY_TIFF = {"jpeg", "tiff_jpeg", "webp", "jpeg2000"}
_EIGHT = {"L", "P", "LA", "PA", "RGB", "RGBA"}
_LOCK = threading.Lock()


class Picture(NamedTuple):
    """One page of an image file."""

    values: np.ndarray
    """``[h, w]`` grey values or indices of a palette, of any number type; or uint8 ``[h, w, 3]``: red,
    green, blue."""
    alpha: np.ndarray | None = None
    """uint8 ``[h, w]``, 0 where the picture is transparent."""
    palette: np.ndarray | None = None
    """uint8 ``[n, 3]``: the colours that the values are indices of."""
    lossy: bool = False
    """The compression has changed the values."""


def read_pictures(path: str | os.PathLike[str], grey: bool = False) -> Iterator[Picture]:
    """The pages of an image file, one for each.

    Channels that are equal come as grey values, and so do palettes of greys alone.
    The header decides how a file is read, and not its name.

    Args:
        path: PNG, JPEG, BMP, WebP, TIFF or GIF, still or animated.
        grey: take lossy pictures for grey ones, without a look at their colours.

    Raises:
        UnreadableImage: the file is special, no image, damaged, far too large or of too many pages.
        OSError: the file cannot be read.
    """
    content = image_bytes(path)
    head = content[:16].tobytes()
    if head.startswith(_PNG):
        yield from _png(content)
    elif head.startswith(b"\xff\xd8\xff"):
        yield _coloured(content, True, grey or _jpeg_channels(content) == 1)
    elif head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        yield from _webp(content, grey)
    elif head.startswith((b"GIF8", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        yield from _by_pillow(content)
    elif head.startswith(b"BM") and len(content) > 30:
        # By OpenCV: Pillow 13 takes 8 bits with a palette of black and white for single bits.
        depth = struct.unpack_from("<H", content.data, 28)[0]
        yield _of_channels(decoded(content, cv2.IMREAD_COLOR if depth <= 8 else cv2.IMREAD_UNCHANGED))
    else:
        yield Picture(decoded(content))


def _png(content: np.ndarray) -> Iterator[Picture]:
    depth, kind = (int(value) for value in content[24:26]) if len(content) > 33 else (8, 0)
    extra = _png_chunks(content)
    if kind in (3, 4) or extra & {b"tRNS", b"acTL"} or (kind == 6 and b"eXIf" in extra):
        yield from _by_pillow(content)
    elif kind == 0:
        yield Picture(decoded(content, cv2.IMREAD_UNCHANGED if depth == 16 else cv2.IMREAD_GRAYSCALE))
    elif kind == 6 or depth == 16:
        yield _of_channels(decoded(content, cv2.IMREAD_UNCHANGED))
    else:
        yield _coloured(content, False)


def _png_chunks(content: np.ndarray) -> set[bytes]:
    """The kinds of chunk ahead of the pixels."""
    found: set[bytes] = set()
    place = len(_PNG)
    while place + 8 <= len(content) and len(found) < 64:
        length, kind = struct.unpack_from(">I4s", content.data, place)
        if kind == b"IDAT":
            break
        found.add(kind)
        place += length + 12
    return found


def _jpeg_channels(content: np.ndarray) -> int:
    """Channels that a JPEG's frame header declares; 3 where there is none."""
    place = 2
    while place + 10 <= len(content) and content[place] == 0xFF:
        marker = int(content[place + 1])
        if marker == 0xFF:
            place += 1
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return int(content[place + 9])
        else:
            place += 2 + struct.unpack_from(">H", content.data, place + 2)[0]
    return 3


def _webp(content: np.ndarray, grey: bool) -> Iterator[Picture]:
    kind = content[12:16].tobytes()
    lossy = kind == b"VP8 "
    alpha = kind == b"VP8L" and len(content) > 24 and bool(content[24] & 0x10)
    if kind == b"VP8X" and len(content) > 30:
        check_size(*(1 + int.from_bytes(content[at : at + 3].tobytes(), "little") for at in (24, 27)))
        lossy, alpha = b"VP8 " in content.tobytes(), bool(content[20] & 0x10)
        if content[20] & 0x02:
            yield from _by_pillow(content, lossy)
            return
    if alpha:
        yield _of_channels(decoded(content, cv2.IMREAD_UNCHANGED), lossy)
    else:
        yield _coloured(content, lossy, grey and lossy)


def _coloured(content: np.ndarray, lossy: bool, grey: bool = False) -> Picture:
    if lossy:
        # The grey of the format itself: that of the colours may differ from it by one.
        plain = decoded(content)
        if grey:
            return Picture(plain, lossy=True)
        coloured = _of_channels(decoded(content, cv2.IMREAD_COLOR), True)
        return coloured if coloured.values.ndim == 3 else Picture(plain, lossy=True)
    return _of_channels(decoded(content, cv2.IMREAD_UNCHANGED))


def _of_channels(image: np.ndarray, lossy: bool = False) -> Picture:
    """A picture of OpenCV's channels: one, or blue, green, red and alpha."""
    if image.ndim == 2:
        return Picture(image, lossy=lossy)
    channels = cv2.split(image)
    alpha = _to_8_bits(np.asarray(channels[3])) if len(channels) == 4 else None
    blue, green, red = channels[:3]
    if max(_differ(blue, green, lossy), _differ(green, red, lossy)):
        values = _to_8_bits(cv2.merge([red, green, blue]))
        return Picture(values, alpha, lossy=lossy)
    if cv2.norm(blue, green, cv2.NORM_INF) or cv2.norm(green, red, cv2.NORM_INF):
        return Picture(np.asarray(cv2.cvtColor(image[..., :3], cv2.COLOR_BGR2GRAY)), alpha, lossy=lossy)
    return Picture(np.asarray(green), alpha, lossy=lossy)


def _differ(first: np.ndarray, second: np.ndarray, lossy: bool) -> bool:
    scale = 257 if first.dtype == np.uint16 else 1
    if not lossy:
        return bool(cv2.norm(first, second, cv2.NORM_INF) > _TINT * scale)
    far = cv2.absdiff(first, second) > _LOSSY_TINT * scale
    return bool(np.count_nonzero(far) > _LOSSY_SHARE * far.size)


def _to_8_bits(values: np.ndarray) -> np.ndarray:
    if values.dtype == np.uint16:
        return np.asarray(values >> 8, np.uint8)
    return np.asarray(np.clip(values, 0, 255), np.uint8)


def _by_pillow(content: np.ndarray, lossy: bool = False) -> Iterator[Picture]:
    """The pages, read by Pillow: it knows palettes, pages and animations; OpenCV the rest of TIFF."""
    from PIL import Image

    try:
        with _quietly():
            # The size is checked here: Pillow warns of large ones and reads them.
            opened = Image.open(io.BytesIO(content.tobytes()))
    except Exception as error:
        yield _by_opencv(content, error)
        return
    found = False
    with opened:
        for page in range(MOST_PAGES + 1):
            try:
                with _quietly():
                    picture = _page(opened, page, lossy)
            except EOFError as error:
                if not found:
                    raise _damaged(error, content) from error
                return
            except UnreadableImage:
                raise
            except Exception as error:  # a damaged file may raise anything
                if page:
                    raise _damaged(error, content) from error
                yield _by_opencv(content, error)
                return
            if page == MOST_PAGES:
                raise UnreadableImage(f"more than {MOST_PAGES} pages")
            if picture is not None:
                found = True
                yield picture


@contextmanager
def _quietly() -> Iterator[None]:
    # Filters of warnings belong to the whole process: one thread at a time.
    with _LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _damaged(error: Exception, content: np.ndarray) -> UnreadableImage:
    if type(error).__name__ == "DecompressionBombError":
        return UnreadableImage("its header declares a size beyond any frame")
    return UnreadableImage(f"damaged ({len(content)} bytes): {error}")


def _by_opencv(content: np.ndarray, error: Exception) -> Picture:
    """What Pillow cannot read: TIFF of double numbers and the like."""
    if isinstance(error, UnreadableImage):
        raise error
    head = content[:4].tobytes()
    if not head.startswith((b"II", b"MM", b"\x89PNG")):
        raise _damaged(error, content) from error
    return _of_channels(decoded(content, cv2.IMREAD_UNCHANGED))


def _page(image: Image, page: int, lossy: bool) -> Picture | None:
    """One page of an opened file; None for one that is no frame."""
    image.seek(page)
    check_size(*image.size)
    tags: Any = getattr(image, "tag_v2", {})
    if (tags.get(_THUMBNAIL, 0) & 1) or (page == 0 and getattr(image, "default_image", False)):
        return None
    lossy = lossy or (_COMPRESSION in tags and image.info.get("compression") in _LOSSY_TIFF)
    moving = image.format != "TIFF" and getattr(image, "is_animated", False)
    mode = image.mode
    if mode == "1":
        return Picture(np.asarray(image.convert("L")), lossy=lossy)
    if mode == "P" and not moving:
        return _of_palette(image)
    if mode == "P":
        # Each frame of an animation may have a palette of its own: colours are what they share.
        return _of_pillow(np.asarray(image.convert("RGBA")), lossy)
    if mode in _EIGHT:
        transparent = "transparency" in image.info and mode in ("L", "RGB")
        return _of_pillow(np.asarray(image.convert("RGBA") if transparent else image), lossy)
    if mode.startswith(("I", "F")):
        return Picture(np.asarray(image), lossy=lossy)
    return _of_pillow(np.asarray(image.convert("RGB")), lossy)


def _of_pillow(array: np.ndarray, lossy: bool) -> Picture:
    if array.ndim == 2:
        return Picture(array, lossy=lossy)
    if array.shape[2] == 2:
        return Picture(np.ascontiguousarray(array[..., 0]), np.ascontiguousarray(array[..., 1]), lossy=lossy)
    order = [2, 1, 0, 3][: array.shape[2]]
    return _of_channels(np.ascontiguousarray(array[..., order]), lossy)


def _of_palette(image: Image) -> Picture:
    indices = np.asarray(image)
    colours = np.asarray(image.getpalette("RGB") or [], np.uint8).reshape(-1, 3)
    # An index beyond the palette has no colour.
    palette = np.zeros((256, 3), np.uint8)
    palette[: len(colours)] = colours[:256]
    opaque = np.full(256, 255, np.uint8)
    clear = image.info.get("transparency")
    if isinstance(clear, int):
        opaque[clear] = 0
    elif clear is not None:
        given = np.frombuffer(clear, np.uint8)[:256]
        opaque[: len(given)] = given
    alpha = cv2.LUT(indices, opaque) if clear is not None else None
    if (palette == palette[:, :1]).all():
        return Picture(cv2.LUT(indices, np.ascontiguousarray(palette[:, 0])), alpha)
    return Picture(indices, alpha, palette)
